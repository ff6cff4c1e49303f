"""Show and Tell as it was published: Inception v3 and one LSTM.

Vinyals et al. 2015 (arXiv 1411.4555) and 2017, "Show and Tell: Lessons learned from the 2015 MSCOCO Image Captioning
Challenge" (arXiv 1609.06647). The mean over the encoder's last grid becomes a vector of a word's kind, which is the
LSTM's first input; what it says to that is not used. Then come the start token and the words. Nothing looks at the
picture again. Word embeddings and output layer are separate matrices.
"""

from __future__ import annotations

from app.nets.captioner import Captioner, PlainDecoder
from app.nets.inception import InceptionV3


class ShowAndTell(Captioner):
    """Sizes as published but `vocabulary`, which counts rows that stand for no word as well."""

    def __init__(self, vocabulary: int, embedding: int = 512, width: int = 512, scale: int = 16) -> None:
        encoder = InceptionV3(scale)
        super().__init__(encoder, PlainDecoder(vocabulary, encoder.width, width, embedding))
