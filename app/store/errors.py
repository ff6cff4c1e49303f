"""What the store raises. str(error) is always one or two sentences for the person: which thing, why, what to do."""

from __future__ import annotations


class StoreError(Exception):
    """A model, a folder or a file of weights can't be used, and why."""


class CardError(StoreError):
    """A card can't be read or written: names the file and the key."""


class DownloadError(StoreError):
    """A download failed for good. Nothing it leaves behind stands in the way of the next try."""


class DownloadCancelled(DownloadError):  # noqa: N818 (what was wished for is no error)
    """The person said stop. What has come so far is kept, and the next try goes on from there."""
