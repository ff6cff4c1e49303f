"""Videos: their own clock, seeking, turned ones, and files that are none."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from app.media import videos
from app.media.slides import Pictures
from app.media.sources import Frame, SkippedError, SourceError, every
from app.media.videos import Video, VideoStream, source_of
from tests.benchmarks.fuzz_videos import h264
from tests.media.conftest import Make

ROOT = Path(__file__).parents[2]


def frames(stream: VideoStream) -> list[Frame]:
    return list(iter(stream.read, None))


def brightness(frame: Frame | None) -> int:
    """Which frame of `video` it is: they are of brightness 20 n."""
    assert frame is not None
    return round(float(frame.pixels.mean()) / 20)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "clip.mkv", "clip.mov"])
def test_all_frames_with_their_times(video: Make, name: str) -> None:
    with closing(Video(video(name)).open()) as stream:
        assert (stream.size, stream.fps, stream.length) == ((64, 48), 10.0, 1.2)
        read = frames(stream)
        assert stream.read() is None
    assert [frame.time for frame in read] == pytest.approx([n / 10 for n in range(12)])
    assert [brightness(frame) for frame in read] == list(range(12))
    assert [frame.number for frame in read] == list(range(12))
    assert {frame.name for frame in read} == {name}
    assert read[0].pixels.shape == (48, 64, 3)
    assert read[0].pixels.dtype == np.uint8


def test_a_stream_without_time_stamps(tmp_path: Path) -> None:
    path = tmp_path / "clip.h264"
    path.write_bytes(h264(20))
    with closing(Video(path).open()) as stream:
        read = frames(stream)
        fps = stream.fps
    assert fps is not None
    assert [round((float(frame.pixels.mean()) * 219 / 255) / 8) for frame in read] == list(range(20))
    assert [frame.time for frame in read] == pytest.approx([n / fps for n in range(20)])


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi"])
def test_seeking_is_exact(video: Make, name: str) -> None:
    with closing(Video(video(name)).open()) as stream:
        for time, expected in ((0.5, 5), (0.0, 0), (1.1, 11), (0.31, 4), (0.9, 9), (0.1, 1)):
            stream.seek(time)
            frame = stream.read()
            assert brightness(frame) == expected
            assert frame is not None
            assert frame.time == pytest.approx(expected / 10)
            if expected < 11:
                assert brightness(stream.read()) == expected + 1
        stream.seek(5.0)
        assert stream.read() is None
        stream.seek(0.2)  # and back from the end
        assert brightness(stream.read()) == 2


def test_jpegs_one_after_the_other(tmp_path: Path) -> None:
    """What network cameras save: ffmpeg takes it for a row of pictures."""
    import cv2

    path = tmp_path / "clip.mjpeg"
    for n in range(5):
        pixels = np.full((48, 64, 3), 20 * n, np.uint8)
        path.write_bytes((path.read_bytes() if n else b"") + cv2.imencode(".jpg", pixels)[1].tobytes())
    with closing(Video(path).open()) as stream:
        assert stream.length is None
        assert [brightness(frame) for frame in frames(stream)] == [0, 1, 2, 3, 4]


def test_every_second(video: Make) -> None:
    with closing(Video(video(frames=35)).open()) as stream:
        assert [frame.time for frame in every(stream, 1.0, pytest.fail)] == pytest.approx([0.0, 1.0, 2.0, 3.0])
    with closing(Video(video(frames=6)).open()) as stream:
        assert [frame.time for frame in every(stream, 0.25, pytest.fail)] == pytest.approx([0.0, 0.3, 0.5])
    with closing(Video(video(frames=3)).open()) as stream:
        assert len(list(every(stream, 0.01, pytest.fail))) == 3  # none twice


def varied(path: Path) -> list[float]:
    """Gives an MP4 of 10 frames a second a varying rate: rewrites its table of durations. Returns the times."""
    data = path.read_bytes()
    at = data.index(b"stts") + 4
    count = int.from_bytes(data[at + 4 : at + 8], "big")
    assert count == 1  # all frames last equally long
    number, duration = (int.from_bytes(data[at + 8 + 4 * i : at + 12 + 4 * i], "big") for i in (0, 1))
    # Half of the frames are given five times as long: a table of two lines in the place of one, and the boxes around
    # it grow by eight bytes. They end after all pictures (mdat stands first), so no offset changes.
    lines = (2, number // 2, duration, number - number // 2, 5 * duration)
    table = b"".join(value.to_bytes(4, "big") for value in lines)
    changed = bytearray(data[: at + 4] + table + data[at + 16 :])
    assert data.index(b"mdat") < data.index(b"moov")
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"):
        head = changed.index(name, data.index(b"moov")) - 4
        size = int.from_bytes(changed[head : head + 4], "big") + 8
        changed[head : head + 4] = size.to_bytes(4, "big")
    path.write_bytes(changed.replace(b"edts", b"free"))  # and nothing is cut off where it ended before
    short, half = 0.1, number // 2
    return [n * short for n in range(half)] + [half * short + n * 5 * short for n in range(number - half)]


def test_a_varying_rate(video: Make) -> None:
    path = video(frames=12)
    times = varied(path)
    with closing(Video(path).open()) as stream:
        assert [frame.time for frame in frames(stream)] == pytest.approx(times)
        for wanted in (7, 2, 11, 6, 5, 0):
            stream.seek(times[wanted])
            frame = stream.read()
            assert brightness(frame) == wanted
            assert frame is not None
            assert frame.time == pytest.approx(times[wanted])
        stream.seek(times[6] + 0.2)
        assert brightness(stream.read()) == 7


def test_a_turned_video_is_upright(video: Make) -> None:
    """What telephones write: the picture lies on its side, and the track's matrix turns it."""
    import cv2

    path = video()
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"mp4v"), 10.0, (64, 48))
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32] = 255  # the left half is white
    for _ in range(3):
        writer.write(picture)
    writer.release()
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    assert int.from_bytes(data[matrix : matrix + 4], "big") == one
    values = (0, one, 0, -one, 0, 0, 0, 0, 1 << 30)  # a quarter turn to the right
    data[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)
    path.write_bytes(data)
    with closing(Video(path).open()) as stream:
        frame = stream.read()
    assert frame is not None
    assert frame.pixels.shape == (64, 48, 3)
    assert stream.size == (48, 64)
    assert frame.pixels[:30].mean() > 200  # what was left is on top
    assert frame.pixels[34:].mean() < 50


@pytest.mark.parametrize("name", ["clip.avi", "clip.mp4"])
def test_one_picture_as_a_file_and_as_a_video(tmp_path: Path, name: str) -> None:
    """The same colours, whichever way it comes: no channels swapped, no range of brightness stretched."""
    import cv2
    from PIL import Image

    picture = np.zeros((96, 128, 3), np.uint8)  # RGB
    picture[:48, :64], picture[:48, 64:], picture[48:, :64] = (220, 30, 40), (20, 200, 60), (30, 50, 210)
    picture[48:, 64:] = np.linspace(16, 240, 64, dtype=np.uint8)[None, :, None]
    Image.fromarray(picture).save(tmp_path / "picture.png")
    code = cv2.VideoWriter_fourcc(*("MJPG" if name.endswith("avi") else "mp4v"))
    writer = cv2.VideoWriter(str(tmp_path / name), cv2.CAP_FFMPEG, code, 10.0, (128, 96))
    writer.write(picture[..., ::-1].copy())
    writer.release()
    slide = Pictures((tmp_path / "picture.png",)).open().read()
    with closing(Video(tmp_path / name).open()) as stream:
        frame = stream.read()
    assert slide is not None
    assert frame is not None
    difference = np.abs(frame.pixels.astype(int) - slide.pixels)
    assert difference.mean() < 4  # what the codec loses, most of it where colours meet
    assert np.median(difference) <= 3


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        Video(path).open()
    return str(caught.value)


def test_files_that_are_no_videos(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone.mp4") == "gone.mp4 could not be opened: there is no such file (any more)."
    (tmp_path / "empty.mp4").touch()
    assert refused(tmp_path / "empty.mp4") == (
        "empty.mp4 could not be opened: the file is empty. Copy or download it again."
    )
    (tmp_path / "folder.mp4").mkdir()
    assert refused(tmp_path / "folder.mp4") == "folder.mp4 could not be opened: it is a folder."
    (tmp_path / "page.mp4").write_text("<html>" * 200)
    assert refused(tmp_path / "page.mp4") == "page.mp4 could not be opened: it is not a video, whatever its name says."
    (tmp_path / "letter.txt").write_text("Dear ffmpeg" * 200)
    assert refused(tmp_path / "letter.txt") == (
        "letter.txt could not be opened: it is not a video that Triptych can read."
    )
    assert refused(tmp_path / "a\0b.mp4").startswith("a�b.mp4 could not be opened: ")


def test_unreadable(video: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = video()

    def denied(self: Path, *_: object) -> None:  # nobody denies the administrator anything, who may run the tests
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert refused(path) == "clip.mp4 could not be opened: you have no permission to read it."


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert refused(tmp_path / "pipe.mp4") == "pipe.mp4 could not be opened: it is not a file."


def test_no_frames(video: Make) -> None:
    assert "could not be opened: " in refused(video(frames=0))
    assert "could not be opened: " in refused(video("clip.avi", frames=0))


def test_a_beginning_only(video: Make) -> None:
    path = video()
    path.write_bytes(path.read_bytes()[:300])  # the table of frames stands at the end
    assert refused(path) == (
        "clip.mp4 could not be opened: it holds no video that Triptych can read. The file may be damaged: copy or "
        "download it again, or convert it to MP4 (H.264)."
    )


def test_an_end_that_is_missing(video: Make) -> None:
    """Its header promises more than there is: what is there is played, then it is said."""
    path = video("clip.avi", frames=100)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 4 // 10])
    said: list[str] = []
    with closing(Video(path).open()) as stream:
        played = list(every(stream, 0.1, said.append))
    (sentence,) = said
    assert sentence.startswith("clip.avi breaks off at 0:0")
    assert 20 < len(played) < 60
    with closing(Video(path).open()) as stream:
        with pytest.raises(SkippedError):
            frames(stream)
        assert stream.read() is None
        assert stream.read() is None


def test_changed_while_it_is_read(video: Make) -> None:
    path = video("clip.avi", frames=400, size=(320, 240))  # more than what ffmpeg reads ahead
    with closing(Video(path).open()) as stream:
        stream.read()
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 4)
        with pytest.raises(SourceError, match=r"^clip\.avi was changed while it was being read\. Open it again\.$"):
            frames(stream)


def test_replaced_while_it_is_read(video: Make) -> None:
    """What was opened is played to its end (and so is a file that grows), where the system lets anybody do that."""
    path = video("clip.avi", frames=200, size=(320, 240))
    with closing(Video(path).open()) as stream:
        with path.open("ab") as file:
            file.write(bytes(100_000))
        assert len(frames(stream)) == 200
    path = video("clip.avi", frames=400, size=(320, 240))
    with closing(Video(path).open()) as stream:
        stream.read()
        path.write_bytes(bytes(path.stat().st_size))  # overwritten in its place
        with pytest.raises(SourceError, match="was changed while it was being read"):
            frames(stream)


def test_a_play_list_reaches_for_nothing(tmp_path: Path, video: Make) -> None:
    clip = video("clip.avi")
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.2,\nhttp://127.0.0.1:9/x.ts\n#EXTINF:1.2,\n{clip}\n#EXT-X-ENDLIST\n"
    (tmp_path / "list.mp4").write_text(text)
    assert refused(tmp_path / "list.mp4").startswith("list.mp4 could not be opened: it is not a video")
    (tmp_path / "concat.avi").write_text(f"ffconcat version 1.0\nfile {clip.name}\n")
    assert refused(tmp_path / "concat.avi").startswith("concat.avi could not be opened: it is not a video")


def test_too_many_pixels(video: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videos, "MAX_PIXELS", 1000)
    assert "64 × 48 pixels are more than" in refused(video())


def test_ffmpeg_keeps_silent(tmp_path: Path, video: Make) -> None:
    """In a process of its own: what C code writes to stderr, pytest's own process may have redirected."""
    path = video("clip.avi")
    data = path.read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) // 2])
    damaged = bytearray(data)
    damaged[len(data) // 2 :: 7] = bytes(len(damaged[len(data) // 2 :: 7]))
    (tmp_path / "damaged.avi").write_bytes(damaged)
    (tmp_path / "none.mp4").write_bytes(data[:40])
    code = """
import sys
from pathlib import Path
from app.media.sources import SourceError
from app.media.videos import Video
for name in sys.argv[1:]:
    try:
        stream = Video(Path(name)).open()
        while stream.read():
            pass
    except SourceError as error:
        print(error)
"""
    names = [str(path) for path in sorted(tmp_path.iterdir())]
    finished = subprocess.run(
        [sys.executable, "-c", code, *names], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert finished.returncode == 0
    assert finished.stderr == ""
    assert "none.mp4 could not be opened" in finished.stdout


def test_what_dropped_files_are(tmp_path: Path, video: Make) -> None:
    clip = video()
    assert source_of([clip]) == Video(clip)
    assert source_of([tmp_path / "unknown"]) == Video(tmp_path / "unknown")
    assert source_of([tmp_path]) == Pictures((tmp_path,))
    assert source_of([tmp_path / "a.JPG"]) == Pictures((tmp_path / "a.JPG",))
    assert source_of([clip, tmp_path / "a.jpg"]) == Pictures((clip, tmp_path / "a.jpg"))
