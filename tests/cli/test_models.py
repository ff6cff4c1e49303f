"""`triptych models` with real files: verified, tried on the sample pictures, downloaded from this machine, damaged."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.store import locate
from tests.embedded import bundle
from tests.store.test_published import gnmt_data, gnmt_model

Command = Callable[..., tuple[str, str]]
SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
REAL = Path(__file__).parents[3] / "shared" / "data" / "compressed_resnets"
real = pytest.mark.skipif(not REAL.is_dir(), reason=f"the files of the authors are not here ({REAL})")


@pytest.fixture(scope="module")
def whole_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed."""
    return bundle(tmp_path_factory.mktemp("bundle") / "weights")


@pytest.fixture
def embedded(whole_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder with AlexNet and ResNet-18 in it, whose files a test may replace (they are links)."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for path in whole_bundle.iterdir():
        (folder / path.name).symlink_to(path)
    bundled = locate.bundled
    monkeypatch.setattr(locate, "bundled", lambda name: folder if name == "weights" else bundled(name))
    return folder


def own(path: Path) -> Path:
    """The link's own copy of the file, to be damaged."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    return path


@pytest.fixture
def mirror() -> Iterator[str]:
    """A server on the loopback address with the authors' own files, whatever the folder that is asked for."""

    class Quiet(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return str(REAL / Path(path).name)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), name="test server")
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_verifying_the_embedded_models(command: Command, embedded: Path) -> None:
    out, _ = command("models", "verify")
    assert [line.split()[1] for line in out.splitlines() if line.startswith("sound")] == [
        "alexnet:",
        "efficientnet-lite0:",
        "resnet18:",
    ]
    for model in ("alexnet", "efficientnet-lite0", "resnet18"):
        card = json.loads(next(
            line for line in command("models", "list", "--json")[0].splitlines() if f'"id": "{model}"' in line
        ))  # fmt: skip
        assert f"{card['size']:,} bytes, embedded" in out
    assert out.count("SHA-256 ") == 6
    assert out.count("top-1 / top-5 32.1 / 57.5 % on imagenet_dev (1,500 pictures), measured by us") == 2
    assert "EfficientNet-Lite0 names all 3 sample pictures right among its first 5 answers." in out
    assert "ResNet-18 has a right answer among its first 5 for 0 of 3 sample pictures; not for chelsea.jpg" in out


def test_several_models_side_by_side(command: Command, embedded: Path) -> None:
    models = ["alexnet", "resnet18", "efficientnet-lite0"]
    out, _ = command("classify", "--json", "--model", ",".join(models), SAMPLES / "coffee.jpg")
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["model"] for answer in answers] == models
    assert answers[2]["top"][0]["label"] == "espresso"
    assert all(len(answer["top"]) == 5 for answer in answers)


def damage_missing(path: Path) -> None:
    path.unlink()


def damage_truncated(path: Path) -> None:
    os.truncate(own(path), 1_000_000)


def damage_altered(path: Path) -> None:
    with own(path).open("r+b") as file:
        file.seek(-1000, os.SEEK_END)
        file.write(b"?!?!")


@pytest.mark.parametrize("damage", [damage_missing, damage_truncated, damage_altered])
def test_a_damaged_embedded_file_is_reported_and_the_rest_goes_on(
    command: Command, embedded: Path, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.cli import models

    monkeypatch.setattr(models, "_checked", lambda store, model, whole=False: (True, f"{model} was asked."))
    damage(embedded / "resnet18.safetensors")
    out, _ = command("models", "verify", code=1)
    assert "alexnet was asked." in out
    assert "resnet18 was asked." not in out
    said = "not on this machine" if damage is damage_missing else "has changed or is damaged"
    bad = next(line for line in out.splitlines() if line.startswith("damaged"))
    assert said in bad
    assert "install Triptych again" in bad
    assert "sound    alexnet" in out
    rows = {line.split()[0]: line.split()[1] for line in command("models", "list")[0].splitlines() if line}
    assert rows["resnet18"] == ("absent" if damage is damage_missing else "damaged")
    assert rows["alexnet"] == rows["efficientnet-lite0"] == "ready"
    given = ["classify", "--json", "--model", "efficientnet-lite0", SAMPLES / "coffee.jpg"]
    assert json.loads(command(*given)[0])["top"][0]["label"] == "espresso"


def test_a_broken_card_is_reported_and_the_rest_goes_on(command: Command, embedded: Path) -> None:
    own(embedded / "resnet18.toml").write_text("id = ")
    out, err = command("models", "list", code=1)
    assert "resnet18.toml is not TOML" in err
    assert any(line.startswith("alexnet ") and " ready " in line for line in out.splitlines())


@real
def test_a_compressed_resnet_is_downloaded_and_checks_itself(command: Command, mirror: str) -> None:
    _, err = command("models", "download", "resnet18-compressed", "--mirror", mirror)
    assert "resnet18-compressed: CC BY-NC 4.0" in err
    assert err.index("CC BY-NC 4.0") < err.index("is ready")
    assert "names all 3 sample pictures right" in err
    rows = [json.loads(line) for line in command("models", "list", "--json")[0].splitlines()]
    row = next(row for row in rows if row["id"] == "resnet18-compressed")
    assert (row["state"], row["checked"]["ok"]) == ("ready", True)
    assert row["published"][0]["top5"] is None
    out, _ = command("models", "list")
    assert "65.8 / – % *" in next(line for line in out.splitlines() if line.startswith("resnet18-compressed"))
    out, _ = command("models", "verify", "resnet18-compressed")
    assert "top-1 / top-5 65.8 / – % on ImageNet-1k" in out
    out, _ = command("classify", "--json", "--model", "resnet18-compressed", SAMPLES / "coffee.jpg")
    assert json.loads(out)["top"][0]["label"] == "espresso"
    command("models", "remove", "resnet18-compressed")
    assert not list(locate.folders().models.glob("*.json"))


@real
def test_a_compressed_resnet_is_imported(command: Command) -> None:
    out, err = command("models", "import", REAL / "resnet18_small_blocks.pth", "--name", "Small")
    assert out == "small\n"
    assert "Small is a resnet18" in err
    rows = [json.loads(line) for line in command("models", "list", "--json")[0].splitlines()]
    row = next(row for row in rows if row["id"] == "small")
    assert "CC BY-NC 4.0" in row["licence"]
    assert row["size"] < 24_000_000


def test_a_bad_official_file_is_told(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its hash and its shapes are right; what it says about the sample pictures isn't."""
    from app.cli import models

    monkeypatch.setattr("app.store.catalog.Store.download", lambda *_: SAMPLES / "coffee.jpg")
    monkeypatch.setattr(
        models, "_checked", lambda store, model, whole=False: (False, f"{model} is wrong about all of them.")
    )
    _, err = command("models", "download", "resnet18-v1", code=1)
    assert "resnet18-v1 is wrong about all of them." in err
    assert "is ready" not in err


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A mirror with small archives of the published GNMT, and the folder that it serves."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "gnmt_model.zip").write_bytes(gnmt_model())
    (folder / "gnmt_inference_data.zip").write_bytes(gnmt_data())

    class Quiet(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return str(folder / Path(path).name)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), name="test server")
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_published_gnmt(command: Command, published: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetched, converted, checked, used, removed."""
    monkeypatch.setattr("app.store.published._room", lambda card, work: None)  # what the real one needs
    address, _ = published
    _, err = command("models", "download", "gnmt-wmt16-en-de", "--mirror", address)
    assert "nobody of Triptych's makers has opened its address" in err
    assert "self-check differs: BLEU " in err  # random weights
    assert "gnmt-wmt16-en-de is ready: " in err
    assert 'Try: triptych translate --model gnmt-wmt16-en-de "How are you?"' in err
    rows = [json.loads(line) for line in command("models", "list", "--json")[0].splitlines()]
    row = next(row for row in rows if row["id"] == "gnmt-wmt16-en-de")
    assert (row["state"], row["checked"]["outcome"], row["size"] < 100_000) == ("ready", "differs", True)
    out, _ = command("models", "verify", "--whole", "gnmt-wmt16-en-de")  # it is sound: nothing is refused
    assert "on all 2 lines of newstest2014; published is 23.9" in out
    out, _ = command("translate", "--model", "gnmt-wmt16-en-de", "--from", "en", "a dog")
    assert len(out.splitlines()) == 1
    command("models", "remove", "gnmt-wmt16-en-de")
    assert [path.name for path in locate.folders().models.iterdir() if path.suffix != ".lock"] == []


def test_a_folder_and_a_spoilt_archive_are_imported(command: Command, published: tuple[str, Path]) -> None:
    _, folder = published
    spoilt = folder / "gnmt_model.zip"
    good = spoilt.read_bytes()
    spoilt.write_bytes(good[:3000] + b"?" * 100 + good[3100:])
    _, err = command("models", "import", folder, code=1)
    assert "gnmt_model.zip is truncated or damaged" in err
    _, err = command("models", "import", folder / "none.zip", code=1)
    assert "There is no file none.zip." in err
    assert [path.name for path in locate.folders().models.iterdir() if path.suffix != ".lock"] == []
    spoilt.write_bytes(good)
    out, err = command("models", "import", folder)
    assert out == "gnmt-wmt16-en-de\n"
    assert "self-check differs: BLEU " in err
