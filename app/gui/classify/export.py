"""Answers as CSV, JSON and text to be pasted. No widget here: it runs in a thread of its own."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from app.gui.classify.answers import SHOWN, Answer, Item

HEAD = ("path", "model", "rank", "label", "index", "p", "ms", "device", "error")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(items: Iterable[Item]) -> str:
    """A line for each picture, model and label, as `triptych classify --csv` writes it, p in full."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEAD)
    for item in items:
        for row in _rows(item):
            writer.writerow([_harmless(cell) for cell in row])
    return out.getvalue()


def as_json(items: Iterable[Item]) -> str:
    """A list of what `triptych classify --json` prints line by line, p in full."""
    objects: list[dict[str, Any]] = []
    for item in items:
        path = _path(item)
        if item.error:
            objects.append({"path": path, "error": item.error})
        for answer in item.answers.values():
            objects.append(_object(path, answer))
    return json.dumps(objects, ensure_ascii=False, indent=1) + "\n"


def as_text(items: Sequence[Item]) -> str:
    """Columns divided by tabs, for a spreadsheet or a letter."""
    lines = ["\t".join(("picture", "model", "label", "p", "ms", "device"))]
    for item in items:
        if item.error:
            lines.append("\t".join((_flat(item.name), "", _flat(item.error), "", "", "")))
        for answer in item.answers.values():
            if answer.error:
                lines.append("\t".join((_flat(item.name), answer.model, _flat(answer.error), "", "", "")))
            for label in answer.top[:SHOWN]:
                cells = (item.name, answer.model, label.label, f"{label.p:.6f}", f"{answer.ms:.1f}", answer.device)
                lines.append("\t".join(_flat(cell) for cell in cells))
    return "\n".join(lines) + "\n"


def _rows(item: Item) -> Iterable[tuple[Any, ...]]:
    path = _path(item)
    if item.error:
        yield (path, "", "", "", "", "", "", "", item.error)
    for answer in item.answers.values():
        if answer.error:
            yield (path, answer.model, "", "", "", "", "", "", answer.error)
        for rank, label in enumerate(answer.top[:SHOWN], 1):
            yield (path, answer.model, rank, label.label, label.index, repr(label.p), answer.ms, answer.device, "")


def _object(path: str, answer: Answer) -> dict[str, Any]:
    if answer.error:
        return {"path": path, "model": answer.model, "error": answer.error}
    top = [{"label": label.label, "index": label.index, "p": label.p} for label in answer.top[:SHOWN]]
    return {"path": path, "model": answer.model, "top": top, "ms": answer.ms, "device": answer.device}


def _path(item: Item) -> str:
    path = str(item.path) if item.path is not None else item.name
    return path.encode("utf-8", "replace").decode()  # an undecodable name would break the whole file


def _harmless(cell: Any) -> Any:
    """A file called "=HYPERLINK(…).jpg" must not become a formula in a spreadsheet."""
    return "'" + cell if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _flat(text: str) -> str:
    return " ".join(text.split()).encode("utf-8", "replace").decode()
