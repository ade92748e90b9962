"""Files of every kind become a small picture with its facts, or one clear error."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tasks.engines.pictures import hashing
from tasks.engines.pictures.opening import FORMATS, SIDE, PictureError, opened
from tests.drawn_pictures import drawn, stored

RED = (220, 30, 40)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'


def halves(left: tuple[int, ...], right: tuple[int, ...], mode: str = "RGB") -> Image.Image:
    """A wide picture, left of one colour and right of another."""
    image = Image.new(mode, (60, 20), left)
    image.paste(right, (30, 0, 60, 20))
    return image


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "ICO"])
def test_formats_are_told_by_content(form: str) -> None:
    seen = opened(stored(drawn(1), form))
    assert (seen.format, seen.width, seen.height, seen.n_frames) == (form.lower(), 64, 64, 1)
    assert np.abs(seen.rgb.astype(int) - np.asarray(drawn(1))).mean() < 20


def test_pillow_knows_every_format_that_is_asked_for() -> None:
    Image.init()
    assert not set(FORMATS) - set(Image.OPEN) - {"AVIF", "JPEG2000"}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (SVG, "is no picture that can be read"),
        (b"\x89PNG\r\n\x1a\n", "is no picture that can be read"),
        (b"%PDF-1.4 and more", "is no picture that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no picture that can be read"),
        (stored(drawn(1), "JPEG")[:900], "is cut off or damaged"),
        (stored(drawn(1))[:900], "is cut off or damaged"),
    ],
    ids=["empty", "svg", "head", "pdf", "eps", "half a jpeg", "half a png"],
)
def test_what_is_no_whole_picture_says_so(data: bytes, why: str) -> None:
    with pytest.raises(PictureError, match=f"^{why}$"):
        opened(data)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize(("side", "said"), [(12_000, "144"), (60_000, "3,600")])
def test_a_bomb_is_refused_by_its_header(side: int, said: str) -> None:
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(10_000_000))
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    with pytest.raises(PictureError, match=f"^has {said} megapixels$"):
        opened(bomb)


def test_inks_are_seen_as_colours() -> None:
    seen = opened(stored(halves(RED, (255, 255, 255)).convert("CMYK"), "JPEG", quality=95))
    left, right = seen.rgb[:, 5].mean(axis=0), seen.rgb[:, 55].mean(axis=0)
    assert np.abs(left - RED).max() < 40 and right.min() > 240


def test_sixteen_bits_are_levels_of_eight() -> None:
    levels = np.full((8, 8), 65_535, dtype=np.uint16)
    levels[:, :4] = 257 * 100
    seen = opened(stored(Image.fromarray(levels)))
    assert seen.rgb[0, 0].tolist() == [100] * 3 and seen.rgb[0, 7].tolist() == [255] * 3


def test_of_a_film_the_first_picture_is_seen() -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in (RED, (0, 0, 255), (0, 255, 0))]
    seen = opened(stored(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert seen.n_frames == 3 and np.abs(seen.rgb.mean(axis=(0, 1)) - RED).max() < 3


def test_a_picture_is_turned_as_the_camera_was_held() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    seen = opened(stored(halves(RED, (255, 255, 255)), "JPEG", exif=exif, quality=95))
    assert (seen.width, seen.height) == (20, 60) and seen.rgb.shape == (60, 20, 3)
    assert np.abs(seen.rgb[5].mean(axis=0) - RED).max() < 12 and seen.rgb[55].min() > 240


def test_what_can_be_seen_through_stands_on_white() -> None:
    clear = halves((*RED, 255), (0, 0, 0, 0), "RGBA")
    seen = opened(stored(clear))
    assert seen.alpha is not None and (seen.alpha[:, 55] == 0).all() and (seen.alpha[:, 5] == 255).all()
    assert seen.rgb[0, 5].tolist() == list(RED) and seen.rgb[0, 55].tolist() == [255] * 3
    assert opened(stored(clear.convert("RGB"))).alpha is None


def test_a_palette_with_a_clear_colour_is_seen_through() -> None:
    palette = halves(RED, (0, 0, 255)).quantize(2)
    clear = palette.getpixel((55, 5))
    seen = opened(stored(palette, transparency=clear))
    assert seen.alpha is not None and seen.rgb[0, 55].tolist() == [255] * 3
    assert np.abs(seen.rgb[0, 5].astype(int) - RED).max() < 12


def test_a_large_picture_is_made_small_and_told_whole() -> None:
    seen = opened(stored(halves(RED, RED).resize((3_000, 1_000)), "JPEG"))
    assert (seen.width, seen.height) == (3_000, 1_000) and seen.rgb.shape == (round(SIDE / 3), SIDE, 3)


def near(*pictures: bytes) -> bool:
    """Whether the first two are near copies."""
    seen = [opened(data).rgb for data in pictures]
    hashes = np.array([hashing.difference_hash(rgb) for rgb in seen], dtype=np.uint64)
    left, right = hashing.near(hashes, np.array([hashing.tiny(rgb) for rgb in seen]))
    return bool((left != right).any())


@pytest.mark.parametrize("number", range(5))
def test_saved_again_or_smaller_a_picture_is_a_near_copy(number: int) -> None:
    image = drawn(number, 300)
    assert near(stored(image), stored(image, "JPEG", quality=60))
    assert near(stored(image), stored(image.resize((120, 120))))
    assert not near(stored(image), stored(drawn(number + 100, 300)))


def test_flat_pictures_of_two_colours_are_no_near_copies() -> None:
    assert not near(stored(Image.new("RGB", (50, 50), RED)), stored(Image.new("RGB", (50, 50), (0, 0, 255))))
