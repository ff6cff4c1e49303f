"""What stands in for an engine in tests of the window: it answers without a network, when it is let."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any


class StandIn:
    """`seen` holds the requests; `gate` holds the answers back while it is cleared; `wrong` makes it fail with that
    sentence. `answer` is the engine's own: a generator like `app.worker.Engine.handle`."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.gate = threading.Event()
        self.gate.set()
        self.wrong: str | None = None

    def answer(self, request: Any) -> Any:
        raise NotImplementedError

    def handle(self, request: Any, ticket: Any) -> Any:
        self.seen.append(request)
        yield None
        yield from self.held()
        if self.wrong is not None:
            raise RuntimeError(self.wrong)
        return (yield from self.answer(request))

    def held(self) -> Generator[None, None, None]:
        """Steps until the gate is open."""
        while not self.gate.wait(0.01):
            yield None

    def asked(self, kind: type | str) -> list[Any]:
        """The requests of a kind, or of a kind's name."""
        name = kind if isinstance(kind, str) else kind.__name__
        return [request for request in self.seen if type(request).__name__ == name]

    def out_of_memory(self, error: BaseException) -> str | None:
        return None

    def explain(self, error: BaseException) -> str | None:
        return str(error)

    def close(self) -> None:
        pass
