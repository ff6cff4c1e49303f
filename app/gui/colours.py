"""The colours of both themes by role, and how far apart they are. Imports no Qt."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Colours:
    """Hex colours by role. `marks` are for charts, one a model or a curve: Okabe-Ito's blue, vermilion-orange, green,
    purple and yellow, darkened or lightened until they stand out from the surface (3 : 1)."""

    surface: str  # the window
    raised: str  # fields, lists, buttons
    text: str
    secondary: str
    disabled: str
    hairline: str  # separates, says nothing
    outline: str  # the edge of a control
    accent: str  # links, selection, the running model
    on_accent: str
    soft: str  # behind what is selected; text stays readable on it
    warning: str
    error: str
    good: str
    marks: tuple[str, ...]

    def of(self, role: str) -> str:
        colour: str = getattr(self, role)
        return colour


LIGHT = Colours(
    surface="#fafaf9",
    raised="#ffffff",
    text="#1c1e20",
    secondary="#5a5f66",
    disabled="#8d9299",
    hairline="#dfe0e1",
    outline="#84898f",
    accent="#0b63b0",
    on_accent="#ffffff",
    soft="#e4eef9",
    warning="#8a5300",
    error="#b3261e",
    good="#1a7343",
    marks=("#0072b2", "#b85c00", "#007f5f", "#a34579", "#7d6c00"),
)
DARK = Colours(
    surface="#1b1d1f",
    raised="#232629",
    text="#eceef0",
    secondary="#a8afb6",
    disabled="#757c83",
    hairline="#383c40",
    outline="#7d848b",
    accent="#6cb2f2",
    on_accent="#0d1b28",
    soft="#24384b",
    warning="#f0b45a",
    error="#ff8a80",
    good="#6fd19c",
    marks=("#56b4e9", "#e69f00", "#2fbf96", "#d58fb5", "#f0e442"),
)

ROLES = tuple(field.name for field in fields(Colours) if field.name != "marks")


def contrast(one: str, other: str) -> float:
    """The contrast of two hex colours, 1 to 21 (WCAG 2.1)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
