"""Measures of drawn pictures whose values are known."""

import numpy as np
import pytest

pytest.importorskip("PIL")

from tasks.engines.pictures import measures
from tasks.engines.pictures.opening import Picture


def drawn(rgb, alpha=None, size=None):
    """A picture of these pixels; as if stored at `size` (width, height)."""
    rgb = np.asarray(rgb, dtype=np.uint8)
    width, height = size or (rgb.shape[1], rgb.shape[0])
    return Picture(rgb, alpha, "png", 1, width, height, 1)


def plain(colour, height=96, width=96):
    return np.full((height, width, 3), colour, dtype=np.uint8)


NAMED = {
    "black": (0, 0, 0), "white": (255, 255, 255), "grey": (128, 128, 128), "red": (255, 0, 0),
    "orange": (255, 165, 0), "yellow": (255, 255, 0), "green": (0, 128, 0), "blue": (0, 0, 255),
    "purple": (128, 0, 128), "pink": (255, 192, 203), "brown": (139, 69, 19),
}  # fmt: skip


@pytest.mark.parametrize("name", measures.COLOURS)
def test_css_colours_have_their_names(name):
    found = measures.of(drawn(plain(NAMED[name])))
    assert found[name] == 1.0
    assert sum(found[other] for other in measures.COLOURS) == pytest.approx(1)


def test_a_blank_picture_has_all_measures_and_nothing_in_it():
    found = measures.of(drawn(plain((119, 119, 119)), size=(2000, 1000)))
    assert tuple(found) == measures.NAMES
    assert all(np.isfinite(value) for value in found.values())
    # sRGB 119 is the middle grey of CIELAB: L* = 50.0.
    assert found["lightness"] == pytest.approx(0.50, abs=0.002)
    assert (found["megapixels"], found["aspect"]) == (2.0, 2.0)
    nothing = (
        "contrast",
        "saturation",
        "colourfulness",
        "tinted",
        "edges",
        "fineness",
        "covered",
        "transparency",
    )
    assert [found[name] for name in nothing] == pytest.approx([0] * len(nothing), abs=1e-6)
    assert (found["n_colours"], found["evenness"], found["symmetry"]) == (1, 1, 1)


def test_black_beside_white():
    pixels = plain((0, 0, 0))
    pixels[:, 48:] = 255
    found = measures.of(drawn(pixels))
    assert found["contrast"] == pytest.approx(0.5)
    assert found["symmetry"] == pytest.approx(-1)
    assert found["black"] == found["white"] == 0.5
    assert found["edges"] == pytest.approx(2 / 96)
    assert found["n_colours"] == 2


def test_colour_by_its_formulas():
    found = measures.of(drawn(plain((255, 0, 0))))
    assert found["saturation"] == 1
    # M3 = 0.3 * sqrt(255^2 + 127.5^2) without any spread.
    assert found["colourfulness"] == pytest.approx(0.3 * np.hypot(255, 127.5), rel=1e-5)
    assert found["tinted"] == 1


@pytest.mark.parametrize("cycles", [3, 12, 24])
def test_fineness_is_the_frequency_of_a_grating(cycles):
    wave = 0.5 + 0.4 * np.sin(2 * np.pi * cycles * np.arange(96) / 96)
    grating = np.tile(wave, (64, 1))
    assert measures._fineness(grating) == pytest.approx(cycles)
    assert measures._fineness(grating.T) == pytest.approx(cycles)


def test_a_square_covers_its_area_and_lies_in_its_tile():
    pixels = plain((255, 255, 255))
    pixels[2:22, 2:22] = (0, 0, 255)
    found = measures.of(drawn(pixels))
    assert found["covered"] == pytest.approx(400 / 96**2)
    assert found["evenness"] == pytest.approx(0, abs=1e-9)
    spread = np.random.default_rng(0).integers(0, 256, (96, 96, 3))
    assert measures.of(drawn(spread))["evenness"] > 0.99


def test_what_is_transparent_has_no_colour():
    alpha = np.zeros((96, 96), dtype=np.uint8)
    alpha[:, :24] = 255
    pixels = plain((255, 255, 255))
    pixels[:, :24] = (255, 0, 0)
    found = measures.of(drawn(pixels, alpha))
    assert found["transparency"] == pytest.approx(0.75, abs=0.02)
    assert found["covered"] == pytest.approx(0.25, abs=0.02)
    assert found["red"] == 1
    unseen = measures.of(drawn(plain((255, 255, 255)), np.zeros((96, 96), dtype=np.uint8)))
    assert (unseen["transparency"], unseen["covered"], unseen["white"]) == (1, 0, 1)


def test_they_follow_from_looks_and_not_from_resolution():
    rng = np.random.default_rng(1)
    small = rng.integers(0, 256, (12, 12, 3)).astype(np.uint8)
    blocks = [np.kron(small, np.ones((k, k, 1), dtype=np.uint8)) for k in (8, 16)]
    one, other = (measures.of(drawn(pixels)) for pixels in blocks)
    for name in ("lightness", "contrast", "saturation", "tinted"):
        assert one[name] == pytest.approx(other[name], abs=0.03), name
    assert one["megapixels"] < other["megapixels"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 256), (256, 1), (3, 2)])
def test_pictures_of_any_shape_are_measured(shape):
    found = measures.of(drawn(plain((10, 200, 30), *shape)))
    assert all(np.isfinite(value) for value in found.values())
    assert found["green"] == 1
