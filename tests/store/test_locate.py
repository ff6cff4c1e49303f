from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.store import locate
from app.store.errors import StoreError
from app.store.labels import labels


def test_bundled_folders_are_found() -> None:
    assert (locate.bundled("weights") / "LICENSE.md").is_file()
    assert (locate.bundled("assets") / "labels").is_dir()


def test_an_installed_wheel_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "APP_FOLDER", tmp_path / "app")
    with pytest.raises(StoreError, match="install it again"):
        locate.bundled("weights")
    (tmp_path / "weights").mkdir()
    assert locate.bundled("weights") == tmp_path / "weights"
    (tmp_path / "app" / "bundled" / "weights").mkdir(parents=True)
    assert locate.bundled("weights") == tmp_path / "app" / "bundled" / "weights"


def test_triptych_home_holds_everything_and_nothing_is_made_early(folders: locate.Folders, tmp_path: Path) -> None:
    home = tmp_path / "home"
    everything = [folders.config, folders.data, folders.cache, folders.logs, folders.models]
    assert all(home in folder.parents for folder in everything)
    assert len(set(everything)) == 5
    assert not home.exists()
    assert locate.writable(folders.models).is_dir()


def test_without_it_the_systems_own_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(locate.HOME_VARIABLE, raising=False)
    found = locate.folders()
    assert "triptych" in str(found.models)
    assert found.models.parent == found.data


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=locate.HOME_VARIABLE):
        locate.writable(tmp_path / "file" / "models")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match=locate.HOME_VARIABLE):
            locate.writable(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_labels_are_torchvisions() -> None:
    from app.nets._torchvision import import_torchvision

    import_torchvision()
    from torchvision.models._meta import _IMAGENET_CATEGORIES

    assert labels("imagenet-1k") == tuple(_IMAGENET_CATEGORIES)


def test_unknown_and_damaged_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="doesn't know the labels “coco”"):
        labels("coco")
    monkeypatch.setattr(locate, "bundled", lambda name: tmp_path)
    labels.cache_clear()
    with pytest.raises(StoreError, match="can't be read"):
        labels()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "imagenet-1k.txt").write_text("cat\n")
    with pytest.raises(StoreError, match="damaged"):
        labels()
