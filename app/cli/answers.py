"""How answers are written down: for people, as JSON lines, as a table."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import Any

from app.cli.output import CommandError, bar, json_line, line, say, styled, unicode_out
from app.engines.classify import Classification, FileResult, ModelFailed


def as_json(path: str, answer: Classification | ModelFailed) -> dict[str, Any]:
    """One picture and model, as `classify --json` prints it."""
    if isinstance(answer, ModelFailed):
        return {"path": path, "model": answer.model, "error": answer.sentence}
    return {
        "path": path,
        "model": answer.model,
        "top": [{"label": label.label, "index": label.index, "p": round(label.p, 6)} for label in answer.top],
        "ms": round(answer.ms, 3),
        "device": answer.device,
    }


def fails(result: FileResult) -> bool:
    """Whether the picture, or one of the models on it, failed."""
    return result.error is not None or any(isinstance(answer, ModelFailed) for answer in result.answers)


class Lines:
    """Answers on stdout, for people or as JSON."""

    def __init__(self, json: bool, several: bool) -> None:
        self._json, self._several = json, several

    def result(self, path: str, result: FileResult) -> None:
        if result.error is not None:
            self.failed(path, result.error)
        elif self._json:
            for answer in result.answers:
                line(json_line(as_json(path, answer)))
        else:
            line("\n".join([styled(_printable(path), "bold"), *(_block(answer) for answer in result.answers), ""]))

    def failed(self, path: str, sentence: str) -> None:
        if self._json:
            line(json_line({"path": path, "error": sentence}))
        else:
            say(styled(sentence, "red"))


def _block(answer: Classification | ModelFailed) -> str:
    """One model's answer:
     62.1 %  ████████████▍         tabby
      8.0 %  █▌                    Egyptian cat
    efficientnet-lite0 · 7.4 ms · CPU
    """
    if isinstance(answer, ModelFailed):
        return f"  {answer.model}: {styled(answer.sentence, 'red')}"
    rows = [f"  {label.p * 100:5.1f} %  {bar(label.p)}  {label.label}" for label in answer.top]
    dot = " · " if unicode_out() else ", "
    rows.append("  " + styled(dot.join((answer.model, f"{answer.ms:.1f} ms", answer.device)), "dim"))
    return "\n".join(rows)


def _printable(path: str) -> str:
    """A path in one line, whatever letters are in it."""
    return "".join(letter if letter.isprintable() else "�" for letter in path)


class CsvTable:
    """A table in a file: a line for each picture, model and class, or one for what failed."""

    HEAD = ("path", "model", "rank", "label", "index", "p", "ms", "device", "error")

    def __init__(self, file: str) -> None:
        self._path = Path(file)

    def __enter__(self) -> CsvTable:
        try:
            self._file = self._path.open("w", encoding="utf-8", errors="surrogateescape", newline="")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CommandError(f"The table {self._path.name} can't be written: {reason}.") from error
        self._writer = csv.writer(self._file)
        self._writer.writerow(self.HEAD)
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._file.close()

    def result(self, path: str, result: FileResult) -> None:
        if result.error is not None:
            self.failed(path, result.error)
        for answer in result.answers:
            if isinstance(answer, ModelFailed):
                self._write([path, answer.model, "", "", "", "", "", "", answer.sentence])
                continue
            for rank, label in enumerate(answer.top, 1):
                p, ms = f"{label.p:.6f}", f"{answer.ms:.3f}"
                self._write([path, answer.model, rank, label.label, label.index, p, ms, answer.device, ""])

    def failed(self, path: str, sentence: str) -> None:
        self._write([path, *[""] * (len(self.HEAD) - 2), sentence])

    def _write(self, row: list[Any]) -> None:
        try:
            self._writer.writerow(row)
        except OSError as error:
            raise CommandError(f"The table {self._path.name} can't be written: {error.strerror or error}.") from error
