"""Exact measures of how a picture looks, from its pixels alone.

All but its size are of the picture at one working size (`SIDE` pixels on the longer side), so that they
follow from how it looks and not from how finely it was stored. Colours are those of opaque pixels; a picture
that is transparent throughout counts as white.

    megapixels      width times height, in millions
    aspect          width over height
    covered         share (0-1) that is no background: not transparent, or where all is opaque, further than
                    `BACKGROUND` from the median colour of the border
    lightness       mean L* of CIELAB (CIE 1976) over 100, 0-1
    contrast        standard deviation of L* over 100, 0-0.5: RMS contrast (Peli 1990)
    saturation      mean S of HSV (Smith 1978), 0-1
    colourfulness   M3 of Hasler and Suesstrunk (2003), from 0 up
    black ... pink  share (0-1) of each of the 11 basic colour terms (Berlin and Kay 1969), by `_named`
    tinted          share (0-1) of pixels whose channels are more than `GREY` apart; 0 of a grey picture
    n_colours       colours of 512 (3 bits a channel) that have at least one pixel in a thousand
    edges           share (0-1) where L* over 100 changes by more than `EDGE` a pixel (Sobel's gradient)
    fineness        mean spatial frequency of L*, weighted by power, in cycles along the longer side
    evenness        entropy of the variance of L* over 4 x 4 tiles over its maximum (Pielou 1966), 0-1; 1 of
                    a blank picture
    symmetry        correlation of L* with its mirror image, left for right, -1 to 1; 1 of a blank picture
    transparency    share (0-1) less than half opaque

The borders between colour names are ours: they give the CSS colours of these names their names, and nobody
has checked more.
"""

import functools
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

from tasks.engines.pictures.opening import Picture, library

SIDE = 96
"""Pixels of the longer side at which a picture is measured."""
BACKGROUND = 32.0
"""Euclidean distance in RGB (0-441) beyond which a pixel is no background: coarse JPEG noise lies within."""
GREY = 12
"""Levels (0-255) by which channels of a pixel of grey may differ: JPEG does not keep them equal."""
EDGE = 0.1
COLOURS = (
    "black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown",
)  # fmt: skip
"""The basic colour terms of English."""
NAMES = (
    "megapixels", "aspect", "covered", "lightness", "contrast", "saturation", "colourfulness", *COLOURS,
    "tinted", "n_colours", "edges", "fineness", "evenness", "symmetry", "transparency",
)  # fmt: skip
"""All measures, in this order."""
_TILES = 4
_WHITE = np.array([0.95047, 1.0, 1.08883])
"""XYZ of the white point D65 (IEC 61966-2-1)."""
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
"""From linear sRGB (IEC 61966-2-1)."""


def of(picture: Picture) -> dict[str, float]:
    """Every measure of NAMES; all are finite."""
    rgb, alpha = _at_working_size(picture)
    opaque = np.ones(rgb.shape[:2], dtype=bool) if alpha is None else alpha >= 128
    light = _lightness(rgb)
    # Nothing of a picture that is transparent throughout shows but the white behind it.
    shown = opaque if opaque.any() else ~opaque
    found = {
        "megapixels": picture.width * picture.height / 1e6,
        "aspect": picture.width / picture.height,
        "covered": _covered(rgb, opaque),
        "lightness": light[shown].mean(),
        "contrast": light[shown].std(),
        **_colour(rgb[shown]),
        "edges": _edges(light),
        "fineness": _fineness(light),
        "evenness": _evenness(light),
        "symmetry": _symmetry(light),
        "transparency": 1 - opaque.mean(),
    }
    return {name: float(found[name]) for name in NAMES}


def _at_working_size(picture: Picture) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"] | None]:
    height, width = picture.rgb.shape[:2]
    ratio = SIDE / max(height, width)
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    how = library().Resampling.BILINEAR

    def resized(pixels: np.ndarray) -> np.ndarray:
        return np.asarray(library().fromarray(np.ascontiguousarray(pixels)).resize(size, how))

    return resized(picture.rgb), None if picture.alpha is None else resized(picture.alpha)


def _covered(rgb: UInt8[np.ndarray, "h w 3"], opaque: Bool[np.ndarray, "h w"]) -> Any:
    if not opaque.all():
        return opaque.mean()
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    apart = rgb.astype(np.float32) - np.median(border, axis=0).astype(np.float32)
    return ((apart**2).sum(axis=2) > BACKGROUND**2).mean()


def _colour(pixels: UInt8[np.ndarray, "pixel 3"]) -> dict[str, Any]:
    """Saturation, colourfulness, shares of colour names, of tinted pixels, and the number of colours."""
    red, green, blue = pixels.astype(np.float32).T
    top = np.maximum(np.maximum(red, green), blue)
    spread = top - np.minimum(np.minimum(red, green), blue)
    across, along = red - green, (red + green) / 2 - blue
    deviation = np.hypot(across.std(), along.std())
    code = pixels.astype(np.int32) >> 3
    share = np.bincount(_named()[code[:, 0], code[:, 1], code[:, 2]], minlength=len(COLOURS)) / len(pixels)
    coarse = (code >> 2) @ np.array([64, 8, 1])
    return {
        "saturation": (spread / np.maximum(top, 1)).mean(),
        "colourfulness": deviation + 0.3 * np.hypot(across.mean(), along.mean()),
        **dict(zip(COLOURS, share, strict=True)),
        "tinted": (spread > GREY).mean(),
        "n_colours": (np.bincount(coarse) * 1000 >= len(pixels)).sum(),
    }


def _edges(light: Float[np.ndarray, "h w"]) -> Any:
    from scipy.ndimage import sobel

    # Sobel's sums weigh eight steps of a pixel each.
    return (np.hypot(sobel(light, axis=0), sobel(light, axis=1)) / 8 > EDGE).mean()


def _fineness(light: Float[np.ndarray, "h w"]) -> Any:
    height, width = light.shape
    power = np.abs(np.fft.fft2(light - light.mean())) ** 2
    # So small a deviation is an error of the sum: the picture is blank.
    if light.std() < 1e-6:
        return 0.0
    cycles = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]) * max(height, width)
    return (power * cycles).sum() / power.sum()


def _evenness(light: Float[np.ndarray, "h w"]) -> Any:
    tiles = [
        tile
        for rows in np.array_split(light, _TILES)
        for tile in np.array_split(rows, _TILES, axis=1)
        if tile.size
    ]
    variance = np.array([tile.var() for tile in tiles], dtype=np.float64)
    if variance.sum() < 1e-12 or len(tiles) < 2:
        return 1.0
    share = variance[variance > 0] / variance.sum()
    return -(share * np.log(share)).sum() / np.log(len(tiles))


def _symmetry(light: Float[np.ndarray, "h w"]) -> Any:
    centred = light - light.mean()
    power = (centred**2).sum()
    return (centred * centred[:, ::-1]).sum() / power if light.std() >= 1e-6 else 1.0


def _lightness(rgb: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    """L* over 100."""
    luminance = _linear()[rgb] @ _TO_XYZ[1]
    light: Float[np.ndarray, "h w"] = np.clip(1.16 * _cube_root(luminance) - 0.16, 0.0, 1.0)
    return light


@functools.cache
def _linear() -> Float[np.ndarray, " level"]:
    """Linear light, 0-1, of each level of an sRGB channel (IEC 61966-2-1)."""
    level = np.arange(256) / 255
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def _cube_root(ratio: Any) -> Any:
    """f of CIELAB: the cube root, and a line near black."""
    return np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)


@functools.cache
def _named() -> UInt8[np.ndarray, "32 32 32"]:
    """Index into COLOURS of each colour of 5 bits a channel, by lightness, chroma and hue of CIELAB."""
    levels = np.arange(32) * 255 // 31
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    fx, fy, fz = np.moveaxis(_cube_root(_linear()[colours] @ _TO_XYZ.T / _WHITE), -1, 0)
    light, a, b = 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    is_pink = light >= np.where((hue >= 345) | (hue < 15), 45, 60)
    is_brown = (light < 60) | ((light < 80) & (chroma < 45))
    sectors = [
        ((light < 8) | ((light < 20) & (chroma < 20)), "black"),
        ((chroma < 12) & (light > 85), "white"),
        (chroma < 12, "grey"),
        (((hue >= 345) | (hue < 50)) & is_pink, "pink"),
        ((hue >= 345) | (hue < 50), "red"),
        ((hue < 82) & is_brown, "brown"),
        (hue < 82, "orange"),
        ((hue < 115) & (light >= 65), "yellow"),
        (hue < 95, "brown"),
        (hue < 185, "green"),
        (hue < 311, "blue"),
    ]
    index = np.select([held for held, _ in sectors], [COLOURS.index(name) for _, name in sectors], 8)
    return index.astype(np.uint8)
