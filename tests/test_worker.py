"""The worker with fake engines that do exactly what a test tells them, and with the real one of the Classify panel.

A request is a function of its ticket that gives a generator; gates, not clocks, hold it where a test wants it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.worker import FAULT, Answer, Cancelled, Done, Failed, Notice, Partial, Started, Ticket, Worker

PATIENCE = 30.0  # seconds after which something has surely gone wrong; nothing is measured with it
LONG = 120.0  # the same for real networks on a busy machine


class MemoryFull(Exception):
    """What the fake engine takes for a full GPU."""


class FakeEngine:
    """Does what its requests say."""

    def __init__(self) -> None:
        self.closed = 0
        self.freed = 0
        self.threads: set[str] = set()

    def handle(self, request: Any, ticket: Ticket) -> Any:
        self.threads.add(threading.current_thread().name)
        return request(ticket)

    def out_of_memory(self, error: BaseException) -> str | None:
        if not isinstance(error, MemoryFull):
            return None
        self.freed += 1
        return "The memory is full, so it goes on on the CPU."

    def explain(self, error: BaseException) -> str | None:
        if isinstance(error, ZeroDivisionError):
            raise error  # an engine that stumbles over its own explanation
        return "The picture is damaged." if isinstance(error, ValueError) else None

    def close(self) -> None:
        self.closed += 1


class Desk:
    """A worker, and all that it has answered."""

    def __init__(self, panels: tuple[str, ...] = ("a", "b"), start: bool = True) -> None:
        self.engines = {panel: FakeEngine() for panel in panels}
        self.answers: list[Answer] = []
        self.log: list[str] = []  # what requests note about themselves
        self._come = threading.Condition()
        self.worker = Worker({panel: (lambda e=engine: e) for panel, engine in self.engines.items()}, self.deliver)
        if start:
            self.worker.start()

    def deliver(self, answer: Answer) -> None:
        with self._come:
            self.answers.append(answer)
            self._come.notify_all()

    def of(self, ticket: Ticket) -> list[Answer]:
        return [answer for answer in self.answers if getattr(answer, "ticket", None) is ticket]

    def last(self, ticket: Ticket, patience: float = PATIENCE) -> Done | Failed | Cancelled:
        """Waits for the answer that ends the ticket."""

        def ended() -> Any:
            return next((a for a in self.of(ticket) if isinstance(a, Done | Failed | Cancelled)), None)

        with self._come:
            assert self._come.wait_for(ended, patience), f"no end of {ticket}: {self.answers[-5:]}"
            return ended()

    def values(self, ticket: Ticket) -> list[Any]:
        return [answer.value for answer in self.of(ticket) if isinstance(answer, Partial)]

    def hold(self, steps: int = 1) -> Hold:
        """A request that keeps the thread until it is let go."""
        return Hold(steps)

    def noting(self, name: str, steps: int = 1) -> Callable[[Ticket], Iterator[Any]]:
        """A request that notes each of its steps."""

        def request(ticket: Ticket) -> Any:
            for step in range(steps):
                self.log.append(name)
                yield step
            return name

        return request


class Hold:
    def __init__(self, steps: int) -> None:
        self.entered, self.gate, self.left = threading.Event(), threading.Event(), threading.Event()
        self._steps = steps

    def __call__(self, ticket: Ticket) -> Any:
        self.entered.set()
        try:
            for step in range(self._steps):
                assert self.gate.wait(PATIENCE)
                yield step
        finally:
            self.left.set()
        return "held"

    def wait(self) -> Hold:
        assert self.entered.wait(PATIENCE)
        return self


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    assert made.worker.close(PATIENCE)


@pytest.fixture
def held(desk: Desk) -> Iterator[Hold]:
    """The thread is busy: what is put in now waits, and is served in the order of its rank once it is let go."""
    hold = desk.hold()
    desk.worker.control("a", hold)
    hold.wait()
    yield hold
    hold.gate.set()


def test_a_request_is_answered_step_by_step(desk: Desk) -> None:
    def request(ticket: Ticket) -> Any:
        yield "one"
        yield None  # a step without a word
        yield "two"
        return 3

    ticket = desk.worker.enqueue("a", request)
    desk.last(ticket)
    assert desk.of(ticket) == [Started(ticket), Partial(ticket, "one"), Partial(ticket, "two"), Done(ticket, 3)]
    assert desk.engines["a"].threads == {"triptych-engine"}


def test_the_newest_of_a_mailbox_wins(desk: Desk, held: Hold) -> None:
    tickets = [desk.worker.post("a", desk.noting(str(k))) for k in range(5)]
    other = desk.worker.post("a", desk.noting("other"), mailbox="heat")
    held.gate.set()
    assert [type(desk.last(ticket)) for ticket in tickets] == [Cancelled] * 4 + [Done]
    assert isinstance(desk.last(other), Done)
    assert desk.log == ["4", "other"]
    assert all(desk.of(ticket) == [Cancelled(ticket)] for ticket in tickets[:-1])  # never started


def test_a_newer_input_stops_the_one_that_runs(desk: Desk) -> None:
    hold = desk.hold(steps=1000)
    first = desk.worker.post("a", hold)
    hold.wait()
    second = desk.worker.post("a", desk.noting("second"))
    hold.gate.set()
    assert isinstance(desk.last(first), Cancelled)
    assert isinstance(desk.last(second), Done)
    assert desk.values(first) == []  # the step that was running has nobody to speak to any more
    assert hold.left.is_set()  # its generator was closed, so that it could clear up


def test_nothing_in_the_queue_is_lost(desk: Desk, held: Hold) -> None:
    tickets = [desk.worker.enqueue("ab"[k % 2], desk.noting(str(k), steps=1 + k % 3)) for k in range(60)]
    held.gate.set()
    assert [desk.last(ticket) for ticket in tickets] == [Done(ticket, str(k)) for k, ticket in enumerate(tickets)]
    assert [desk.values(ticket) for ticket in tickets] == [list(range(1 + k % 3)) for k in range(60)]
    assert desk.log == [str(k) for k in range(60) for _ in range(1 + k % 3)]  # in order, one after the other


def test_the_visible_panel_goes_first(desk: Desk, held: Hold) -> None:
    desk.worker.show("b")
    of_a = desk.worker.post("a", desk.noting("a", steps=3))
    of_b = desk.worker.post("b", desk.noting("b", steps=3))
    held.gate.set()
    desk.last(of_a)
    desk.last(of_b)
    assert "".join(desk.log) == "bbbaaa"


def test_showing_another_panel_takes_effect_between_two_steps(desk: Desk, held: Hold) -> None:
    def switching(ticket: Ticket) -> Any:
        desk.log.append("a")
        desk.worker.show("b")
        yield
        desk.log.append("a")

    desk.worker.show("a")
    of_a = desk.worker.post("a", switching)
    of_b = desk.worker.post("b", desk.noting("b", steps=2))
    held.gate.set()
    desk.last(of_a)
    desk.last(of_b)
    assert "".join(desk.log) == "abba"


def test_every_third_step_is_the_queue_s(desk: Desk, held: Hold) -> None:
    desk.worker.show("a")
    queued = desk.worker.enqueue("b", desk.noting("q", steps=3))
    live = desk.worker.post("a", desk.noting("m", steps=12))
    held.gate.set()
    desk.last(queued)
    desk.last(live)
    # A request of n steps is asked n + 1 times: the last time it says that it has ended, and notes nothing.
    assert "".join(desk.log) == "mmqmmqmmqmmmmmm"


def test_while_nothing_is_queued_a_mailbox_saves_up_no_steps(desk: Desk) -> None:
    warm = desk.worker.post("a", desk.noting("-", steps=7))
    desk.last(warm)
    hold = desk.hold()
    desk.worker.control("a", hold)
    hold.wait()
    live = desk.worker.post("a", desk.noting("m", steps=4))
    queued = desk.worker.enqueue("a", desk.noting("q", steps=1))
    hold.gate.set()
    desk.last(live)
    desk.last(queued)
    assert "".join(desk.log) == "-------mmqmm"


def test_a_change_of_model_goes_before_input_that_came_earlier(desk: Desk, held: Hold) -> None:
    desk.worker.show("a")
    tickets = [
        desk.worker.post("a", desk.noting("typed")),
        desk.worker.enqueue("a", desk.noting("file")),
        desk.worker.control("b", desk.noting("device", steps=3)),
        desk.worker.control("a", desk.noting("model")),
    ]
    held.gate.set()
    for ticket in tickets:
        assert isinstance(desk.last(ticket), Done)
    assert desk.log == ["device", "device", "device", "model", "typed", "file"]


def test_a_change_of_model_comes_between_two_steps_of_a_folder(desk: Desk) -> None:
    hold = desk.hold(steps=3)
    folder = desk.worker.enqueue("a", hold)
    hold.wait()
    model = desk.worker.control("a", desk.noting("model"))
    hold.gate.set()
    desk.last(folder)
    order = [(type(answer), answer.ticket) for answer in desk.answers if not isinstance(answer, Notice)]
    assert order.index((Done, model)) == order.index((Partial, folder)) + 3  # Started, Partial, Done of the change


def test_cancelling_is_seen_once_a_step(desk: Desk) -> None:
    hold = desk.hold(steps=1000)
    ticket = desk.worker.enqueue("a", hold)
    hold.wait()
    behind = desk.worker.enqueue("a", desk.noting("behind"))
    ticket.cancel()
    hold.gate.set()
    assert desk.last(ticket) == Cancelled(ticket)
    assert desk.of(ticket) == [Started(ticket), Cancelled(ticket)]
    assert hold.left.is_set()
    assert isinstance(desk.last(behind), Done)


@pytest.mark.parametrize("way", ["post", "enqueue", "control"])
def test_what_waits_and_is_cancelled_is_answered_at_once(desk: Desk, held: Hold, way: str) -> None:
    desk.worker.show("a")
    live = desk.hold(steps=2)
    desk.worker.post("a", live)
    waiting = getattr(desk.worker, way)("b", desk.noting("never"))
    waiting.cancel()
    held.gate.set()
    live.wait()  # the panel in view has the thread; the other one's answer was there before
    assert desk.of(waiting) == [Cancelled(waiting)]
    live.gate.set()
    assert desk.log == []


def test_cancel_all_leaves_changes_of_model_alone(desk: Desk, held: Hold) -> None:
    model = desk.worker.control("a", desk.noting("model"))
    others = [desk.worker.post("a", desk.noting("typed")), desk.worker.enqueue("b", desk.noting("file"))]
    desk.worker.cancel_all()
    held.gate.set()
    assert [type(desk.last(ticket)) for ticket in others] == [Cancelled, Cancelled]
    assert isinstance(desk.last(model), Done)
    assert desk.log == ["model"]


class Panic(BaseException):
    """As Rust's libraries raise it: no Exception."""


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("x"), "The picture is damaged."),
        (RuntimeError("x"), FAULT),
        (ZeroDivisionError("x"), FAULT),
        (SystemExit(3), FAULT),
        (Panic("x"), FAULT),
    ],
)
def test_errors_are_answers_and_the_thread_lives_on(desk: Desk, error: BaseException, sentence: str) -> None:
    def broken(ticket: Ticket) -> Any:
        yield "so far"
        raise error

    ticket = desk.worker.enqueue("a", broken)
    answer = desk.last(ticket)
    assert isinstance(answer, Failed)
    assert answer.sentence == sentence
    assert answer.detail.splitlines()[0].startswith("Traceback")
    assert "in broken" in answer.detail
    assert desk.values(ticket) == ["so far"]
    assert desk.last(desk.worker.enqueue("a", desk.noting("next"))).value == "next"  # type: ignore[union-attr]


def test_faults_of_the_program_reach_the_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def wrong(error: Exception) -> Callable[[Ticket], Any]:
        def request(ticket: Ticket) -> Any:
            raise error
            yield

        return request

    desk.last(desk.worker.enqueue("a", wrong(ValueError("expected"))))
    assert not caplog.records
    desk.last(desk.worker.enqueue("a", wrong(KeyError("a fault"))))
    (record,) = caplog.records
    assert "KeyError: 'a fault'" in record.getMessage()


def test_a_request_that_no_generator_answers_fails_alone(desk: Desk) -> None:
    assert isinstance(desk.last(desk.worker.enqueue("a", lambda ticket: 5)), Failed)
    assert isinstance(desk.last(desk.worker.enqueue("a", desk.noting("next"))), Done)


def test_an_error_after_cancelling_is_no_news(desk: Desk) -> None:
    def broken(ticket: Ticket) -> Any:
        ticket.cancel()
        raise ValueError
        yield

    assert desk.last(ticket := desk.worker.enqueue("a", broken)) == Cancelled(ticket)


def test_an_engine_that_cannot_be_made_is_tried_again() -> None:
    answers: list[Answer] = []
    come = threading.Event()
    tries: list[int] = []

    def factory() -> FakeEngine:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no such library")
        return FakeEngine()

    def deliver(answer: Answer) -> None:
        answers.append(answer)
        if isinstance(answer, Done):
            come.set()

    worker = Worker({"a": factory}, deliver)
    worker.start()
    worker.enqueue("a", Desk(start=False).noting("one"))
    worker.enqueue("a", Desk(start=False).noting("two"))
    assert come.wait(PATIENCE)
    assert worker.close(PATIENCE)
    assert [type(answer) for answer in answers] == [Started, Failed, Started, Partial, Done]
    assert answers[1].sentence == FAULT  # type: ignore[union-attr]


def test_full_memory_is_said_and_the_request_runs_again_once(desk: Desk) -> None:
    tries: list[int] = []

    def large(ticket: Ticket) -> Any:
        tries.append(1)
        yield len(tries)
        if len(tries) == 1:
            raise MemoryFull
        return "on the CPU"

    ticket = desk.worker.post("a", large)
    assert desk.last(ticket) == Done(ticket, "on the CPU")
    assert desk.answers == [
        Started(ticket),
        Partial(ticket, 1),
        Notice("The memory is full, so it goes on on the CPU."),
        Partial(ticket, 2),
        Done(ticket, "on the CPU"),
    ]


def test_memory_that_is_full_twice_is_a_failure(desk: Desk) -> None:
    def larger(ticket: Ticket) -> Any:
        raise MemoryFull
        yield

    ticket = desk.worker.enqueue("a", larger)
    assert isinstance(desk.last(ticket), Failed)
    assert [type(answer) for answer in desk.answers] == [Started, Notice, Failed]
    assert desk.engines["a"].freed == 1
    assert isinstance(desk.last(desk.worker.enqueue("a", desk.noting("next"))), Done)


def test_an_engine_that_cannot_free_its_memory_fails_the_request(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stumbles(error: BaseException) -> str:
        raise RuntimeError("the driver is gone")

    monkeypatch.setattr(desk.engines["a"], "out_of_memory", stumbles)

    def broken(ticket: Ticket) -> Any:
        raise MemoryFull
        yield

    assert isinstance(desk.last(desk.worker.enqueue("a", broken)), Failed)
    assert isinstance(desk.last(desk.worker.enqueue("a", desk.noting("next"))), Done)
    assert "the driver is gone" in caplog.text


def test_a_front_end_that_raises_does_not_stop_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(start=False)

    def deliver(answer: Answer) -> None:
        desk.deliver(answer)
        raise RuntimeError("the window is gone")

    worker = Worker({"a": lambda: desk.engines["a"]}, deliver)
    worker.start()
    ticket = worker.enqueue("a", desk.noting("one", steps=3))
    assert desk.last(ticket) == Done(ticket, "one")
    assert worker.close(PATIENCE)
    assert [type(answer) for answer in desk.answers] == [Started, Partial, Partial, Partial, Done]
    assert [record.getMessage() for record in caplog.records] == [
        f"delivering {type(answer).__name__}" for answer in desk.answers
    ]


def test_a_generator_that_will_not_be_closed_ends_all_the_same(desk: Desk) -> None:
    hold = desk.hold()

    def stubborn(ticket: Ticket) -> Any:
        hold.entered.set()
        assert hold.gate.wait(PATIENCE)
        try:
            yield
        finally:
            raise RuntimeError("no")

    ticket = desk.worker.enqueue("a", stubborn)
    hold.wait()
    ticket.cancel()
    hold.gate.set()
    assert isinstance(desk.last(ticket), Cancelled)
    assert isinstance(desk.last(desk.worker.enqueue("a", desk.noting("next"))), Done)


def test_close_while_busy() -> None:
    desk = Desk()
    desk.worker.show("a")

    def endless(ticket: Ticket) -> Any:
        while True:
            yield "again"

    tickets = [desk.worker.post("a", endless), desk.worker.enqueue("a", endless), desk.worker.enqueue("b", endless)]
    with desk._come:
        assert desk._come.wait_for(lambda: len(desk.answers) > 20, PATIENCE)
    assert desk.worker.close(PATIENCE)
    assert [desk.last(ticket, 0) for ticket in tickets] == [Cancelled(ticket) for ticket in tickets]
    assert desk.engines["a"].closed == 1
    assert desk.engines["b"].closed == 0  # never made


def test_close_does_not_wait_for_a_step_that_nothing_can_interrupt() -> None:
    desk = Desk()
    hold = desk.hold()
    running = desk.worker.enqueue("a", hold)
    hold.wait()
    waiting = desk.worker.control("b", desk.noting("never"))
    assert not desk.worker.close(0.01)
    assert desk.engines["a"].closed == 0
    hold.gate.set()
    assert desk.worker.close(PATIENCE)
    assert desk.last(running, 0) == Cancelled(running)
    assert desk.last(waiting, 0) == Cancelled(waiting)
    assert desk.log == []
    assert desk.engines["a"].closed == 1


def test_an_engine_that_cannot_close_does_not_keep_the_others_open(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.last(desk.worker.enqueue("a", desk.noting("a")))
    desk.last(desk.worker.enqueue("b", desk.noting("b")))

    def fails() -> None:
        raise OSError

    monkeypatch.setattr(desk.engines["a"], "close", fails)
    assert desk.worker.close(PATIENCE)
    assert desk.engines["b"].closed == 1


@pytest.mark.parametrize("way", ["post", "enqueue", "control"])
def test_requests_after_close_are_cancelled(way: str) -> None:
    desk = Desk()
    assert desk.worker.close(PATIENCE)
    ticket = getattr(desk.worker, way)("a", desk.noting("never"))
    assert ticket.cancelled
    assert desk.answers == [Cancelled(ticket)]
    assert desk.worker.close(PATIENCE)  # closing twice does no harm


def test_a_worker_that_never_started_answers_when_it_closes() -> None:
    desk = Desk(start=False)
    tickets = [desk.worker.post("a", desk.noting("1")), desk.worker.post("a", desk.noting("2"))]
    assert desk.worker.close()
    assert {answer.ticket for answer in desk.answers} == set(tickets)  # type: ignore[union-attr]
    assert [type(answer) for answer in desk.answers] == [Cancelled, Cancelled]


def test_an_unknown_panel_is_a_mistake_of_the_caller(desk: Desk) -> None:
    with pytest.raises(ValueError, match="no engine for the panel 'c'"):
        desk.worker.post("c", desk.noting("never"))


# Whatever comes, in whatever order

_fates = st.sampled_from(["done", "done", "done", "wrong", "full", "full twice"])
_requests = st.tuples(
    st.sampled_from(["post", "post", "enqueue", "enqueue", "control"]),
    st.sampled_from("ab"),
    st.sampled_from(["input", "heat"]),
    st.integers(0, 4),  # steps
    _fates,
)
_deeds = st.one_of(
    _requests,
    _requests,
    st.tuples(st.just("cancel"), st.integers(0, 50)),
    st.tuples(st.just("show"), st.sampled_from(["a", "b", ""])),
    st.tuples(st.just("cancel all")),
    st.tuples(st.just("breathe")),
)


@settings(max_examples=60)
@given(deeds=st.lists(_deeds, max_size=40), hold_first=st.booleans(), drain=st.booleans())
def test_every_ticket_ends_exactly_once(deeds: list[tuple[Any, ...]], hold_first: bool, drain: bool) -> None:
    desk = Desk()
    hold = desk.hold()
    made: dict[Ticket, tuple[str, int, str]] = {}
    newest: dict[tuple[str, str], Ticket] = {}
    touched: set[Ticket] = set()  # may have been cancelled

    def request(steps: int, fate: str) -> Callable[[Ticket], Iterator[Any]]:
        tries: list[int] = []

        def run(ticket: Ticket) -> Any:
            tries.append(1)
            yield from range(steps)
            if fate == "wrong":
                raise ValueError
            if fate == "full twice" or (fate == "full" and len(tries) == 1):
                raise MemoryFull
            return steps

        return run

    if hold_first:
        desk.worker.control("a", hold)
        hold.wait()
    for deed in deeds:
        match deed:
            case ("cancel", int(number)):
                if made:
                    ticket = list(made)[number % len(made)]
                    touched.add(ticket)
                    ticket.cancel()
            case ("show", panel):
                desk.worker.show(panel)
            case ("cancel all",):
                touched.update(made)
                desk.worker.cancel_all()
            case ("breathe",):
                if not hold_first and made:
                    desk.last(next(iter(made)))
            case (way, panel, mailbox, steps, fate):
                if way == "post":
                    ticket = desk.worker.post(panel, request(steps, fate), mailbox)
                    if (panel, mailbox) in newest:
                        touched.add(newest[panel, mailbox])
                    newest[panel, mailbox] = ticket
                else:
                    ticket = getattr(desk.worker, way)(panel, request(steps, fate))
                made[ticket] = way, steps, fate
    hold.gate.set()
    if drain:
        for ticket in made:
            desk.last(ticket)
    else:
        touched.update(made)
    assert desk.worker.close(PATIENCE)
    for ticket, (way, steps, fate) in made.items():
        kinds = [type(answer) for answer in desk.of(ticket)]
        assert sum(kind in (Done, Failed, Cancelled) for kind in kinds) == 1, (way, steps, fate, kinds)
        assert kinds[-1] in (Done, Failed, Cancelled)
        assert kinds.count(Started) <= 1
        assert kinds[0] in (Started, Cancelled)
        if ticket not in touched:
            wanted = {"done": Done, "full": Done, "wrong": Failed, "full twice": Failed}[fate]
            assert kinds[-1] is wanted
            assert desk.values(ticket) == list(range(steps)) * (2 if fate.startswith("full") else 1)


# The real engine

MODEL = "efficientnet-lite0"


@pytest.fixture
def real() -> Iterator[Desk]:
    from app.engines.classify import ClassifyEngine
    from app.store.catalog import Store

    desk = Desk(start=False)
    store = Store()
    desk.worker = Worker({"classify": lambda: ClassifyEngine(store, "cpu")}, desk.deliver)
    desk.worker.show("classify")
    desk.worker.start()
    yield desk
    assert desk.worker.close(LONG)


def sample(name: str) -> Path:
    from app.store.locate import bundled

    return bundled("assets") / "samples" / f"{name}.jpg"


def test_real_a_picture_and_a_change_of_model(real: Desk) -> None:
    from app.engines.classify import Classification, Classify, LoadModel, ModelStatus, ReleaseModel

    picture = real.worker.post("classify", Classify(sample("coffee"), (MODEL,)))
    model = real.worker.control("classify", LoadModel(MODEL))
    released = real.worker.control("classify", ReleaseModel(MODEL))
    again = real.worker.enqueue("classify", Classify(sample("chelsea"), (MODEL, "gone")))
    assert isinstance(real.last(picture, LONG), Done)
    (answer,) = real.values(picture)
    assert isinstance(answer, Classification)
    assert answer.top[0].label == "espresso"
    loaded = real.last(model, LONG)
    assert isinstance(loaded, Done)
    assert isinstance(loaded.value, ModelStatus)
    assert loaded.value.loaded
    assert real.last(released, LONG).value == ModelStatus(MODEL, False)  # type: ignore[union-attr]
    assert isinstance(real.last(again, LONG), Done)
    cat, gone = real.values(again)
    assert cat.top[0].label in ("tabby", "tiger cat", "Egyptian cat")
    assert "There is no model “gone”" in gone.sentence


def test_real_a_picture_comes_between_the_batches_of_a_folder(real: Desk) -> None:
    from app.engines.classify import Classify, ClassifyFiles

    paths = tuple(sample(name) for name in ("astronaut", "chelsea", "coffee", "rocket") * 8)
    begun = threading.Event()
    deliver = real.deliver

    def watch(answer: Answer) -> None:
        deliver(answer)
        if isinstance(answer, Partial):
            begun.set()

    real.worker._deliver = watch
    folder = real.worker.enqueue("classify", ClassifyFiles(paths, (MODEL,)))
    assert begun.wait(LONG)
    picture = real.worker.post("classify", Classify(sample("coffee"), (MODEL,)))
    assert isinstance(real.last(picture, LONG), Done)
    assert isinstance(real.last(folder, LONG), Done)
    results = [result for batch in real.values(folder) for result in batch]
    assert [result.path for result in results] == list(paths)
    assert all(result.error is None and len(result.answers) == 1 for result in results)
    tickets = [getattr(answer, "ticket", None) for answer in real.answers]
    assert tickets.index(picture) < len(tickets) - 1 - tickets[::-1].index(folder)


def test_real_closing_in_the_middle_of_a_folder(real: Desk) -> None:
    from app.engines.classify import ClassifyFiles

    begun = threading.Event()
    deliver = real.deliver

    def watch(answer: Answer) -> None:
        deliver(answer)
        if isinstance(answer, Partial):
            begun.set()

    real.worker._deliver = watch
    folder = real.worker.enqueue("classify", ClassifyFiles((sample("chelsea"),) * 10_000, (MODEL,)))
    assert begun.wait(LONG)
    assert real.worker.close(LONG)
    assert isinstance(real.last(folder, 0), Cancelled)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("triptych-decode")]


def test_real_a_damaged_picture_is_a_sentence(real: Desk, tmp_path: Path) -> None:
    from app.engines.classify import Classify

    (tmp_path / "drawing.jpg").write_bytes(sample("chelsea").read_bytes()[:2000])
    answer = real.last(real.worker.post("classify", Classify(tmp_path / "drawing.jpg", (MODEL,))), LONG)
    assert isinstance(answer, Failed)
    assert answer.sentence.startswith("drawing.jpg could not be opened:")
