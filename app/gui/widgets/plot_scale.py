"""Where the lines of an axis stand and how its numbers are written. Knows neither widgets nor colours."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QLocale

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Scale:
    """`low` to `high` in the axis' own terms: numbers, or their decimal logarithms where `log`."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def around(cls, values: Iterable[float], log: bool = False, from_zero: bool = False) -> Scale:
        """A scale that holds all of `values`, ending on a line of its own. On a logarithmic one what is not positive
        has no place (`place` says so)."""
        terms = [math.log10(v) for v in values if v > 0] if log else list(values)
        if not terms:
            return cls(-1.0, 0.0, True) if log else cls(0.0, 1.0)
        low, high = min(terms), max(terms)
        if log:
            room = max(0.06, (high - low) * 0.04)
            low, high = low - room, high + room
            if high - low < 1.0:  # a decade at least: what hardly changes is not to look like a precipice
                middle = (low + high) / 2
                low, high = middle - 0.5, middle + 0.5
            return cls(low, high, True)
        if from_zero:
            low, high = min(0.0, low), max(0.0, high)
        if low == high:
            low, high = low - 0.5, high + 0.5
        step = _step(high - low, 6)
        return cls(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step)

    def united(self, other: Scale) -> Scale:
        return Scale(min(self.low, other.low), max(self.high, other.high), self.log)

    def place(self, value: float) -> float | None:
        """0 to 1 along the axis, more or less beyond its ends; None where the value has no logarithm."""
        if self.log:
            if not value > 0:
                return None
            value = math.log10(value)
        return (value - self.low) / (self.high - self.low)

    def lines(self, most: int) -> list[float]:
        """Round values between the ends, `most` of them at most."""
        if not self.log:
            step = _step(self.high - self.low, max(1, most - 1))
            first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            return [k * step for k in range(first, last + 1)]
        first, last = math.ceil(self.low), math.floor(self.high)
        if last - first < 2:  # hardly a decade: 1, 2 and 5 of each as well
            parts = [m * 10.0**e for e in range(first - 1, last + 1) for m in (1, 2, 5)]
            inside = [part for part in parts if self.low <= math.log10(part) <= self.high]
            if len(inside) <= max(2, most):
                return inside
        stride = max(1, math.ceil((last - first + 1) / max(1, most)))
        if stride > 2:
            stride = int(_step((last - first + 1), max(1, most)))
        first = math.ceil(first / stride) * stride
        return [10.0**e for e in range(first, last + 1, stride) if e > -308]


def _step(length: float, most: int) -> float:
    """The least of 1, 2, 5, 10 … that divides `length` into `most` parts or fewer."""
    rough = length / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))


def value_words(value: float, digits: int = 3) -> str:
    """`value` with so many significant digits: "0", "0.0312", "41.5", "2.31 × 10⁻⁷"."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    power = int(exponent)
    if -3 <= power < 5:
        return QLocale().toString(float(f"{mantissa}e{power}"), "f", max(0, digits - 1 - power))
    return f"{QLocale().toString(float(mantissa), 'f', digits - 1)} × 10{str(power).translate(RAISED)}"


def line_words(value: float, log: bool) -> str:
    """The number at a line of an axis, as short as it can be said."""
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.6e}".partition("e")
    power, lead = int(exponent), float(mantissa)
    if -3 <= power < (4 if log else 6):
        text = f"{value:.6g}"
        return QLocale().toString(value, "f", len(text.partition(".")[2]))
    head = "" if lead == 1.0 and log else f"{QLocale().toString(lead, 'g', 3)} × "
    return f"{head}10{str(power).translate(RAISED)}"
