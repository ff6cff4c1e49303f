"""The libraries that Triptych stands on: which are there, which can't be loaded and what to do about it."""

from __future__ import annotations

import importlib
import importlib.metadata
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


LIBRARIES = (
    Library("numpy", "numpy", "everything"),
    Library("PIL", "Pillow", "reading pictures"),
    Library("pi_heif", "pi-heif", "reading HEIC pictures", optional=True),
    Library("torch", "torch", "reading weights, and running networks on graphics cards"),
    Library("torchvision", "torchvision", "the records of official weights", optional=True),
    Library("openvino", "openvino", "running networks fast on the processor", optional=True),
    Library("cv2", "opencv-python-headless", "cameras and videos", optional=True),
    Library("safetensors", "safetensors", "reading weights"),
    Library("sentencepiece", "sentencepiece", "translating", optional=True),
    Library("httpx", "httpx", "downloading models", optional=True),
    Library("platformdirs", "platformdirs", "finding your folders"),
    Library("psutil", "psutil", "showing memory", optional=True),
    Library("PySide6", "PySide6-Essentials", "the window"),
)


def installed(distribution: str) -> str | None:
    """The version that is installed, or None. Imports nothing."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def reinstall(distribution: str) -> str:
    """The command that puts a library right: the version that is there, or that Triptych asks for."""
    pip = f'"{sys.executable}" -m pip install --force-reinstall --no-deps'
    there = installed(distribution)
    if there is not None:
        cpu = " --index-url https://download.pytorch.org/whl/cpu" if there.endswith("+cpu") else ""
        return f'{pip} "{distribution}=={there}"{cpu}'
    wanted = distribution
    try:
        for requirement in importlib.metadata.requires("triptych") or ():
            name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
            if name.lower() == distribution.lower() and "extra ==" not in requirement:
                wanted = requirement.split(";")[0].strip()
    except importlib.metadata.PackageNotFoundError:
        pass
    return f'{pip} "{wanted}"'


def why_not(library: Library) -> str | None:
    """Tries to import it. None where that works, else the reason. Qt is only looked for, never imported here."""
    if library.module == "PySide6":
        return None if importlib.util.find_spec("PySide6") else "it is not installed"
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
