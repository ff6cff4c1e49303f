"""What Qt needs of a Linux system.

Imports no Qt: where a library or the screen is missing, Qt ends the process before any `except`. The lists are what
`readelf -d` says of PySide6's libQt6Gui, libQt6XcbQpa and platform plugins (6.12).
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

# Library: its package in Debian and in Fedora. First what Qt itself loads, on any platform.
ALWAYS = {
    "libEGL.so.1": ("libegl1", "libglvnd-egl"),
    "libGL.so.1": ("libgl1", "libglvnd-glx"),
    "libxkbcommon.so.0": ("libxkbcommon0", "libxkbcommon"),
    "libfontconfig.so.1": ("libfontconfig1", "fontconfig"),
    "libfreetype.so.6": ("libfreetype6", "freetype"),
    "libdbus-1.so.3": ("libdbus-1-3", "dbus-libs"),
    "libglib-2.0.so.0": ("libglib2.0-0", "glib2"),
    "libgthread-2.0.so.0": ("libglib2.0-0", "glib2"),
    "libX11.so.6": ("libx11-6", "libX11"),
}
X11 = {
    "libxcb.so.1": ("libxcb1", "libxcb"),
    "libX11-xcb.so.1": ("libx11-xcb1", "libX11-xcb"),
    "libxkbcommon-x11.so.0": ("libxkbcommon-x11-0", "libxkbcommon-x11"),
    "libxcb-cursor.so.0": ("libxcb-cursor0", "xcb-util-cursor"),
    "libxcb-icccm.so.4": ("libxcb-icccm4", "xcb-util-wm"),
    "libxcb-image.so.0": ("libxcb-image0", "xcb-util-image"),
    "libxcb-keysyms.so.1": ("libxcb-keysyms1", "xcb-util-keysyms"),
    "libxcb-render-util.so.0": ("libxcb-render-util0", "xcb-util-renderutil"),
    "libxcb-util.so.1": ("libxcb-util1", "xcb-util"),
    "libxcb-randr.so.0": ("libxcb-randr0", "libxcb"),
    "libxcb-render.so.0": ("libxcb-render0", "libxcb"),
    "libxcb-shape.so.0": ("libxcb-shape0", "libxcb"),
    "libxcb-shm.so.0": ("libxcb-shm0", "libxcb"),
    "libxcb-sync.so.1": ("libxcb-sync1", "libxcb"),
    "libxcb-xfixes.so.0": ("libxcb-xfixes0", "libxcb"),
    "libxcb-xkb.so.1": ("libxcb-xkb1", "libxcb"),
}
WAYLAND = {
    "libwayland-client.so.0": ("libwayland-client0", "libwayland-client"),
    "libwayland-cursor.so.0": ("libwayland-cursor0", "libwayland-cursor"),
}
NO_FONTS = (
    "there is no font on this system, so the window would be without letters. Install one: "
    "Debian, Ubuntu: sudo apt install fonts-dejavu-core; Fedora: sudo dnf install dejavu-sans-fonts"
)


def wanted(environment: Mapping[str, str] | None = None) -> dict[str, tuple[str, str]]:
    """The libraries for the platform that Qt will choose here; none on Windows and macOS, where Qt brings its own.

    Where both Wayland and X11 are there, Qt falls back from one to the other: then neither's own are asked for."""
    environment = os.environ if environment is None else environment
    if not sys.platform.startswith("linux"):
        return {}
    platform = environment.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if not platform:
        wayland, x11 = bool(environment.get("WAYLAND_DISPLAY")), bool(environment.get("DISPLAY"))
        platform = {(True, False): "wayland", (False, True): "xcb"}.get((wayland, x11), "")
    return {**ALWAYS, **{"xcb": X11, "wayland": WAYLAND}.get(platform, {})}


def missing_libraries() -> list[str]:
    """The system libraries that Qt needs here and that cannot be loaded."""
    missing = []
    for name in wanted():
        try:
            ctypes.CDLL(name)
        except OSError:
            missing.append(name)
    return missing


def advice(missing: Iterable[object]) -> str:
    """What to install for `missing`, in the words of the two families of Linux."""
    known = {**ALWAYS, **X11, **WAYLAND}
    pairs = [known[str(name)] for name in missing if str(name) in known]
    debian = " ".join(dict.fromkeys(pair[0] for pair in pairs))
    fedora = " ".join(dict.fromkeys(pair[1] for pair in pairs))
    return f"Debian, Ubuntu: sudo apt install {debian}; Fedora: sudo dnf install {fedora}"


def screen_problem(environment: Mapping[str, str] | None = None) -> str | None:
    """A sentence where there is no screen to open a window on."""
    environment = os.environ if environment is None else environment
    if not sys.platform.startswith("linux") or environment.get("QT_QPA_PLATFORM"):
        return None
    wayland = environment.get("WAYLAND_DISPLAY")
    if wayland and (Path(environment.get("XDG_RUNTIME_DIR", "/")) / wayland).exists():  # an absolute one stays so
        return None
    if display := environment.get("DISPLAY"):
        if _display_opens(display):
            return None
        return (
            f"The screen {display} (DISPLAY) can't be opened, so there is no place for a window. "
            "Start Triptych from a desktop session of your own, or use the command line: triptych classify PICTURE."
        )
    return (
        "There is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set), so the window can't be opened. "
        "Start Triptych from a desktop session, or use the command line: triptych classify PICTURE."
    )


def keep_constants() -> None:
    """PySide6 6.12.0 drops a reference to True at every `Signal.emit`, and to None at queued calls and at models' data
    that is None. Harmless from Python 3.12 on, where these objects are immortal; before, the process dies within
    minutes ("bool_dealloc: deallocating True or False"). PySide6 6.8 to 6.11 are sound. So give the older Python what
    the newer one does: references that no one can use up."""
    if sys.version_info < (3, 12) and sys.implementation.name == "cpython" and sys.maxsize > 2**32:
        for constant in (None, True, False):
            ctypes.c_ssize_t.from_address(id(constant)).value += 1 << 40


def problem() -> str | None:
    """Why no window can be opened here and what to do, or None."""
    if missing := missing_libraries():
        names = ", ".join(missing)
        return f"The window needs libraries of the system that are missing here ({names}). {advice(missing)}"
    return screen_problem()


def _display_opens(display: str) -> bool:
    """Asks the X server as Qt would; Qt itself ends the process where it doesn't answer."""
    try:
        library = ctypes.CDLL("libX11.so.6")
    except OSError:
        return True  # for `missing_libraries` to say
    library.XOpenDisplay.restype = ctypes.c_void_p
    library.XOpenDisplay.argtypes = [ctypes.c_char_p]
    library.XCloseDisplay.argtypes = [ctypes.c_void_p]
    opened = library.XOpenDisplay(os.fsencode(display))
    if not opened:
        return False
    library.XCloseDisplay(opened)
    return True
