"""The downloader against a real server that does everything wrong."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from app.store import download
from app.store.download import Fetched, Patience, Progress, fetch
from app.store.errors import DownloadCancelled, DownloadError, StoreError

ROOT = Path(__file__).resolve().parents[2]
QUICK = Patience(connect=2, stall=0.4, tries=4, first_wait=0.01, longest_wait=2)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.bin"


def get(site: Any, target: Path, **options: Any) -> Fetched:
    options.setdefault("patience", QUICK)
    options.setdefault("sha256", site.sha256)
    return fetch([site.address], target, **options)


def leftovers(target: Path) -> list[str]:
    """Everything in the folder but the file itself and the lock."""
    return sorted(path.name for path in target.parent.iterdir() if path != target and path.suffix != ".lock")


def test_a_good_server(site: Any, target: Path) -> None:
    told: list[Progress] = []
    fetched = get(site, target, size=300_000, progress=told.append)
    assert fetched == Fetched(target, 300_000, site.sha256, site.address)
    assert target.read_bytes() == site.body
    assert leftovers(target) == []
    assert (told[-1].received, told[-1].total) == (300_000, 300_000)
    assert site.seen[0]["Accept-Encoding"] == "identity"
    assert "Range" not in site.seen[0]


def test_a_prefix_of_the_hash_is_enough(site: Any, target: Path) -> None:
    fetched = get(site, target, sha256=None, sha256_prefix=site.sha256[:8])
    assert fetched.sha256 == site.sha256


def test_dropped_connections_are_continued(site: Any, target: Path) -> None:
    site.script += [site.drop_after(100_000), site.drop_after(50_000), site.drop_after(0)]
    get(site, target)
    assert target.read_bytes() == site.body
    assert [headers.get("Range") for headers in site.seen] == [None, "bytes=100000-", "bytes=150000-", "bytes=150000-"]
    assert all(headers["If-Range"] == '"one"' for headers in site.seen[1:])


def test_a_server_that_always_drops_is_given_up_and_the_part_kept(site: Any, target: Path) -> None:
    site.script += [site.drop_after(1000)] * 10
    with pytest.raises(DownloadError, match=r"file\.bin couldn't be downloaded: 127\.0\.0\.1 .*try again later"):
        get(site, target)
    assert len(site.seen) == QUICK.tries
    assert leftovers(target) == ["file.bin.part", "file.bin.part.json"]
    site.script.clear()
    get(site, target)
    assert site.seen[-1]["Range"] == "bytes=4000-"
    assert target.read_bytes() == site.body


def test_announces_more_than_it_sends(site: Any, target: Path) -> None:
    site.script += [site.lie(400_000)] * 10
    with pytest.raises(DownloadError, match=r"connection off|has no more|less than"):
        get(site, target)
    assert not target.exists()
    site.script.clear()
    get(site, target)  # nothing wedges the next try
    assert target.read_bytes() == site.body


def test_announces_less_than_there_is(site: Any, target: Path) -> None:
    site.script += [site.lie(200_000)]
    with pytest.raises(DownloadError, match="other bytes than expected"):
        get(site, target)
    assert leftovers(target) == []
    get(site, target)
    assert target.read_bytes() == site.body


def test_a_size_other_than_the_cards(site: Any, target: Path) -> None:
    with pytest.raises(DownloadError, match="300,000 bytes there instead of 299,999"):
        get(site, target, size=299_999)
    assert leftovers(target) == []


def test_wrong_bytes(site: Any, target: Path) -> None:
    right = site.sha256
    site.body = site.body[:-1] + b"?"
    with pytest.raises(DownloadError, match=r"other bytes than expected \(SHA-256"):
        get(site, target, sha256=right)
    assert not target.exists()
    assert leftovers(target) == []
    assert len(site.seen) == 1


def test_a_stall_ends_and_is_continued(site: Any, target: Path) -> None:
    site.script += [site.stall_after(100_000)]
    began = time.monotonic()
    get(site, target)
    assert time.monotonic() - began < 3
    assert site.seen[1]["Range"] == "bytes=100000-"
    assert target.read_bytes() == site.body


def test_refuses_ranges(site: Any, target: Path) -> None:
    site.ranges = False
    site.script += [site.drop_after(100_000)]
    get(site, target)
    assert site.seen[1]["Range"] == "bytes=100000-"
    assert target.read_bytes() == site.body


def test_the_file_changes_between_two_ranges(site: Any, target: Path) -> None:
    new = bytes(reversed(site.body))

    def change(handler: Any, site: Any) -> None:
        site.body, site.etag = new, '"two"'

    site.script += [site.drop_after(100_000), change]
    get(site, target, sha256=hashlib.sha256(new).hexdigest())
    assert site.seen[1]["If-Range"] == '"one"'
    assert target.read_bytes() == new


def test_the_file_changes_and_the_etag_does_not(site: Any, target: Path) -> None:
    new = bytes(reversed(site.body))

    def change(handler: Any, site: Any) -> None:
        site.body = new

    site.script += [site.drop_after(100_000), change]
    get(site, target, sha256=hashlib.sha256(new).hexdigest())
    assert target.read_bytes() == new
    assert "Range" not in site.seen[2]  # the joined pieces were wrong: once more, in one piece


@pytest.mark.parametrize("span", ["bytes 0-299999/300000", "bytes 100000-299998/299999", "nonsense", ""])
def test_another_piece_than_asked_for(site: Any, target: Path, span: str) -> None:
    site.script += [site.drop_after(100_000), site.status(206, b"x" * 200_000, Content_Range=span)]
    get(site, target)
    assert target.read_bytes() == site.body


def test_416_starts_over(site: Any, target: Path) -> None:
    site.script += [site.drop_after(100_000), site.status(416)]
    get(site, target)
    assert target.read_bytes() == site.body


def test_404_is_final(site: Any, target: Path) -> None:
    site.script += [site.status(404)] * 5
    with pytest.raises(DownloadError, match="answers 404"):
        get(site, target)
    assert len(site.seen) == 1
    assert leftovers(target) == []


def test_503_then_right(site: Any, target: Path) -> None:
    site.script += [site.status(503), site.status(503)]
    get(site, target)
    assert len(site.seen) == 3


def test_retry_after_is_honoured(site: Any, target: Path) -> None:
    site.script += [site.status(503, Retry_After="1")]
    began = time.monotonic()
    get(site, target)
    assert time.monotonic() - began >= 1


def test_retry_after_within_reason(site: Any, target: Path) -> None:
    site.script += [site.status(429, Retry_After="3600")]
    with pytest.raises(DownloadError, match="asks to wait 60 minutes"):
        get(site, target)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_in_place_of_the_file(site: Any, target: Path, kind: str) -> None:
    site.script += [site.status(200, b"<!DOCTYPE html><html>Sign in", Content_Type=kind)]
    with pytest.raises(DownloadError, match="web page in place of the file"):
        get(site, target)
    assert leftovers(target) == []
    get(site, target)


def test_the_next_address_goes_on_where_the_first_stopped(site: Any, second_site: Any, target: Path) -> None:
    site.script += [site.drop_after(100_000), site.status(404)]
    second_site.etag = '"other"'
    fetched = fetch([site.address, second_site.address], target, sha256=site.sha256, patience=QUICK)
    assert fetched.address == second_site.address
    assert second_site.seen[0]["Range"] == "bytes=100000-"
    assert "If-Range" not in second_site.seen[0]  # the first one's ETag means nothing here; the hash decides
    assert target.read_bytes() == site.body


def test_without_hash_and_validator_nothing_is_joined(site: Any, target: Path) -> None:
    site.etag = None
    site.script += [site.drop_after(100_000)]
    fetch([site.address], target, patience=QUICK)
    assert "Range" not in site.seen[1]
    assert target.read_bytes() == site.body


def test_both_addresses_are_named_when_neither_works(site: Any, second_site: Any, target: Path) -> None:
    site.script += [site.status(404)]
    second_site.script += [site.status(403)]
    with pytest.raises(DownloadError, match=r"404.*; .*403"):
        fetch([site.address, second_site.address], target, patience=QUICK)


def test_nobody_listens(target: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        port = taken.getsockname()[1]
        with pytest.raises(DownloadError, match="can't be reached"):
            fetch([f"http://127.0.0.1:{port}/file"], target, patience=QUICK)
    assert leftovers(target) == []


def test_mirror(site: Any, target: Path) -> None:
    fetched = fetch(
        ["https://download.example/models/file.bin"],
        target,
        sha256=site.sha256,
        mirror=f"{site.root}/copies/",
        patience=QUICK,
    )
    assert site.paths == ["/copies/models/file.bin"]
    assert fetched.address == f"{site.root}/copies/models/file.bin"


@pytest.mark.parametrize("address", ["http://example.org/x", "ftp://example.org/x", "file:///etc/passwd", "nonsense"])
def test_https_only(address: str, target: Path) -> None:
    with pytest.raises(DownloadError, match="must begin with https"):
        fetch([address], target)
    with pytest.raises(DownloadError, match="must begin with https"):
        fetch(["https://example.org/x"], target, mirror=address)


@pytest.mark.parametrize("onward", ["http://example.org/file", "https://example.org/file", "file:///etc/passwd"])
def test_redirects_stay_safe(site: Any, target: Path, onward: str) -> None:
    site.script += [site.status(302, Location=onward)]
    with pytest.raises(DownloadError, match="isn't safe"):
        get(site, target)


def test_redirects_are_followed_but_not_for_ever(site: Any, target: Path) -> None:
    site.script += [site.drop_after(100_000), site.status(302, Location="/elsewhere")]
    get(site, target)
    assert site.paths[-1] == "/elsewhere"
    assert site.seen[-1]["Range"] == "bytes=100000-"
    target.unlink()
    site.script += [site.status(302, Location="/round")] * 20
    with pytest.raises(DownloadError, match="without end"):
        get(site, target)


def test_cancel_while_the_server_stalls(site: Any, target: Path) -> None:
    site.script += [site.stall_after(100_000)]
    patience = Patience(stall=30)
    stop = threading.Event()
    said: list[float] = []

    def say() -> None:
        while not (target.with_name("file.bin.part")).exists():
            time.sleep(0.01)
        time.sleep(0.2)
        said.append(time.monotonic())
        stop.set()

    speaker = threading.Thread(target=say)
    speaker.start()
    with pytest.raises(DownloadCancelled, match="was cancelled"):
        get(site, target, cancelled=stop.is_set, patience=patience)
    heard = time.monotonic()
    speaker.join()
    assert heard - said[0] < 0.2
    get(site, target)  # what had come is used
    assert site.seen[-1]["Range"] == "bytes=100000-"
    assert target.read_bytes() == site.body


def test_cancel_before_the_first_byte_and_while_waiting(site: Any, target: Path) -> None:
    site.script += [site.status(503, Retry_After="2")]
    began = time.monotonic()
    with pytest.raises(DownloadCancelled):
        get(site, target, cancelled=lambda: time.monotonic() - began > 0.4)
    assert time.monotonic() - began < 0.7


def test_cancel_while_a_name_is_looked_up(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    asked = threading.Event()
    threads: list[threading.Thread] = []

    def hang(*args: object, **kwargs: object) -> list[Any]:
        threads.append(threading.current_thread())
        asked.set()
        let_go.wait(20)
        raise socket.gaierror("no")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    said: list[float] = []

    def cancelled() -> bool:
        if asked.is_set() and not said:
            said.append(time.monotonic())
        return bool(said)

    with pytest.raises(DownloadCancelled):
        fetch(["https://models.example/file.bin"], target, cancelled=cancelled)
    assert time.monotonic() - said[0] < 0.2
    let_go.set()
    for thread in threads:
        thread.join()


def test_progress_tells_the_time_left(site: Any, target: Path) -> None:
    def slowly(handler: Any, site: Any) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", "300000")
        handler.end_headers()
        for start in range(0, 300_000, 30_000):
            handler.wfile.write(site.body[start : start + 30_000])
            handler.wfile.flush()
            time.sleep(0.06)
        return True

    site.script += [slowly]
    told: list[Progress] = []
    get(site, target, progress=told.append)
    assert 3 <= len(told) <= 10
    assert [report.received for report in told] == sorted(report.received for report in told)
    timed = [report for report in told if report.seconds_left is not None]
    assert timed
    assert all(0 <= (report.seconds_left or 0) < 2 for report in timed)
    assert told[-1].seconds_left == 0


def test_no_room(site: Any, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(DownloadError, match=r"no room for file\.bin"):
        get(site, target)
    assert leftovers(target) == []


def test_the_disk_fills_up_on_the_way(site: Any, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, part: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download.Part, "begin", full)
    with pytest.raises(DownloadError, match=r"No space left on device.*make room"):
        get(site, target)
    assert leftovers(target) == []


def test_a_check_that_refuses_leaves_nothing(site: Any, target: Path) -> None:
    def check(path: Path) -> None:
        assert path.read_bytes() == site.body
        raise StoreError("file.bin is not a file of weights.")

    with pytest.raises(DownloadError, match=r"can't be used: file\.bin is not a file of weights\.$"):
        get(site, target, check=check)
    assert not target.exists()
    assert leftovers(target) == []


@pytest.mark.parametrize("note", ["", "{", "[]", '{"address": 3}', '{"address": "x", "total": -1}', '{"y": 1}'])
def test_a_damaged_note_starts_over(site: Any, target: Path, note: str) -> None:
    target.with_name("file.bin.part").write_bytes(b"rubbish")
    target.with_name("file.bin.part.json").write_text(note)
    get(site, target)
    assert "Range" not in site.seen[0]
    assert target.read_bytes() == site.body


def test_a_part_that_is_too_long_starts_over(site: Any, target: Path) -> None:
    target.with_name("file.bin.part").write_bytes(site.body + b"more")
    note = {"address": site.address, "total": 300_000, "etag": '"one"', "modified": None}
    target.with_name("file.bin.part.json").write_text(json.dumps(note))
    get(site, target)
    assert "Range" not in site.seen[0]


def test_a_whole_part_needs_no_network(site: Any, target: Path) -> None:
    target.with_name("file.bin.part").write_bytes(site.body)
    note = {"address": site.address, "total": 300_000, "etag": '"one"', "modified": None}
    target.with_name("file.bin.part.json").write_text(json.dumps(note))
    get(site, target)
    assert site.seen == []
    assert target.read_bytes() == site.body


def test_a_damaged_part_is_found_out_and_fetched_again(site: Any, target: Path) -> None:
    target.with_name("file.bin.part").write_bytes(bytes(100_000))  # as after a power cut
    note = {"address": site.address, "total": 300_000, "etag": '"one"', "modified": None}
    target.with_name("file.bin.part.json").write_text(json.dumps(note))
    get(site, target)
    assert target.read_bytes() == site.body


SCRIPT = """
import sys
from pathlib import Path
from app.store.download import Patience, fetch
address, target, sha256 = sys.argv[1:]
print(fetch([address], Path(target), sha256=sha256, patience=Patience(stall=20)).sha256)
"""


def start_process(site: Any, target: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, site.address, str(target), site.sha256],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX")
def test_killed_in_the_middle(site: Any, target: Path) -> None:
    site.script += [site.stall_after(200_000)]
    part = target.with_name("file.bin.part")
    with start_process(site, target) as process:
        wait_for(lambda: part.exists() and part.stat().st_size > 100_000)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    there = part.stat().st_size
    get(site, target)
    assert site.seen[-1]["Range"] == f"bytes={there}-"
    assert target.read_bytes() == site.body
    assert leftovers(target) == []


def test_two_processes_at_once(site: Any, target: Path) -> None:
    def slowly(handler: Any, site: Any) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", "300000")
        handler.end_headers()
        handler.wfile.write(site.body[:100_000])
        handler.wfile.flush()
        site.let_go.wait(20)
        handler.wfile.write(site.body[100_000:])
        return True

    site.script += [slowly]
    with start_process(site, target) as first:
        wait_for(lambda: len(site.seen) == 1)
        told: list[Progress] = []

        def see(report: Progress) -> None:
            told.append(report)
            site.let_go.set()

        fetched = get(site, target, progress=see)  # waits for its turn, and then finds the file there
        out, _ = first.communicate()
    assert out.strip() == fetched.sha256 == site.sha256
    assert len(site.seen) == 1
    assert told[0].total is None


def test_cancel_while_another_one_downloads(site: Any, target: Path) -> None:
    site.script += [site.stall_after(1000)]
    first = threading.Thread(target=lambda: get(site, target, patience=Patience(stall=20, first_wait=0.01)))
    first.start()
    wait_for(lambda: len(site.seen) == 1)
    began = time.monotonic()
    with pytest.raises(DownloadCancelled):
        get(site, target, cancelled=lambda: True)
    assert time.monotonic() - began < 0.2
    site.let_go.set()
    first.join()
    assert target.read_bytes() == site.body
