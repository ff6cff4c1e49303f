"""What a model's check found, on the sample pictures or against what was published, kept beside its file."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from app.store.cards import write_whole

Outcome = Literal["", "passed", "differs", "not run"]
RIGHT_AMONG = 5  # of a network's answers


@dataclass(frozen=True)
class SelfCheck:
    """`right` and `wrong`: names of sample pictures with, and without, a right class among the first five answers.
    `sha256`: of the very file that was checked; `day`: when (UTC, ISO 8601).

    Of a published checkpoint what it says is compared with what was published: `outcome` and, for a person, `said`."""

    sha256: str
    day: str
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    outcome: Outcome = ""
    said: str = ""

    @property
    def ok(self) -> bool:
        if self.outcome:
            return self.outcome == "passed"
        return bool(self.right) and not self.wrong

    @property
    def pictures(self) -> int:
        return len(self.right) + len(self.wrong)

    def sentence(self, name: str) -> str:
        """For a person; `name` is the model's."""
        if self.outcome:
            return f"{name}, self-check {self.outcome}: {self.said}"
        if self.ok:
            return f"{name} names all {self.pictures} sample pictures right among its first {RIGHT_AMONG} answers."
        return (
            f"{name} has a right answer among its first {RIGHT_AMONG} for {len(self.right)} of {self.pictures} sample "
            f"pictures; not for {', '.join(self.wrong)}."
        )


def place(file: Path) -> Path:
    """Where the check of a model's file is kept."""
    return file.with_name(f"{file.name}.check.json")


def write(check: SelfCheck, file: Path) -> None:
    """Raises CardError."""
    write_whole(place(file), json.dumps(asdict(check), indent=1).encode())


def read(file: Path) -> SelfCheck | None:
    """What was kept; None where nothing was, or nothing that can be read."""
    try:
        kept = json.loads(place(file).read_text("utf-8"))
        right, wrong = tuple(kept["right"]), tuple(kept["wrong"])
        check = SelfCheck(kept["sha256"], kept["day"], right, wrong, kept.get("outcome", ""), kept.get("said", ""))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    texts = (check.sha256, check.day, *check.right, *check.wrong, check.said)
    sound = (
        all(isinstance(text, str) for text in texts)
        and check.outcome in get_args(Outcome)
        and re.fullmatch(r"[0-9a-f]{64}", check.sha256)
    )
    return check if sound else None
