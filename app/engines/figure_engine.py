"""The engine that records figures (app.engines.figure): of a classifier on a picture, of a captioner on a picture and a
sentence (app.engines.figure_caption), of a translator on a translation (app.engines.figure_translate). Nothing is
hooked; passes are walked, only while somebody looks."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from app.engines import figure_caption, figure_translate
from app.engines.figure import (
    Maps,
    RecordFigure,
    ReleaseFigure,
    ShowMaps,
    as_picture,
    describe,
    filter_pictures,
    said_of,
    strongest,
)
from app.engines.recording import Held, Pace, blocks_of, glances_of, measure, tensor, timed
from app.engines.tracing import Block, Traced
from app.media.pictures import PictureError
from app.store.errors import StoreError
from app.store.labels import labels

if TYPE_CHECKING:
    from app.store.catalog import Store
    from app.worker import Steps, Ticket


class FigureEngine:
    """Holds one network at a time, and only while somebody looks at it. Called on the engine thread only
    (app.worker.Engine)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: Held | None = None
        self._translator: figure_translate.HeldTranslator | None = None

    def handle(self, request: Any, ticket: Ticket) -> Steps:
        match request:
            case RecordFigure():
                return (yield from self._record(request))
            case figure_caption.RecordCaption():
                held = yield from self._network(request.model)
                return (yield from figure_caption.record(held, self._store.vocabulary(held.card), request))
            case figure_translate.RecordTranslation():
                translator = yield from self._loaded_translator(request.model)
                return (yield from figure_translate.record(translator, request))
            case ShowMaps():
                return (yield from self._maps(request))
            case ReleaseFigure():
                self._held = self._translator = None
            case _:
                raise TypeError(f"the figure has no answer to {type(request).__name__}")

    def out_of_memory(self, error: BaseException) -> str | None:
        return None  # all of it happens on the CPU

    def explain(self, error: BaseException) -> str | None:
        if isinstance(error, StoreError | PictureError):
            return str(error)
        if isinstance(error, ImportError):
            return (
                f"The library {error.name or 'torch'} can't be loaded, so no figure can be recorded: {error}. "
                "“triptych doctor” says more; installing Triptych again usually mends it."
            )
        if isinstance(error, MemoryError):
            return "There is not enough memory for this network's figure. Release models (Models), or close programs."
        return None

    def close(self) -> None:
        self._held = self._translator = None

    def _network(self, model: str) -> Generator[None, None, Held]:
        """Loading is long: others have their turn between its parts. Raises StoreError, ImportError."""
        card = self._store.card(model)
        held = self._held
        if held is None or held.card != card:
            self._held = self._translator = None  # before the next one is built
            import torch

            yield None
            from app.runtimes.devices import threads
            from app.runtimes.torch_runtime import build

            torch.set_num_threads(threads())
            net: Any = build(card, self._store)
            yield None
            traced = Traced(net.encoder, "features") if card.task == "caption" else Traced(net)
            held = self._held = Held(card, net, traced)
        yield None
        return held

    def _loaded_translator(self, model: str) -> Generator[None, None, figure_translate.HeldTranslator]:
        """As `_network`. Nothing is traced: its layers are walked one by one."""
        card = self._store.card(model)
        if self._translator is None or self._translator.card != card:
            self._held = self._translator = None
            import torch

            yield None
            from app.runtimes.devices import threads
            from app.runtimes.torch_runtime import build
            from app.runtimes.translator import wordpieces_of

            torch.set_num_threads(threads())
            wordpieces = wordpieces_of(card, self._store)
            net = build(card, self._store)
            self._translator = figure_translate.HeldTranslator(card, net, wordpieces)
        yield None
        return self._translator

    def _record(self, request: RecordFigure) -> Steps:
        import torch

        held = yield from self._network(request.model)
        card, traced = held.card, held.traced
        x = tensor(request.picture, card.preprocessing)  # (1, 3, crop, crop)
        blocks = yield from blocks_of(held, x)
        glances: dict[Block, tuple[np.ndarray, ...]] = {}
        said: tuple[tuple[str, float], ...] = ()
        if request.picture is not None:
            glances, last = yield from glances_of(traced, blocks, x)
            glances[blocks[0]] = (as_picture(x[0].numpy(), card.preprocessing),)
            said = said_of(last, labels(card.labels))
        figure = describe(traced, blocks, glances, said, card.id, card.name)
        if held.seconds is None:
            yield figure
        seconds = yield from measure(held, lambda: timed(traced, blocks, x))
        total = float(seconds.sum())
        nodes = tuple(replace(n, share=float(s) / total) for n, s in zip(figure.nodes, seconds, strict=True))
        threads = torch.get_num_threads()
        return replace(figure, nodes=nodes, pass_ms=1000 * total, passes=held.passes, threads=threads)

    def _maps(self, request: ShowMaps) -> Steps:
        held = yield from self._network(request.model)
        x = tensor(request.picture, held.card.preprocessing)
        blocks = yield from blocks_of(held, x)
        block = next((b for b in blocks if b.main.name == request.node), None)
        if block is None:
            raise StoreError(f"{held.card.name} has no part “{request.node}”: record its figure again.")
        filters = held.traced.filters(block)
        shown = None if filters is None else filter_pictures(filters.numpy())
        empty = np.zeros(0, np.float32)
        maps = Maps(
            request.model, request.node, block.title, block.shape, np.zeros((0, 1, 1), np.uint8), (), empty, empty,
            block.towers, filters=shown,
        )  # fmt: skip
        if request.picture is None:
            return maps
        pace = Pace()
        for call, value, _ in held.traced.run(x):
            if call is block.output:
                named = block is blocks[-1] and len(block.shape) == 1
                names = labels(held.card.labels) if named else ()
                return replace(strongest(maps, value[0].numpy(), request.most), names=tuple(names))
            if pace.due():
                yield None
        raise AssertionError("a block's output is one of the calls")
