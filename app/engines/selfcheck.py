"""A model's check on the sample pictures: a file that is sound by its hash and its shapes must give right answers."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from app.media import pictures
from app.media.preprocess import apply
from app.store.checks import RIGHT_AMONG, SelfCheck
from app.store.samples import samples

if TYPE_CHECKING:
    from app.runtimes import Network
    from app.store.cards import Card
    from app.store.catalog import Store


def check(card: Card, store: Store, network: Network) -> Generator[None, None, SelfCheck]:
    """A picture a step. What was found is kept by the store. Raises StoreError, PictureError."""
    given = card.preprocessing
    right: list[str] = []
    wrong: list[str] = []
    for sample in samples():
        picture = pictures.decode(sample.path, at_least=max(given.resize, given.crop))
        logits = network.run(apply(picture.pixels, given)[None]).logits[0]  # (classes,)
        first = np.argsort(-logits, kind="stable")[:RIGHT_AMONG]
        (right if sample.classes.intersection(first.tolist()) else wrong).append(sample.path.name)
        yield None
    day = datetime.now(UTC).date().isoformat()
    found = SelfCheck(store.fingerprint(card), day, tuple(right), tuple(wrong))
    store.keep_check(card, found)
    return found
