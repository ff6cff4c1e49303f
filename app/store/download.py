"""Downloading one file: resumed, checked, and in its place whole or not at all.

Follows RFC 9110 for ranges. httpx's asynchronous client is used for one reason: a person's cancel must be answered at
once, whatever the network is waiting for; the loop lives and ends inside `fetch`, which blocks like any function.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import shutil
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin, urlsplit

from app import __version__
from app.store.errors import DownloadCancelled, DownloadError, StoreError
from app.store.fingerprints import sha256_of
from app.store.partial import Note, Part, leftovers
from app.store.progress import Progress, Reporter

if TYPE_CHECKING:
    import httpx

__all__ = ["DownloadCancelled", "DownloadError", "Fetched", "Patience", "Progress", "fetch", "leftovers"]

POLL = 0.05  # seconds between two looks at `cancelled`
SPARE = 64 << 20  # bytes of the disk that a download leaves free
REDIRECTS = 5
ENOUGH = 1 << 20  # bytes that a try must bring to count as a success in between


@dataclass(frozen=True)
class Fetched:
    """A whole and checked file."""

    path: Path
    size: int
    sha256: str
    address: str


@dataclass(frozen=True)
class Patience:
    """Seconds, but for `tries`: how many failures in a row an address is granted."""

    connect: float = 15.0
    stall: float = 30.0  # without a byte
    tries: int = 5
    first_wait: float = 1.0  # doubled after every failure in a row
    longest_wait: float = 60.0  # also of what Retry-After may ask for


class _AddressError(Exception):
    """No use trying this address again: "the server answers 404 …"."""


class _ContentError(_AddressError):
    """What came is not the file: none of it may be kept."""


class _TryAgainError(Exception):
    """This try failed, the next one may not. `wait`: what the server asks for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None, weight: int = 1) -> None:
        super().__init__(reason)
        self.wait, self.weight = wait, weight


def fetch(
    addresses: Sequence[str],
    target: Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    sha256_prefix: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    mirror: str | None = None,
    check: Callable[[Path], None] | None = None,
    patience: Patience | None = None,
) -> Fetched:
    """Brings the file at one of `addresses` (tried in turn) to `target`, whose folder must be there.

    `size` in bytes, `sha256` or its beginning are held against what comes, where given. `mirror` takes the place of
    every address's scheme and host (and may add a path in front). `check` looks at the whole file before it gets its
    name and raises StoreError where it isn't what it should be. `progress` and `cancelled` are called on this thread,
    ten and twenty times a second. Blocks. Raises DownloadError, and DownloadCancelled at most 0.2 s after `cancelled`
    says so; what came until then is continued next time."""
    places = list(dict.fromkeys(_through(address, mirror) for address in addresses))
    part = Part(target)
    report = Reporter(progress, places[0])
    stop = cancelled or (lambda: False)
    with part.locked(stop, lambda: report.waiting(part.on_disk())) as waited:
        digest = sha256 or sha256_prefix or ""
        if target.is_file() and (digest or waited):  # another process has just brought it
            there = sha256_of(target)
            if there.startswith(digest) and size in (None, target.stat().st_size):
                return Fetched(target, target.stat().st_size, there, places[0])
        job = _Job(places, part, size, digest, report, check, patience or Patience())
        try:
            return _run(_watched(job.run(), stop, target.name))
        except OSError as error:  # the network's errors are httpx's own; these are the disk's
            part.discard()
            raise DownloadError(
                f"{target.name} can't be written ({error.strerror or error}): make room, or choose another folder."
            ) from error


class _Job:
    """One call of `fetch`."""

    def __init__(
        self,
        places: list[str],
        part: Part,
        size: int | None,
        digest: str,
        report: Reporter,
        check: Callable[[Path], None] | None,
        patience: Patience,
    ) -> None:
        self.places, self.part, self.size, self.digest = places, part, size, digest
        self.report, self.check, self.patience = report, check, patience

    async def run(self) -> Fetched:
        """The first address that gives the right file. Raises DownloadError with every address's reason."""
        reasons = []
        for address in self.places:
            try:
                return await self._from(address)
            except _AddressError as failure:
                reasons.append(f"{urlsplit(address).hostname} {failure}")
        raise DownloadError(f"{self.part.target.name} couldn't be downloaded: {'; '.join(reasons)}.")

    async def _from(self, address: str) -> Fetched:
        import httpx

        patience = self.patience
        failures, once_more = 0, True
        limits = httpx.Timeout(patience.stall, connect=patience.connect)
        async with httpx.AsyncClient(timeout=limits, trust_env=not _loopback(address)) as client:
            while True:
                resumed = False
                try:
                    resumed = await self._try(client, address)
                    return self._finish(address)
                except _TryAgainError as failure:
                    if self.report.since(self.part.length) >= ENOUGH:
                        failures = 0
                    failures += failure.weight
                    if failures >= patience.tries:
                        raise _AddressError(f"{failure}; try again later") from failure
                    wait = patience.first_wait * 2 ** (failures - 1) if failure.wait is None else failure.wait
                    if failure.wait is not None and failure.wait > patience.longest_wait:
                        raise _AddressError(f"{failure} and asks to wait {failure.wait / 60:.0f} minutes") from failure
                    await asyncio.sleep(min(wait, patience.longest_wait))
                except _ContentError:
                    self.part.discard()
                    if not (resumed and once_more):
                        raise
                    once_more = False  # two versions may have been joined: once more, in one piece

    async def _try(self, client: httpx.AsyncClient, address: str) -> bool:
        """One request. Returns at the end of the file; true where it was a continuation. Raises _TryAgainError,
        _AddressError."""
        import httpx

        note = await self.part.pick_up(address, bool(self.digest))
        self.report.start(address, self.part.length)
        if note and note.total == self.part.length:
            return True  # all of it was here when the last try ended
        headers = {"Accept-Encoding": "identity", "User-Agent": f"triptych/{__version__}"}
        if note:
            headers["Range"] = f"bytes={self.part.length}-"
            if note.validator:
                headers["If-Range"] = note.validator
        try:
            async with _opened(client, address, headers) as response:
                total = self._begin(response, address, note)
                with self.part.appending() as add:
                    async for chunk in response.aiter_raw():
                        add(chunk)
                        self.report(self.part.length, total)
                        if total is not None and self.part.length > total:
                            raise _ContentError(f"sends more than the {total:,} bytes that it announced")
                self.report(self.part.length, total, last=True)
        except httpx.TimeoutException as error:
            never = isinstance(error, httpx.ConnectTimeout)
            raise _TryAgainError(
                "doesn't answer" if never else "has stopped sending", weight=2 if never else 1
            ) from error
        except httpx.ConnectError as error:
            if _certificate_trouble(error):
                raise _AddressError("has a certificate that can't be trusted") from error
            raise _TryAgainError("can't be reached (is there a network?)", weight=2) from error
        except httpx.TransportError as error:
            raise _TryAgainError("broke the connection off") from error
        except httpx.InvalidURL as error:
            raise _AddressError("is not an address") from error
        if total is not None and self.part.length < total:
            raise _TryAgainError("sent less than it announced")
        return note is not None and response.status_code == 206

    def _begin(self, response: httpx.Response, address: str, note: Note | None) -> int | None:
        """Judges status and headers; makes the part ready for the body. Gives the whole file's size, if it is told."""
        status, headers = response.status_code, response.headers
        if status == 206 and note:
            span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", headers.get("Content-Range", "").strip())
            whole = int(span[3]) if span and span[3] != "*" else None
            if span is None or int(span[1]) != self.part.length or (note.total and whole not in (None, note.total)):
                self.part.discard()
                raise _TryAgainError("sent another piece than it was asked for", wait=0)
            self._room((whole or int(span[2]) + 1) - self.part.length)
            return whole or note.total
        if status == 416 and note:
            self.part.discard()
            raise _TryAgainError("has no more of the file than is here already", wait=0)
        if status in (408, 425, 429) or status >= 500:
            raise _TryAgainError(f"answers {status} ({response.reason_phrase or 'error'})", _retry_after(headers))
        if status != 200:
            raise _AddressError(f"answers {status} ({response.reason_phrase or 'no file'})")
        if headers.get("Content-Type", "").split(";")[0].strip().lower() in ("text/html", "application/xhtml+xml"):
            raise _AddressError("sent a web page in place of the file (a log-in page, or the file has moved)")
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise _AddressError("packs the file differently than it was asked to")
        length = headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
        if total is not None and self.size is not None and total != self.size:
            raise _AddressError(f"has a file of {total:,} bytes there instead of {self.size:,}")
        self._room(total or self.size or 0)
        self.part.begin(Note(address, total, headers.get("ETag"), headers.get("Last-Modified")))
        self.report.start(address, 0)
        return total or self.size

    def _room(self, needed: int) -> None:
        folder = self.part.target.parent
        free = shutil.disk_usage(folder).free
        if free < needed + SPARE:
            raise DownloadError(
                f"There is no room for {self.part.target.name}: {needed / 1e6:.0f} MB are needed and "
                f"{free / 1e6:.0f} MB are free in the folder “{folder.name}”. Make room and try again."
            )

    def _finish(self, address: str) -> Fetched:
        """Size, hash and content are right: the file gets its name. Raises _ContentError."""
        from app.store.weights import looks_like_html

        part = self.part
        with part.path.open("rb") as file:
            head = file.read(1024)
        if looks_like_html(head):
            raise _ContentError("sent a web page in place of the file (a log-in page, or the file has moved)")
        if self.size is not None and part.length != self.size:
            raise _ContentError(f"sent {part.length:,} bytes instead of {self.size:,}")
        if not part.sha256.startswith(self.digest):
            raise _ContentError(
                f"sent other bytes than expected (SHA-256 {part.sha256[:8]}… instead of {self.digest[:8]}…)"
            )
        if self.check is not None:
            try:
                self.check(part.path)
            except StoreError as error:
                raise _ContentError(f"sent a file that can't be used: {str(error).rstrip('.')}") from error
        part.commit()
        return Fetched(part.target, part.length, part.sha256, address)


@contextlib.asynccontextmanager
async def _opened(client: httpx.AsyncClient, address: str, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
    """The answer after redirects, none of which may leave https (or the loopback address it started from)."""
    for _ in range(REDIRECTS + 1):
        async with client.stream("GET", address, headers=headers, follow_redirects=False) as response:
            if response.status_code not in (301, 302, 303, 307, 308):
                yield response
                return
            onward = urljoin(address, response.headers.get("Location", ""))
        if not _allowed(onward) or _loopback(onward) != _loopback(address):
            raise _AddressError("sends on to an address that isn't safe (not https)")
        address = onward
    raise _AddressError("sends from one address to the next without end")


def _through(address: str, mirror: str | None) -> str:
    """The address to ask: at the mirror where there is one. Raises DownloadError for one that isn't safe."""
    parts = urlsplit(address)
    if mirror is not None:
        address = mirror.rstrip("/") + parts.path
    if not _allowed(address):
        raise DownloadError(f"“{mirror or address}” is not an address to download from: it must begin with https://.")
    return address


def _allowed(address: str) -> bool:
    """https, or http that doesn't leave this machine."""
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and _loopback(address)))
    except ValueError:
        return False


def _loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds that the server asks to wait: a number or a date (RFC 9110, 10.2.3)."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _certificate_trouble(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


async def _watched(work: Coroutine[None, None, Fetched], cancelled: Callable[[], bool], name: str) -> Fetched:
    """Lets `work` run, and ends it as soon as the person says stop."""
    task = asyncio.ensure_future(work)
    while not task.done():
        if cancelled():
            task.cancel()
        await asyncio.wait({task}, timeout=POLL)
    if task.cancelled():
        raise DownloadCancelled(f"The download of {name} was cancelled; the next one goes on from where it was.")
    return task.result()


T = TypeVar("T")


def _run(main: Coroutine[None, None, T]) -> T:
    """asyncio.run, but that it doesn't wait for the threads that look names up: those can hang for a minute."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(main)
    finally:
        if left := asyncio.all_tasks(loop):  # after Ctrl-C, or an exception in `progress`
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
