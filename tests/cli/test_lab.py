"""`triptych lab`, with the real engine: what it prints, what it refuses."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engines.lab import Race, RaceEnd, RacePoint

Command = Callable[..., tuple[str, str]]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("arguments", [[], ["signal"], ["gradient"], ["race"]], ids=" ".join)
def test_help(command: Command, arguments: list[str]) -> None:
    out, err = command("lab", *arguments, "--help")
    assert out.startswith("usage: triptych lab")
    assert len(out.splitlines()) > 15
    assert all(len(line) <= 120 for line in out.splitlines())
    assert err == ""


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, app.__main__; code = app.__main__.main(['lab', 'signal', '--help']); "
        "print(code, [name for name in ('torch', 'numpy', 'PIL', 'openvino') if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert finished.stdout.splitlines()[-1] == "0 []", finished.stderr


def test_signal_as_json(command: Command, picture: Path) -> None:
    given = ["lab", "signal", picture, "--depth", "8", "--bypass", "0.5", "--cut", "3,1", "--seed", "4", "--json"]
    out, err = command(*given)
    answer = json.loads(out)
    assert answer["picture"] == str(picture)
    assert answer["network"] == {"kind": "residual", "depth": 8, "norm": True, "init": "he", "seed": 4}
    assert (answer["bypass"], answer["cut"], answer["top"]) == (0.5, [1, 3], [])
    places = answer["places"]
    assert [place["name"] for place in places] == ["stem", "stage1.0", "stage2.0", "stage3.0", "head"]
    assert [place["bypass"] for place in places] == [None, 0.0, 0.5, 0.0, None]
    assert [place["layers"] for place in places] == [1, 3, 5, 7, 8]
    assert all(place["rms"] > 0 for place in places)
    assert err == ""


def test_the_same_command_gives_the_same_numbers(command: Command) -> None:
    given = ["lab", "gradient", "--model", "plain", "--depth", "8", "--no-norm", "--init", "small", "--json"]
    first, again, other = (json.loads(command(*given, *more)[0]) for more in ([], [], ["--seed", "1"]))
    assert first["picture"] == "chelsea.jpg"
    assert first["places"] == again["places"]
    assert first["places"] != other["places"]
    assert first["target"] is None
    assert all(place["by_output"] > 0 and place["by_weights"] > 0 for place in first["places"])


def test_signal_for_people(command: Command) -> None:
    out, _ = command("lab", "signal", "--model", "plain", "--depth", "20", "--no-norm", "--init", "small")
    lines = out.splitlines()
    assert lines[0] == "Signal through a plain network of 20 layers, on chelsea.jpg"
    assert lines[1] == "(no normalisation, “small” first weights, seed 0)"
    rows = [line for line in lines if "stage" in line]
    assert len(rows) == 9
    bars = [row.count("█") for row in rows]
    assert bars == sorted(bars, reverse=True)  # it shrinks
    assert bars[0] > bars[-1] + 15
    assert all(len(line) <= 100 for line in lines)


def test_gradient_for_people_says_what_is_cut(command: Command) -> None:
    out, _ = command("lab", "gradient", "--depth", "14", "--cut", "2", "--cut", "4,6", "--bypass", "0.25")
    assert "bypasses scaled to 0.25; blocks 2, 4, 6 cut)" in out
    assert [line.rsplit(maxsplit=1)[-1] for line in out.splitlines() if line.endswith("cut")] == ["cut"] * 3
    assert sum(line.endswith("x 0.25") for line in out.splitlines()) == 3
    assert "least probable" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["signal", "--depth", "21"], 2, "none has 21; 20 is nearest"),
        (["signal", "--depth", "-3"], 2, "is not a whole number"),
        (["signal", "--bypass", "1.01"], 2, "is not a number from 0 to 1"),
        (["signal", "--bypass", "nan"], 2, "is not a number from 0 to 1"),
        (["signal", "--cut", "1,,2"], 2, "is not a whole number from 1 to 999"),
        (["signal", "--depth", "20", "--cut", "10"], 2, "There is no block 10 to cut: this network has blocks 1 to 9"),
        (["signal", "--model", "plain", "--cut", "1"], 2, "A plain network has no bypasses"),
        (["signal", "--model", "plain", "--bypass", "0"], 2, "A plain network has no bypasses"),
        (["signal", "--init", "random"], 2, "invalid choice"),
        (["gradient", "--model", "resnet18-v1", "--seed", "0"], 2, "--seed is for fresh networks"),
        (["gradient", "--model", "resnet18-v1", "--no-norm"], 2, "--no-norm is for fresh networks"),
        (["gradient", "--model", "resnet18-v1,resnet34-v1"], 2, "one network at a time"),
        (["gradient", "--model", "resnet18-v9"], 2, "did you mean"),
        (["gradient", "--model", "efficientnet-lite0"], 2, "has no bypasses: choose a ResNet"),
        (["gradient", "--model", "resnet18-v1"], 1, "triptych models download resnet18-v1"),
        (["signal", "gone.jpg", "--depth", "8"], 1, "gone.jpg could not be opened"),
        (["signal", ".", "--depth", "8"], 1, "could not be opened"),
        (["race", "--depth", "57"], 2, "56 is nearest"),
        (["race", "--steps", "0"], 2, "is not a whole number from 1 to 10,000"),
        (["race", "--seed", "x"], 2, "is not a whole number"),
        ([], 2, "EXPERIMENT"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_refused(command: Command, arguments: list[str], code: int, said: str) -> None:
    out, err = command("lab", *arguments, code=code)
    assert said in err
    assert out == ""


def test_race_as_json(command: Command) -> None:
    out, err = command("lab", "race", "--depth", "8", "--steps", "3", "--seed", "2", "--json")
    *points, end = [json.loads(line) for line in out.splitlines()]
    assert [point["step"] for point in points] == [1, 2, 3]
    assert 1.5 < points[0]["plain"]["loss"] < 5  # guessing costs 2.08
    assert (end["depth"], end["steps"], end["seed"]) == (8, 3, 2)
    assert end["verdict"] in ("level", "plain ahead", "residual ahead")
    assert end["plain"]["loss"] == points[-1]["plain"]["loss"]  # a fifth of three steps is one
    assert err == ""


def faked(monkeypatch: pytest.MonkeyPatch, values: list[Any]) -> None:
    def answers(store: object, request: object, device: str) -> Iterator[Any]:
        for value in values:
            if isinstance(value, BaseException):
                raise value
            yield value

    monkeypatch.setattr("app.cli.lab._answers", answers)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [("residual ahead", "The residual network is ahead"), ("plain ahead", "against the exp"), ("level", "Neither is")],
)
def test_race_for_people(command: Command, monkeypatch: pytest.MonkeyPatch, verdict: Any, said: str) -> None:
    points = (RacePoint(1, 2.1, 2.2, None, None), RacePoint(2, 1.5, 3.0, 0.25, 0.5))
    faked(monkeypatch, [*points, RaceEnd(Race(56, 2, 0), True, points, 1.5, 3.0, verdict, 61.0, "CPU, 1 thread")])
    out, _ = command("lab", "race", "--steps", "2")
    assert said in out
    assert "plain 1.500, residual 3.000" in out
    assert "1 min 1 s of computing" in out
    rows = [line.split() for line in out.splitlines() if line.endswith("%")]
    assert [row[0] for row in rows] == ["2"]  # the first has no accuracy
    assert [row[k] for row in rows for k in (1, -6, -4, -2)] == ["1.500", "25.0", "3.000", "50.0"]


def test_ctrl_c(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    faked(monkeypatch, [RacePoint(1, 2.1, 2.2, None, None), KeyboardInterrupt()])
    _, err = command("lab", "race", "--steps", "9", code=130)
    assert err.strip() == "Cancelled after 1 of 9 steps."


def test_scale_of_the_bars() -> None:
    from app.cli.lab import _decades

    assert _decades([0.5, 0.02, 0.0]) == (-2, 0)
    assert _decades([1.0]) == (0, 1)
    assert _decades([0.0, 0.0]) == (0, 1)
    low, high = _decades([1e-145, 3e20])
    assert (low, high) == (-145, 21)
    assert math.log10(3e20) < high
