"""A real HTTP server on the loopback address that misbehaves on demand, and stores in folders of their own."""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.store import locate
from app.store.catalog import Store


class Site:
    """One file on a server. `script` holds what the next requests meet, one function a request; after that (and for a
    None in it) the server behaves. A function returns True where it has answered, else the answer goes on as usual."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.etag: str | None = '"one"'
        self.ranges = True
        self.script: deque[Callable[[Any, Site], bool | None] | None] = deque()
        self.seen: list[dict[str, str]] = []  # headers of the requests, in order
        self.paths: list[str] = []
        self.let_go = threading.Event()  # ends every stall
        self.root = ""

    @property
    def address(self) -> str:
        return f"{self.root}/models/file.bin"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    def answer(self, handler: Any, *, send: int | None = None, says: int | None = None, then: str = "close") -> bool:
        """The file or the range asked for. `send`: so many bytes only. `says`: a lie about the length. `then`: "close"
        or "stall" after what is sent."""
        start = 0
        wanted = handler.headers.get("Range")
        fresh = handler.headers.get("If-Range") in (None, self.etag)
        if wanted and self.ranges and fresh:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(self.body):
                handler.send_response(416)
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return True
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        else:
            handler.send_response(200)
        body = self.body[start:]
        handler.send_header("Content-Type", "application/octet-stream")
        handler.send_header("Content-Length", str(len(body) if says is None else says))
        if self.etag:
            handler.send_header("ETag", self.etag)
        handler.end_headers()
        handler.wfile.write(body if send is None else body[:send])
        handler.wfile.flush()
        if then == "stall":
            self.let_go.wait(20)
        if send is not None or says is not None or then == "stall":
            handler.close_connection = True
        return True

    # What can be put into the script

    def drop_after(self, count: int) -> Callable[[Any, Site], bool]:
        return lambda handler, site: site.answer(handler, send=count)

    def stall_after(self, count: int) -> Callable[[Any, Site], bool]:
        return lambda handler, site: site.answer(handler, send=count, then="stall")

    def lie(self, length: int) -> Callable[[Any, Site], bool]:
        return lambda handler, site: site.answer(handler, says=length)

    def status(self, code: int, body: bytes = b"no", **headers: str) -> Callable[[Any, Site], bool]:
        def answer(handler: Any, site: Site) -> bool:
            handler.send_response(code)
            handler.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(body)
            return True

        return answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        site = self.site
        site.seen.append(dict(self.headers.items()))
        site.paths.append(self.path)
        step = site.script.popleft() if site.script else None
        with contextlib.suppress(OSError):  # the client went away: that is what many of these tests do
            if step is None or not step(self, site):
                site.answer(self)

    def log_message(self, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined by server_close

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextlib.contextmanager
def serving(body: bytes) -> Iterator[Site]:
    site = Site(body)
    handler = type("Handler", (_Handler,), {"site": site})
    server = _Server(("127.0.0.1", 0), handler)
    site.root = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), name="test server")
    thread.start()
    try:
        yield site
    finally:
        site.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    """300,000 bytes that look like nothing."""
    with serving(random.Random(7).randbytes(300_000)) as made:
        yield made


@pytest.fixture
def second_site() -> Iterator[Site]:
    with serving(random.Random(7).randbytes(300_000)) as made:
        yield made


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], Site]]:
    with contextlib.ExitStack() as stack:
        yield lambda body: stack.enter_context(serving(body))


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> locate.Folders:
    monkeypatch.setenv(locate.HOME_VARIABLE, str(tmp_path / "home"))
    return locate.folders()


@pytest.fixture
def store(folders: locate.Folders) -> Store:
    return Store(folders)


@pytest.fixture(scope="session")
def resnet18(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The state dict of torchvision's own ResNet-18 with random weights."""
    import torch

    from app.nets._torchvision import import_torchvision

    torch.manual_seed(0)
    state: dict[str, Any] = import_torchvision().models.resnet18(weights=None).state_dict()
    return state


@pytest.fixture(scope="session")
def resnet18_pth(resnet18: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """…as torchvision's files are written. Not to be changed by a test."""
    import torch

    path = tmp_path_factory.mktemp("official") / "resnet18.pth"
    torch.save(resnet18, path)
    return path
