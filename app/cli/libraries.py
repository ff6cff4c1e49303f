"""The libraries that Triptych stands on: which are there, which can't be loaded and what to do about it."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Library:
    """`module` is imported, `distribution` installed; `use` completes "needed for …"."""

    module: str
    distribution: str
    use: str
    optional: bool = False


CAMERAS = Library("cv2_enumerate_cameras", "cv2-enumerate-cameras", "the names of cameras", optional=True)
NOT_ON_LINUX = () if platform.system() == "Linux" else (CAMERAS,)  # which says itself what is plugged in
LIBRARIES = (
    Library("numpy", "numpy", "everything"),
    Library("PIL", "Pillow", "reading pictures"),
    Library("pi_heif", "pi-heif", "reading HEIC pictures", optional=True),
    Library("torch", "torch", "reading weights, and running networks on graphics cards"),
    Library("torchvision", "torchvision", "the records of official weights", optional=True),
    Library("openvino", "openvino", "running networks fast on the processor", optional=True),
    Library("cv2", "opencv-python-headless", "cameras and videos", optional=True),
    Library("safetensors", "safetensors", "reading weights"),
    Library("google_crc32c", "google-crc32c", "converting TensorFlow's checkpoints", optional=True),
    Library("sentencepiece", "sentencepiece", "translating", optional=True),
    Library("sacremoses", "sacremoses", "translating with the published GNMT", optional=True),
    Library("sentencex", "sentencex", "finding the sentences of a text", optional=True),
    Library("py3langid", "py3langid", "guessing the language of a text", optional=True),
    Library("httpx", "httpx", "downloading models", optional=True),
    Library("filelock", "filelock", "downloading and importing models", optional=True),
    Library("tomli_w", "tomli-w", "importing models", optional=True),
    Library("platformdirs", "platformdirs", "finding your folders"),
    Library("psutil", "psutil", "showing memory", optional=True),
    Library("pysubs2", "pysubs2", "saving captions as subtitles", optional=True),
    Library("PySide6", "PySide6-Essentials", "the window"),
    *NOT_ON_LINUX,
)


def installed(distribution: str) -> str | None:
    """The version that is installed, or None. Imports nothing."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def reinstall(distribution: str, version: str | None = None) -> str:
    """The command that puts a library right: `version`, or the one that is there, or what Triptych asks for."""
    pip = f'"{sys.executable}" -m pip install'
    there = installed(distribution)
    if there is None:
        return f'{pip} "{_required(distribution)}"'
    pip += " --force-reinstall --no-deps"
    cpu = " --index-url https://download.pytorch.org/whl/cpu" if there.endswith("+cpu") else ""
    return f'{pip} "{distribution}=={version or there}"{cpu}'


def tested(distribution: str) -> str | None:
    """The version that Triptych is pinned to; None for the many that it isn't picky about."""
    return _required(distribution).partition("==")[2] or None


def _required(distribution: str) -> str:
    """The requirement as Triptych's own metadata have it, such as "numpy>=2.0"; the bare name where they have none."""
    try:
        requirements = importlib.metadata.requires("triptych") or ()
    except importlib.metadata.PackageNotFoundError:
        requirements = ()
    for requirement in requirements:
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        if name.lower() == distribution.lower() and "extra ==" not in requirement:
            return requirement.split(";")[0].strip()
    return distribution


def why_not(library: Library) -> str | None:
    """Tries to import it. None where that works, else the reason. Qt is only looked for, never imported here."""
    if library.module == "PySide6":
        if importlib.util.find_spec("PySide6"):
            return None
        return "it is not installed" if installed(library.distribution) is None else "its files are missing"
    try:
        _importer(library.module)()
    except Exception as error:  # a broken installation may raise anything: OSError, AttributeError …
        if installed(library.distribution) is None:
            return "it is not installed"
        return " ".join(str(error).split()) or type(error).__name__
    return None


def _importer(module: str) -> Callable[[], object]:
    if module == "openvino":  # only ever by the one door that keeps it from phoning home
        from app.runtimes.openvino_runtime import import_openvino

        return import_openvino
    if module == "torchvision":
        from app.nets._torchvision import import_torchvision

        return import_torchvision
    return lambda: importlib.import_module(module)


def broken(error: ImportError) -> str:
    """A sentence for an import that failed: which library, why, what to do."""
    name = (error.name or "").split(".")[0]
    library = next((library for library in LIBRARIES if library.module == name), None)
    reason = " ".join(str(error).split())
    if library is None:
        return f'a library can\'t be loaded ({reason}). "triptych doctor" tells what is wrong and what to do.'
    return (
        f"{library.distribution}, needed for {library.use}, can't be loaded ({reason}). "
        f"Install it again: {reinstall(library.distribution)}"
    )


def engines_broken() -> list[str]:
    """Sentences about the two libraries that run networks, for when no network answers."""
    sentences = []
    for library in LIBRARIES:
        if library.module in ("torch", "openvino") and (reason := why_not(library)):
            sentences.append(
                f"{library.distribution}, needed for {library.use}, can't be loaded ({reason}). "
                f"Install it again: {reinstall(library.distribution)}"
            )
    return sentences
