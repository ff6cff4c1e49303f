"""OpenCV, imported late, silent, and kept to files: what it and its ffmpeg say on stderr is nothing for a person."""

from __future__ import annotations

import os
from typing import Any

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,mjpeg,jpeg_pipe,asf,flv,ogg,dv,gif"
)


def import_cv2() -> Any:
    """The module cv2. ffmpeg reads its settings from the environment when it is first used."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")  # else opening a camera takes up to a minute
    # A play list named .mp4 must not make ffmpeg reach for other files or addresses.
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"protocol_whitelist;file|format_whitelist;{_FORMATS}"
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
