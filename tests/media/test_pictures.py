"""Pictures as they come: every format and mode is made on the fly, decoded and compared with what was put in."""

from __future__ import annotations

import io
import os
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.media import pictures
from app.media.pictures import PictureError, decode, find

DATA = Path(__file__).parent / "data"
WIDTH, HEIGHT = 64, 48


def gradient() -> Image.Image:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return Image.fromarray(np.stack([x * 4, y * 5, np.full_like(x, 128)], -1).astype(np.uint8))


def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8))


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def difference(picture: pictures.Picture, image: Image.Image) -> float:
    """Mean absolute difference in levels."""
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.shape == (image.height, image.width, 3)
    return float(np.abs(picture.pixels.astype(int) - np.asarray(image.convert("RGB"), int)).mean())


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


@pytest.mark.parametrize(
    ("format_", "options", "tolerance"),
    [
        ("JPEG", {"quality": 95}, 3),
        ("JPEG", {"quality": 95, "progressive": True}, 3),
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 4),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "tiff_adobe_deflate"}, 0),
        ("BMP", {}, 0),
        ("AVIF", {"quality": 95}, 4),
    ],
)
def test_formats(format_: str, options: dict[str, Any], tolerance: float) -> None:
    picture = decode(encoded(gradient(), format_, **options))
    assert difference(picture, gradient()) <= tolerance
    assert (picture.format, picture.size) == (format_, (WIDTH, HEIGHT))


def test_heic() -> None:
    pytest.importorskip("pi_heif")
    plain = decode(DATA / "plain.heic")
    assert difference(plain, gradient()) < 4
    assert (plain.name, plain.format) == ("plain.heic", "HEIF")
    turned = decode(DATA / "turned.heic")
    assert turned.size == (HEIGHT, WIDTH)
    assert difference(turned, gradient().transpose(Image.Transpose.ROTATE_270)) < 4
    assert (decode(DATA / "alpha.heic").pixels[:, 2:28] > 250).all()


def test_heic_without_its_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_can_heif", lambda: False)
    monkeypatch.setattr(pictures, "_formats", lambda: ("JPEG", "AVIF"))
    with pytest.raises(PictureError, match=r"^plain\.heic .* pi-heif"):
        decode(DATA / "plain.heic")


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_orientation(value: int, format_: str) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = gradient().transpose(turns[value]) if value in turns else gradient()
    options = {} if format_ in ("PNG", "TIFF") else {"quality": 95}
    picture = decode(encoded(stored, format_, exif=orientation(value), **options))
    assert difference(picture, gradient()) < 5
    assert picture.size == (WIDTH, HEIGHT)


def test_damaged_exif_is_no_reason_to_refuse() -> None:
    data = encoded(gradient(), "JPEG", quality=95, exif=orientation(6))
    broken = data.replace(b"II*\0", b"II*\xff").replace(b"MM\0*", b"MM\xff*")
    assert broken != data
    assert difference(decode(broken), gradient()) < 3


def test_alpha_lies_on_white() -> None:
    image = gradient().convert("RGBA")
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[:, 20:40], alpha[:, 40:] = 128, 255
    image.putalpha(Image.fromarray(alpha))
    for format_ in ("PNG", "TIFF"):
        pixels = decode(encoded(image, format_)).pixels.astype(int)
        assert (pixels[:, :20] == 255).all()
        original = np.asarray(gradient(), int)
        assert (pixels[:, 40:] == original[:, 40:]).all()
        assert np.abs(pixels[:, 20:40] - (original[:, 20:40] * 128 + 255 * 127) / 255).max() <= 1


def test_grey_with_alpha() -> None:
    image = Image.new("LA", (8, 8), (10, 0))
    image.putpixel((3, 3), (10, 255))
    pixels = decode(encoded(image, "PNG")).pixels
    assert pixels[3, 3].tolist() == [10, 10, 10]
    assert pixels[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled(format_: str) -> None:
    values = np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)
    pixels = decode(encoded(Image.fromarray(values.astype(np.uint16)), format_)).pixels
    assert np.abs(pixels[..., 0] - values / 257).max() <= 0.51
    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_sixteen_bit_grey_big_endian_tiff() -> None:
    values = np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(">u2")
    image = Image.frombytes("I;16B", (WIDTH, HEIGHT), values.tobytes())
    assert np.abs(decode(encoded(image, "TIFF")).pixels[..., 1] - values / 257).max() <= 0.51


def test_sixteen_bit_colour_png() -> None:
    values = np.zeros((4, 5, 3), ">u2")
    values[..., 0], values[..., 1] = 0xFFFF, 0x8000
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    pixels = decode(png(5, 4, 16, 2, zlib.compress(rows))).pixels
    assert pixels[0, 0].tolist() == [255, 128, 0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 100.0, 255.0]], np.float32), [0, 100, 255]),
        (np.array([[-1.0, 0.0, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, np.inf, 1.0]], np.float32), [0, 0, 255]),
        (np.array([[0, 65535, 32768]], np.int32), [0, 255, 128]),
        (np.array([[7, 7, 7]], np.int32), [7, 7, 7]),
        (np.array([[-7, -7, -7]], np.int32), [0, 0, 0]),
    ],
)
def test_scientific_grey(values: np.ndarray, expected: list[int]) -> None:
    pixels = decode(encoded(Image.fromarray(values), "TIFF")).pixels
    assert np.abs(pixels[0, :, 0].astype(int) - expected).max() <= 1


def test_cmyk() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    for format_ in ("JPEG", "TIFF"):
        pixels = decode(encoded(red, format_)).pixels.astype(int)
        assert np.abs(pixels - [255, 0, 0]).max() <= 3, format_


def test_lab_and_bilevel() -> None:
    grey = Image.new("LAB", (4, 4), (128, 128, 128))
    assert np.ptp(decode(encoded(grey, "TIFF")).pixels.astype(int)) <= 3
    black = Image.new("1", (9, 4), 0)
    black.putpixel((0, 0), 1)
    pixels = decode(encoded(black, "TIFF", compression="group4")).pixels
    assert pixels[0, 0].tolist() == [255] * 3
    assert pixels[1, 1].tolist() == [0] * 3


def test_palettes() -> None:
    palette = gradient().quantize(64)
    for format_ in ("PNG", "GIF", "BMP"):
        assert difference(decode(encoded(palette, format_)), palette) == 0
    see_through = decode(encoded(palette, "PNG", transparency=palette.getpixel((0, 0)))).pixels
    assert see_through[0, 0].tolist() == [255, 255, 255]
    by_bytes = decode(encoded(palette, "PNG", transparency=bytes(64))).pixels
    assert (by_bytes == 255).all()


def test_transparent_colour_without_palette() -> None:
    pixels = decode(encoded(Image.new("RGB", (4, 4), (1, 2, 3)), "PNG", transparency=(1, 2, 3))).pixels
    assert (pixels == 255).all()
    deep = Image.fromarray(np.full((4, 4), 500, np.uint16))
    assert (decode(encoded(deep, "PNG", transparency=500)).pixels == 255).all()


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_first_frame(format_: str) -> None:
    red, blue = Image.new("RGB", (32, 32), "red"), Image.new("RGB", (32, 32), "blue")
    pixels = decode(encoded(red, format_, save_all=True, append_images=[blue])).pixels.astype(int)
    assert np.abs(pixels - [255, 0, 0]).max() <= 4


def test_multi_picture_jpeg_counts_as_jpeg() -> None:
    picture = decode(encoded(gradient(), "MPO", save_all=True, append_images=[gradient()]), at_least=8)
    assert picture.format == "JPEG"


@pytest.mark.parametrize("name", ["mit Leerzeichen.png", "Größe 猫 🐈.png", "no extension", "lies.jpg", "UPPER.PNG"])
def test_names(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(encoded(gradient(), "PNG"))
    picture = decode(file)
    assert picture.name == name
    assert picture.format == "PNG"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xe4d\nname.png"))
    file.write_bytes(encoded(gradient(), "PNG"))
    assert decode(file).name == "b�d�name.png"
    file.write_bytes(b"")
    with pytest.raises(PictureError) as caught:
        decode(file)
    assert str(caught.value).isprintable()


# --- scaled decoding ---


@pytest.mark.parametrize(("at_least", "scale"), [(None, 1), (256, 1), (224, 2), (112, 4), (56, 8), (8, 8)])
def test_at_least(at_least: int | None, scale: int) -> None:
    large = gradient().resize((1200, 900))
    picture = decode(encoded(large, "JPEG", quality=95, exif=orientation(6)), at_least=at_least)
    assert picture.size == (900, 1200)
    assert picture.pixels.shape == (-(-1200 // scale), -(-900 // scale), 3)
    small = large.transpose(Image.Transpose.ROTATE_270).resize(
        (-(-900 // scale), -(-1200 // scale)), Image.Resampling.BOX
    )
    assert difference(picture, small) < 2


def test_at_least_leaves_others_as_they_are() -> None:
    assert decode(encoded(gradient(), "PNG"), at_least=4).pixels.shape == (HEIGHT, WIDTH, 3)


# --- refused ---


def png(width: int, height: int, bits: int, colour: int, body: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def refusal(file: Path) -> str:
    with pytest.raises(PictureError) as caught:
        decode(file)
    sentence = str(caught.value)
    assert sentence.startswith(file.name + " ")
    assert str(file.parent) not in sentence
    assert sentence.endswith(".")
    return sentence


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jpg", b"", "empty"),
        ("text.jpg", b"Dear all, please find attached", "not a picture, whatever its name"),
        ("notes.txt", b"Dear all", "not a picture that Triptych can read"),
        ("drawing.psd", b"8BPS\0\1", "isn't supported. Save it as JPEG or PNG."),
        ("drawing.svg", b"<svg/>", "isn't supported"),
        ("evil.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not a picture, whatever"),
        ("evil.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "isn't supported"),
        ("portable.ppm", b"P6 1 1 255 abc", "isn't supported"),
        ("header.png", b"\x89PNG\r\n\x1a\n", "damaged"),
        ("huge.png", png(10_001, 10_000, 8, 0, zlib.compress(b"")), "100 megapixels"),
        ("bomb.png", png(2**31 - 1, 2**31 - 1, 8, 0, zlib.compress(b"")), "100 megapixels"),
        ("zero.png", png(0, 10, 8, 0, zlib.compress(b"")), ""),
    ],
)
def test_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert reason in refusal(file)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF"])
def test_truncated(tmp_path: Path, format_: str) -> None:
    data = (DATA / "plain.heic").read_bytes() if format_ == "HEIF" else encoded(noise(), format_)
    for share in (0.3, 0.6, 0.9):
        file = tmp_path / f"cut.{format_.lower()}"
        file.write_bytes(data[: int(len(data) * share)])
        sentence = refusal(file)
        assert "end is missing" in sentence or "damaged" in sentence


def test_exactly_a_hundred_megapixels_is_not_too_large() -> None:
    with pytest.raises(PictureError) as caught:
        decode(png(10_000, 10_000, 1, 0, zlib.compress(b"\0" * 10)))
    assert "megapixels" not in str(caught.value)


def test_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", WIDTH * HEIGHT - 1)

    def never(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", never)
    with pytest.raises(PictureError, match=r"64 × 48 pixels"):
        decode(encoded(gradient(), "PNG"))


def test_large_file_is_not_even_opened(tmp_path: Path) -> None:
    file = tmp_path / "large.tif"
    with file.open("wb") as opened:
        opened.truncate(pictures.MAX_BYTES + 1)
    assert "GB" in refusal(file)


def test_folder_missing_and_vanished(tmp_path: Path) -> None:
    folder = tmp_path / "folder.jpg"
    folder.mkdir()
    assert "is a folder" in refusal(folder)
    assert "no such file" in refusal(tmp_path / "gone.png")


def test_null_byte_in_a_path() -> None:
    with pytest.raises(PictureError):
        decode(Path("a\0b.png"))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads everything")
def test_no_permission(tmp_path: Path) -> None:
    file = tmp_path / "locked.png"
    file.write_bytes(encoded(gradient(), "PNG"))
    file.chmod(0)
    assert "no permission" in refusal(file)


def test_no_permission_as_told_by_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "locked.png"
    file.write_bytes(encoded(gradient(), "PNG"))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "no permission" in refusal(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    assert "not an ordinary file" in refusal(pipe)


def test_disk_errors_are_told(tmp_path: Path) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 40:
                raise OSError(5, "Input/output error")
            return super().read(min(size or 0, 30) if size and size > 0 else 30)

    with pytest.raises(PictureError, match=r"photo.* Input/output error\."):
        pictures.decode_here(Failing(encoded(gradient(), "PNG")), "photo", None)


def test_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", full)
    with pytest.raises(PictureError, match="not enough memory"):
        decode(encoded(gradient(), "PNG"))


def test_raw_photographs_are_not_read_as_their_thumbnail(tmp_path: Path) -> None:
    file = tmp_path / "photo.nef"
    file.write_bytes(encoded(gradient(), "TIFF"))
    assert "isn't supported" in refusal(file)


def test_run_length_encoded_bmp(monkeypatch: pytest.MonkeyPatch) -> None:
    width, height = 4, 2
    body = bytes((4, 1, 0, 0, 4, 2, 0, 0, 0, 1))
    colours = bytes((0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 255, 0)).ljust(1024, b"\0")
    header = b"BM" + (1078 + len(body)).to_bytes(4, "little") + bytes(4) + (1078).to_bytes(4, "little")
    fields = (
        (40, 4),
        (width, 4),
        (height, 4),
        (1, 2),
        (8, 2),
        (1, 4),
        (len(body), 4),
        (0, 4),
        (0, 4),
        (256, 4),
        (0, 4),
    )
    data = header + b"".join(value.to_bytes(length, "little") for value, length in fields) + colours + body
    assert decode(data).pixels[:, 0].tolist() == [[255, 0, 0], [0, 0, 255]]
    monkeypatch.setattr(pictures, "MAX_PYTHON_PIXELS", 7)
    with pytest.raises(PictureError, match="isn't supported"):
        decode(data)


# --- threads ---


def together(work: Callable[[], object], count: int = 4) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def test_one_large_decoding_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageFile

    running, most = 0, 0
    load = ImageFile.ImageFile.load

    def slow(self: ImageFile.ImageFile) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.02)
        running -= 1
        return load(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", slow)
    data = encoded(gradient(), "BMP")
    together(lambda: decode(data))
    assert most > 1
    most = 0
    monkeypatch.setattr(pictures, "LARGE_PIXELS", WIDTH * HEIGHT - 1)
    together(lambda: decode(data))
    assert most == 1


# --- find ---


def test_find(tmp_path: Path) -> None:
    for name in [
        "b/x10.png",
        "b/x2.PNG",
        "b/X1.jpg",
        "b/notes.txt",
        ".hidden/a.png",
        "b/.secret.png",
        "a2/1.heic",
        "z.gif",
    ]:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x")
    found = [path.relative_to(tmp_path).as_posix() for path in find([tmp_path])]
    assert found == ["z.gif", "a2/1.heic", "b/X1.jpg", "b/x2.PNG", "b/x10.png"]


def test_find_takes_files_as_given(tmp_path: Path) -> None:
    given = [tmp_path / "notes.txt", tmp_path / "gone.png", tmp_path / "notes.txt"]
    given[0].write_text("hello")
    assert list(find(given)) == given
    assert list(find([])) == []


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_find_walks_a_folder_once(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "a.png").write_bytes(b"x")
    (inner / "up").symlink_to(tmp_path)
    (inner / "self.png").symlink_to(inner / "self.png")
    (tmp_path / "twin").symlink_to(inner)
    assert [path.name for path in find([tmp_path])] == ["a.png", "self.png"]


def test_find_gives_back_a_folder_it_cannot_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()

    def scan(_: object) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", scan)
    assert list(find([locked])) == [locked]
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "no permission" in refusal(locked)


def test_heic_that_kills_its_decoder_is_refused_and_the_program_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pi_heif")
    data = bytearray((DATA / "turned.heic").read_bytes())
    # Where a mutated file has sent libheif 1.23.0 to memory that isn't there (fuzz_pictures, seed 7, number 8469).
    data[179] = 230
    data[730:734] = bytes((0, 0, 128, 0))
    with pytest.raises(PictureError, match=r"photo could not be opened"):
        pictures.decode(bytes(data), name="photo")
    good = (DATA / "turned.heic").read_bytes()
    assert pictures.decode(good).format == "HEIF"
    monkeypatch.setattr("app.media.apart.PATIENCE", 0.0)  # one that never ends is as good as dead
    with pytest.raises(PictureError, match="damaged"):
        pictures.decode(good)
