"""What is said about an answer of the laboratory, and how it is drawn. Every number comes from the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QCoreApplication, QLocale

from app.engines.lab import SMALLEST_FLOAT32, Fresh, GradientCurve, Race, RaceEnd, RacePoint, Setup, SignalCurve
from app.gui import numbers
from app.gui.widgets.plot_paint import Chart, Series
from app.gui.widgets.plot_scale import value_words

Curve = SignalCurve | GradientCurve
NEARLY = 2.0  # a signal that changes by less than this factor is said to keep its size


def whole(setup: Setup) -> Setup:
    """What a setup is compared with: the same network with all its bypasses; for a plain one its residual twin, which
    has the same weights."""
    network = setup.network
    if isinstance(network, Fresh) and network.kind == "plain":
        return Setup(replace(network, kind="residual"))
    return Setup(network)


def is_plain(setup: Setup) -> bool:
    return isinstance(setup.network, Fresh) and setup.network.kind == "plain"


def setup_words(setup: Setup) -> str:
    """What is done to the bypasses."""
    if is_plain(setup):
        return _tr("plain: no bypasses")
    if setup == whole(setup):
        return _tr("all bypasses whole")
    if setup.bypass == 0:
        return _tr("all bypasses cut")
    words = _tr("bypass × {0}").format(scale_words(setup.bypass)) if setup.bypass < 1 else ""
    if setup.cut:
        cut = _tr("1 bypass cut") if len(setup.cut) == 1 else _tr("{0} bypasses cut").format(len(setup.cut))
        return f"{words}, {cut}" if words else cut
    return words


def scale_words(bypass: float) -> str:
    """0 to 1 with two decimals."""
    return QLocale().toString(bypass, "f", 2)


def kept_words(setup: Setup, names: dict[str, str]) -> str:
    """The name of a curve that is kept: the network, and what is done to its bypasses where something is."""
    network = network_words(setup.network, names)
    return network if is_plain(setup) or setup == whole(setup) else f"{network}: {setup_words(setup)}"


def network_words(network: str | Fresh, names: dict[str, str]) -> str:
    """ "ResNet-18", or "residual, 56 layers, He, normalised"."""
    if not isinstance(network, Fresh):
        return names.get(network, network)
    kind = _tr("plain") if network.kind == "plain" else _tr("residual")
    init = {"small": _tr("small Gaussian"), "xavier": "Xavier", "he": "He"}[network.init]
    norm = _tr("normalised") if network.norm else _tr("not normalised")
    return _tr("{0}, {1} layers, {2}, {3}").format(kind, network.depth, init, norm)


def compared_words(setup: Setup) -> str:
    """The name of the curve that `setup` is compared with."""
    if is_plain(setup):
        return _tr("the same weights with bypasses")
    return _tr("all bypasses whole")


# Drawing


def chart(now: Curve, beside: Curve | None, kept: Sequence[Series], of_weights: bool) -> Chart:
    """`beside`: the curve it is compared with, where that is another one; `kept`: curves of before. `of_weights`: of a
    gradient, that by the weights and not that by the activations."""
    series = [curve_series(now, of_weights, setup_words(now.setup), 0)]
    if beside is not None:
        series.append(curve_series(beside, of_weights, compared_words(now.setup), 1))
    if isinstance(now, SignalCurve):
        title, y_title = _tr("Signal through depth"), _tr("size of the activations (root mean square)")
    elif of_weights:
        title, y_title = _tr("Gradient through depth"), _tr("gradient of the loss by the weights (norm)")
    else:
        title, y_title = _tr("Gradient through depth"), _tr("gradient of the loss by the activations (norm)")
    levels = ((SMALLEST_FLOAT32, _tr("here single precision (float32) ends")),)
    return Chart(
        title,
        _tr("weight layers from the picture"),
        y_title,
        (*series, *kept),
        log=True,
        x_at=_tr("after {0} layers"),
        levels=levels,
        hollow=_tr("bypass cut"),
    )


def curve_series(curve: Curve, of_weights: bool, name: str, number: int) -> Series:
    """One value a place; a signal begins with the picture itself."""
    xs = [float(place.layers) for place in curve.places]
    notes = [place.name for place in curve.places]
    if isinstance(curve, SignalCurve):
        ys = [curve.before, *curve.rms]
        xs, notes = [0.0, *xs], [_tr("the picture"), *notes]
    else:
        ys = list(curve.weights if of_weights else curve.outputs)
    first = len(ys) - len(curve.places)
    hollow = frozenset(k for k, place in enumerate(curve.places, first) if place.cut)
    return Series(name, tuple(xs), tuple(ys), number, tuple(notes), hollow)


def race_chart(race: Race, points: Sequence[RacePoint]) -> Chart:
    xs = tuple(float(point.step) for point in points)
    residual = tuple(_held_out(point.residual_accuracy) for point in points)
    series = (
        Series(_tr("residual"), xs, tuple(point.residual_loss for point in points), 0, residual),
        Series(_tr("plain"), xs, tuple(point.plain_loss for point in points), 1),
    )
    return Chart(
        _tr("Race of two networks of {0} layers").format(race.depth),
        _tr("training steps"),
        _tr("loss of each step's drawings (nats)"),
        series,
        x_at=_tr("step {0}"),
        x_end=float(race.steps),
    )


def _held_out(accuracy: float | None) -> str:
    if accuracy is None:
        return ""
    return _tr("residual right on {0} of the drawings held out").format(numbers.per_cent(100 * accuracy))


# Sentences


def signal_sentence(now: SignalCurve, beside: SignalCurve | None) -> str:
    """What became of the signal between the stem and the last block."""
    dead = next((place.name for place, rms in zip(now.places, now.rms, strict=True) if rms == 0), None)
    if dead is not None:
        said = _tr("The signal dies out: from {0} on every activation is 0.").format(dead)
    else:
        said = _tr("From the first layer to the last block the signal {0}.").format(_fold(*_ends(now.places, now.rms)))
    if beside is None:
        return said
    words = _fold(*_ends(beside.places, beside.rms))
    return said + " " + _tr("{0}: it {1}.").format(_capital(compared_words(now.setup)), words)


def gradient_sentence(now: GradientCurve, beside: GradientCurve | None, of_weights: bool) -> str:
    """What became of the gradient between the last block and the first layer."""

    def back(curve: GradientCurve) -> str:
        first, last = _ends(curve.places, curve.weights if of_weights else curve.outputs)
        if last == 0:
            return _tr("is 0 already where it begins")
        if first == 0:
            return _tr("never arrives: it is 0 there")
        return _fold(last, first)

    said = _tr("Back from the last block to the first layer the gradient {0}.").format(back(now))
    if beside is None:
        return said
    return said + " " + _tr("{0}: it {1}.").format(_capital(compared_words(now.setup)), back(beside))


def hint(setup: Setup) -> str:
    """What to think of it: both halves of the story, each where it belongs."""
    network = setup.network
    if not isinstance(network, Fresh):
        return _tr(
            "It learnt with every bypass whole. Where one is cut, a block passes on only what it would have added."
        )
    if network.norm:
        return _tr(
            "Batch normalisation brings the signal back to size after every layer. A deep plain network trains badly "
            "all the same, and vanishing gradients are hardly the reason (ResNet paper, section 4.1): see the race."
        )
    return _tr(
        "Without normalisation each layer multiplies the signal by some factor, and depth multiplies the factors: the "
        "common account of vanishing and exploding gradients. Normalisation was the remedy, but not the whole one."
    )


def race_now(point: RacePoint, steps: int) -> str:
    losses = value_words(point.residual_loss), value_words(point.plain_loss)
    return _tr("Step {0} of {1}: loss {2} (residual) and {3} (plain).").format(point.step, steps, *losses)


def race_sentence(end: RaceEnd) -> str:
    """Who was ahead, whoever it was."""
    losses = {"residual": value_words(end.residual_loss), "plain": value_words(end.plain_loss)}
    if not end.finished:
        return _tr("Paused after step {0} of {1}.").format(len(end.points), end.race.steps)
    if end.verdict == "residual ahead":
        said = _tr(
            "The residual network is ahead: mean loss {residual} over the last fifth of the steps, plain {plain}."
        )
    elif end.verdict == "plain ahead":
        said = _tr(
            "This time the plain network is ahead: mean loss {plain} over the last fifth of the steps, residual "
            "{residual}. What the paper found does not show here."
        )
    else:
        said = _tr(
            "Neither is clearly ahead: mean loss {residual} (residual) and {plain} (plain) over the last fifth of the "
            "steps. Try more layers, or more steps."
        )
    said = said.format(**losses)
    last = next((point for point in reversed(end.points) if point.residual_accuracy is not None), None)
    if last is not None and last.residual_accuracy is not None and last.plain_accuracy is not None:
        shares = (numbers.per_cent(100 * a) for a in (last.residual_accuracy, last.plain_accuracy))
        said += " " + _tr("Of the drawings held out: {0} right (residual) and {1} (plain).").format(*shares)
    return said


def _ends(places: Sequence[object], values: Sequence[float]) -> tuple[float, float]:
    """The values of the stem and of the last block; the head, which has another meaning, left out."""
    blocks = [value for place, value in zip(places, values, strict=True) if place.block is not None]  # type: ignore[attr-defined]
    return values[0], blocks[-1] if blocks else values[-1]


def _fold(first: float, last: float) -> str:
    if first == 0 or last == 0:
        return _tr("dies out")
    ratio = last / first
    if ratio >= NEARLY:
        return _tr("grows {0}-fold").format(value_words(ratio, 2))
    if ratio <= 1 / NEARLY:
        return _tr("shrinks {0}-fold").format(value_words(1 / ratio, 2))
    return _tr("keeps its size (× {0})").format(value_words(ratio, 2))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _tr(text: str) -> str:
    return QCoreApplication.translate("Laboratory", text)
