"""`triptych lab`: the bypass laboratory in a terminal. Signal and gradient through depth, and the training race."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.output import UsageError, bar, duration, json_line, line, prepare_json, styled, table

if TYPE_CHECKING:
    from app.engines.classify import Label
    from app.engines.lab import Fresh, GradientCurve, Place, Race, RaceEnd, RacePoint, Setup, SignalCurve
    from app.store.catalog import Store

FRESH = ("plain", "residual")
LARGEST_SEED = 2**31 - 1
WORST = 3.0  # nats: a full bar of the race. Guessing among eight shapes costs 2.08

DESCRIPTION = """\
Why did depth stop at AlexNet's 8 layers, and what changed with ResNet's 100 and more? Three experiments with and
without the bypass of He et al. 2015 (arXiv 1512.03385). Every number is computed here and now.
"""
EPILOG = """\
examples:
  triptych lab signal --model plain --depth 56 --no-norm --init small      the signal dies out
  triptych lab signal --model residual --depth 56 --no-norm --init small   the bypass carries it
  triptych lab gradient --model plain --depth 56                           with batch normalisation
  triptych lab signal photo.jpg --model resnet50-v2 --cut 5,6              a trained network, two bypasses cut
  triptych lab race --depth 56 --steps 300                                 which one learns?
"""
CURVE_EPILOG = """\
--model names a trained ResNet ("triptych models list"), or a network with fresh weights: "plain" (no bypasses) or
"residual". --depth, --no-norm, --init and --seed are for fresh networks. A plain network is the residual one with
--bypass 0: for one seed their weights are the same. Fresh networks see 8 crops of the picture, 32 x 32 pixels each.

{what}

--json prints one object: {json}
"places" go from the picture to the answer; "layers" counts weight layers up to there, "block" is what --cut takes.

exit codes: 0; 1 where the picture or the model failed; 2 for wrong usage; 130 after Ctrl-C
"""
SIGNAL = """\
What is measured: the root mean square of the activations that leave each block. Without normalisation and with small
first weights it shrinks from layer to layer, until nothing of the picture is left; with batch normalisation it does
not, and yet deep plain networks train badly, as section 4.1 of the paper reports (see "gradient" and "race")."""
GRADIENT = """\
What is measured: the norm of the loss's gradient by the activations that leave each block ("by output") and by the
weights in it ("by weights", what training goes by). The loss is the cross-entropy with the class that a trained network
puts first with its bypasses whole, and with the least probable class of a fresh one, so that there is an error."""
SIGNAL_JSON = """\
{"picture", "network", "bypass", "cut", "before", "top", "ms", "device",
  "places": [{"name", "layers", "block", "bypass", "rms"}, …]}; "before" is the RMS of the picture itself."""
GRADIENT_JSON = """\
{"picture", "network", "bypass", "cut", "loss", "target", "top", "ms", "device",
  "places": [{"name", "layers", "block", "bypass", "by_output", "by_weights"}, …]}"""
RACE_EPILOG = """\
Both networks have the same first weights and see the same drawings in the same order: eight shapes, turned, moved and
scaled, in noise, 16 x 16 pixels. The verdict compares the mean losses of the last fifth of the steps: a network is
ahead where its loss is less than 0.8 of the other's. 300 steps of 56 layers take
about half a minute on an idle processor.

--json prints a line for each step, as it comes, and one for the end:
  {"step": 1, "plain": {"loss": 2.1, "accuracy": null}, "residual": {"loss": 2.3, "accuracy": null}}
  {"depth": 56, "steps": 300, "seed": 0, "verdict": "residual ahead", "plain": {"loss": 1.8}, "residual": …}
Losses are in nats, accuracies (0 to 1) on 256 drawings held out, at every tenth of the way.

exit codes: 0, whoever is ahead; 2 for wrong usage; 130 after Ctrl-C
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], debug: argparse.ArgumentParser) -> None:
    command = commands.add_parser(
        "lab",
        help="see what the bypass connection does",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    inner = command.add_subparsers(title="experiments", metavar="EXPERIMENT", required=True)
    _add_curve(inner, debug, "signal", "how large the activations are, block by block", SIGNAL, SIGNAL_JSON)
    _add_curve(inner, debug, "gradient", "how large the loss's gradient is, block by block", GRADIENT, GRADIENT_JSON)
    race = inner.add_parser(
        "race",
        help="a plain and a residual network learn the same task",
        description="A plain and a residual network learn the same small task, side by side.",
        epilog=RACE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[debug],
        allow_abbrev=False,
    )
    race.add_argument("--depth", type=_whole, default=56, metavar="N", help="6n + 2 layers, 8 to 152 (default: 56)")
    race.add_argument("--steps", type=_steps, default=300, metavar="N", help="training steps (default: 300)")
    race.add_argument("--seed", type=_seed, default=0, metavar="N", help="of weights and drawings (default: 0)")
    race.add_argument("--json", action="store_true", help="JSON lines, see below")
    race.set_defaults(run=_race)


def _add_curve(
    inner: argparse._SubParsersAction[argparse.ArgumentParser],
    debug: argparse.ArgumentParser,
    name: str,
    what: str,
    explained: str,
    json: str,
) -> None:
    curve = inner.add_parser(
        name,
        help=what,
        description=f"Shows {what}, from the picture to the answer.",
        epilog=CURVE_EPILOG.format(what=explained, json=json),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[debug],
        allow_abbrev=False,
    )
    curve.add_argument("path", nargs="?", metavar="PATH", help="a picture (default: a sample, a cat)")
    curve.add_argument("--model", "-m", default="residual", metavar="NAME", help="see below (default: residual)")
    curve.add_argument("--depth", type=_whole, metavar="N", help="6n + 2 layers, 8 to 152 (default: 56)")
    curve.add_argument("--bypass", type=_share, default=1.0, metavar="0..1", help="scale all bypasses (default: 1)")
    curve.add_argument("--cut", type=_numbers, action="extend", metavar="3,4", help="blocks to cut off, from 1")
    curve.add_argument("--no-norm", action="store_true", help="without batch normalisation")
    curve.add_argument("--init", choices=("he", "xavier", "small"), help="first weights (default: he)")
    curve.add_argument("--seed", type=_seed, metavar="N", help="of the first weights (default: 0)")
    curve.add_argument(
        "--device",
        choices=("auto", "cuda", "mps", "cpu"),
        default="auto",
        help="where a trained network runs (default: the fastest that is there)",
    )
    curve.add_argument("--json", action="store_true", help="one JSON object, see below")
    curve.set_defaults(run=_curve, experiment=name)


def _whole(text: str, least: int = 1, most: int = LARGEST_SEED) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text[:20]) <= most):
        raise argparse.ArgumentTypeError(f"“{text}” is not a whole number from {least} to {most:,}")
    return int(text)


def _seed(text: str) -> int:
    return _whole(text, 0)


def _steps(text: str) -> int:
    return _whole(text, 1, 10_000)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"“{text}” is not a number from 0 to 1")
    return share


def _numbers(text: str) -> list[int]:
    return [_whole(part.strip(), 1, 999) for part in text.split(",")]


# Signal and gradient


def _curve(options: argparse.Namespace) -> int:
    from app.engines import lab
    from app.store.catalog import Store

    if options.json:
        prepare_json()
    store = Store()
    setup = _setup(options, store)
    path = Path(options.path) if options.path is not None else lab.sample()
    kind = lab.Signal if options.experiment == "signal" else lab.Gradient
    curve = next(_answers(store, kind(path, setup), options.device))
    if options.json:
        line(json_line(_as_json(options.path or path.name, curve)))
    else:
        line(_as_text(path.name, curve))
    return 0


def _setup(options: argparse.Namespace, store: Store) -> Setup:
    """What the options ask for. Raises UsageError, and CommandError for a model whose file isn't here."""
    from app.cli.classify import chosen
    from app.engines import lab
    from app.store.errors import StoreError

    cut = tuple(sorted(set(options.cut or ())))
    network: str | Fresh
    if options.model in FRESH:
        network = lab.Fresh(
            options.model,
            56 if options.depth is None else options.depth,
            not options.no_norm,
            options.init or "he",
            options.seed or 0,
        )
        if options.model == "plain" and (options.bypass != 1 or cut):
            raise UsageError("A plain network has no bypasses: --bypass and --cut are for residual ones.")
    else:
        network = model = str(options.model)
        given = {"--depth": options.depth, "--init": options.init, "--seed": options.seed}
        for_fresh = [name for name, value in given.items() if value is not None]
        if options.no_norm or for_fresh:
            what = ("--no-norm", *for_fresh)[0 if options.no_norm else 1]
            raise UsageError(f"{what} is for fresh networks (--model plain or residual); “{model}” is trained.")
        if "," in model:
            raise UsageError("The laboratory looks at one network at a time: give --model one name.")
    try:
        count = lab.count_blocks(network, store)
    except (lab.LabError, StoreError) as error:
        raise UsageError(str(error)) from error
    if isinstance(network, str):
        chosen([network])
    if cut and cut[-1] > count:
        raise UsageError(f"There is no block {cut[-1]} to cut: this network has blocks 1 to {count}.")
    return lab.Setup(network, options.bypass, cut)


def _answers(store: Store, request: Any, device: str) -> Iterator[Any]:
    """The values of all partial answers, and that of the last one, as they come from the engine thread."""
    from app.cli.asking import Asked
    from app.engines.lab import LabEngine

    with Asked("lab", lambda: LabEngine(store, device)) as engine:
        for _, value in engine.values(request):
            yield value


def _as_json(picture: str, curve: SignalCurve | GradientCurve) -> dict[str, Any]:
    from app.engines.lab import SignalCurve

    head: dict[str, Any] = {"picture": picture, "network": _network_json(curve.setup.network)}
    head |= {"bypass": curve.setup.bypass, "cut": list(curve.setup.cut)}
    if isinstance(curve, SignalCurve):
        values = [{"rms": rms} for rms in curve.rms]
        tail: dict[str, Any] = {"before": curve.before}
    else:
        pairs = zip(curve.outputs, curve.weights, strict=True)
        values = [{"by_output": output, "by_weights": weight} for output, weight in pairs]
        tail = {"loss": curve.loss, "target": _label_json(curve.target) if curve.target else None}
    places = [_place_json(place) | value for place, value in zip(curve.places, values, strict=True)]
    tail |= {"top": [_label_json(label) for label in curve.top], "ms": round(curve.took_ms, 1), "device": curve.device}
    return head | {"places": places} | tail


def _network_json(network: str | Fresh) -> Any:
    if isinstance(network, str):
        return network
    names = ("kind", "depth", "norm", "init", "seed")
    return {name: getattr(network, name) for name in names}


def _place_json(place: Place) -> dict[str, Any]:
    return {"name": place.name, "layers": place.layers, "block": place.block, "bypass": place.bypass}


def _label_json(label: Label) -> dict[str, Any]:
    return {"label": label.label, "index": label.index, "p": round(label.p, 6)}


def _as_text(picture: str, curve: SignalCurve | GradientCurve) -> str:
    from app.engines.lab import SignalCurve

    title = "Signal" if isinstance(curve, SignalCurve) else "Gradient"
    lines = [styled(f"{title} through {_named(curve.setup)}, on {picture}", "bold"), f"({_how(curve.setup)})", ""]
    columns: dict[str, Sequence[float]]
    if isinstance(curve, SignalCurve):
        columns = {"RMS": curve.rms}
        lines.append(f"The picture itself has {curve.before:.2g}.")
    else:
        columns = {"by output": curve.outputs, "by weights": curve.weights}
        wanted = f"“{curve.target.label}”" if curve.target else "the class it holds least probable"
        lines.append(f"The loss, cross-entropy with {wanted}: {curve.loss:.3g}.")
    drawn = [*columns.values()][-1]
    low, high = _decades(drawn)
    lines.append(f"Bars are logarithmic, from 1e{low} to 1e{high}.")
    rows = []
    for k, (place, value) in enumerate(zip(curve.places, drawn, strict=True)):
        numbers = [f"{column[k]:.2e}" for column in columns.values()]
        share = (math.log10(value) - low) / (high - low) if value > 0 else 0.0
        block = "" if place.block is None else str(place.block)
        rows.append([str(place.layers), block, place.name, *numbers, bar(share, 30), _bypass(place)])
    head = ["LAYERS", "BLOCK", "PLACE", *columns, "", ""]
    lines += ["", table(head, rows, right=(0, 1, *range(3, 3 + len(columns))))]
    if curve.top:
        lines += ["", *(f"  {label.p * 100:5.1f} %  {bar(label.p)}  {label.label}" for label in curve.top)]
    lines += ["", styled(f"{curve.took_ms:.0f} ms, {curve.device}", "dim")]
    return "\n".join(lines)


def _named(setup: Setup) -> str:
    network = setup.network
    return network if isinstance(network, str) else f"a {network.kind} network of {network.depth} layers"


def _how(setup: Setup) -> str:
    """The rest of it: first weights, and what is done to the bypasses."""
    words = []
    if not isinstance(network := setup.network, str):
        norm = "batch normalisation" if network.norm else "no normalisation"
        words.append(f"{norm}, “{network.init}” first weights, seed {network.seed}")
    if setup.bypass != 1:
        words.append(f"bypasses scaled to {setup.bypass:g}")
    if setup.cut:
        words.append(f"{'blocks' if len(setup.cut) > 1 else 'block'} {', '.join(map(str, setup.cut))} cut")
    return "; ".join(words) or "as it was trained"


def _bypass(place: Place) -> str:
    if place.bypass in (None, 1):
        return ""
    return "cut" if place.cut else f"x {place.bypass:g}"


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Exponents of ten around all values above zero."""
    logs = [math.log10(value) for value in values if value > 0] or [0.0]
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    return low, max(high, low + 1)


# The race


def _race(options: argparse.Namespace) -> int:
    from app.engines import lab
    from app.store.catalog import Store

    if options.json:
        prepare_json()
    try:
        lab.check_depth(options.depth)
    except lab.LabError as error:
        raise UsageError(str(error)) from error
    race = lab.Race(options.depth, options.steps, options.seed)
    if not options.json:
        layers = f"{race.depth} layers"
        line(styled(f"A plain and a residual network of {layers} learn to tell shapes (seed {race.seed})", "bold"))
        line(styled("  STEP   PLAIN LOSS              RIGHT   RESIDUAL LOSS           RIGHT", "bold"))
    done = 0
    try:
        for value in _answers(Store(), race, "cpu"):
            if isinstance(value, lab.RacePoint):
                done = value.step
                _show_point(value, options.json)
            else:
                _show_end(value, options.json)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Cancelled after {done} of {race.steps} steps.") from None
    return 0


def _show_point(point: RacePoint, json: bool) -> None:
    if json:
        plain = {"loss": point.plain_loss, "accuracy": point.plain_accuracy}
        residual = {"loss": point.residual_loss, "accuracy": point.residual_accuracy}
        line(json_line({"step": point.step, "plain": plain, "residual": residual}))
    elif point.plain_accuracy is not None and point.residual_accuracy is not None:
        plain_bar, residual_bar = bar(point.plain_loss / WORST, 14), bar(point.residual_loss / WORST, 14)
        line(
            f"{point.step:6}   {point.plain_loss:6.3f} {plain_bar}   {point.plain_accuracy * 100:5.1f} %   "
            f"{point.residual_loss:6.3f} {residual_bar}   {point.residual_accuracy * 100:5.1f} %"
        )


def _show_end(end: RaceEnd, json: bool) -> None:
    race: Race = end.race
    if json:
        head = {"depth": race.depth, "steps": race.steps, "seed": race.seed, "verdict": end.verdict}
        losses = {"plain": {"loss": end.plain_loss}, "residual": {"loss": end.residual_loss}}
        line(json_line(head | losses | {"seconds": round(end.seconds, 2), "device": end.device}))
        return
    said = {
        "residual ahead": "The residual network is ahead",
        "plain ahead": "The plain network is ahead, against the expectation",
        "level": "Neither is clearly ahead: at this depth and after so few steps the bypass makes no great difference",
    }[end.verdict]
    losses_said = f"mean loss of the last fifth: plain {end.plain_loss:.3f}, residual {end.residual_loss:.3f}"
    line("")
    line(f"{said} ({losses_said}).")
    line(styled(f"{duration(end.seconds)} of computing, {end.device}", "dim"))
