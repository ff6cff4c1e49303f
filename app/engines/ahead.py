"""Files decoded in threads of their own, ahead of the network and within a bound."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from app.worker import Ticket

DECODERS = 2  # threads that decode a folder's pictures ahead of the network
AHEAD = 2  # batches that may lie decoded

T = TypeVar("T")


class Ahead(Generic[T]):
    """A context: its threads end with it."""

    def __init__(self, paths: Iterable[Path], prepare: Callable[[Path], T]) -> None:
        """`prepare` is called on the threads; what it raises, `batch` raises."""
        self._paths, self._prepare = iter(paths), prepare
        self._waiting: deque[tuple[Path, Future[T]]] = deque()

    def __enter__(self) -> Ahead[T]:
        self._pool = ThreadPoolExecutor(DECODERS, thread_name_prefix="triptych-decode")
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def batch(self, size: int, ticket: Ticket) -> Generator[None, None, list[tuple[Path, T]]]:
        """The next `size` files, fewer at the end; none at all behind it, and where the ticket is cancelled. In steps,
        so that a mailbox need not wait for a slow picture."""
        for path in islice(self._paths, max(AHEAD * size - len(self._waiting), 0)):
            self._waiting.append((path, self._pool.submit(self._prepare, path)))
        batch = [self._waiting.popleft() for _ in range(min(size, len(self._waiting)))]
        for _, future in batch:
            while not ticket.cancelled:
                try:
                    future.exception(timeout=0.05)
                    break
                except TimeoutError:
                    yield None
            if ticket.cancelled:
                return []
        return [(path, future.result()) for path, future in batch]
