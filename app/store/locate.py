"""Where files lie: what the program brings along, and the person's own folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.store.errors import StoreError

APP_FOLDER = Path(__file__).resolve().parent.parent
HOME_VARIABLE = "TRIPTYCH_HOME"


@dataclass(frozen=True)
class Folders:
    """The person's folders. Nothing is made before something is written: see `writable`."""

    config: Path
    data: Path
    cache: Path
    logs: Path
    models: Path  # downloaded and imported weights, a card or a receipt beside each


def bundled(name: Literal["weights", "assets"]) -> Path:
    """The folder that comes with the program: inside the installed wheel, or at the root of a checkout.

    Raises StoreError where neither is there."""
    for folder in (APP_FOLDER / "bundled" / name, APP_FOLDER.parent / name):
        if folder.is_dir():
            return folder
    raise StoreError(f"Triptych's own folder “{name}” is missing: this installation is incomplete, install it again.")


def folders() -> Folders:
    """The person's folders as the system wants them; `TRIPTYCH_HOME` puts all of them under one folder."""
    if home := os.environ.get(HOME_VARIABLE):
        root = Path(home).expanduser().absolute()
        data = root / "data"
        return Folders(root / "config", data, root / "cache", root / "logs", data / "models")
    import platformdirs

    # No author: Windows would otherwise put an author's folder around ours.
    dirs = platformdirs.PlatformDirs("triptych", appauthor=False)
    data = dirs.user_data_path
    return Folders(dirs.user_config_path, data, dirs.user_cache_path, dirs.user_log_path, data / "models")


def writable(folder: Path) -> Path:
    """The same folder, made if it isn't there yet. Raises StoreError where that is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder “{folder.name}” can't be made ({error.strerror or error}). "
            f"Give Triptych a folder it may write to, with the environment variable {HOME_VARIABLE}."
        ) from error
    if not os.access(folder, os.W_OK):
        raise StoreError(
            f"The folder “{folder.name}” can't be written to. "
            f"Give Triptych a folder it may write to, with the environment variable {HOME_VARIABLE}."
        )
    return folder
