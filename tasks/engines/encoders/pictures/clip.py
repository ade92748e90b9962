"""The picture tower of a CLIP or SigLIP model: vectors in the space of its text tower.

Weights are read with transformers; neither code that comes with a model nor anything in a pickle but numbers
is run. A picture is shown at the size, by the filter, and with the mean and spread of levels that the model's
preprocessor_config.json names. It is never cropped: what is cut off at the edges could not be found.
"""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8

from tasks.engines.encoders import clip as encoder_clip
from tasks.engines.encoders import encoder
from tasks.engines.encoders.sentence import content_digest
from tasks.errors import EngineError

if TYPE_CHECKING:
    import torch

MEAN = (0.48145466, 0.4578275, 0.40821073)
SPREAD = (0.26862954, 0.26130258, 0.27577711)
"""Of the levels (0-1) of red, green and blue in what CLIP was trained on (Radford et al. 2021); a model's own
preprocessor_config.json comes first."""
EVEN = (0.5, 0.5, 0.5)
"""The same two of SigLIP (Zhai et al. 2023)."""
BICUBIC = 3
"""Pillow's number of the filter by which both were shown pictures."""


class PictureTower:
    """A picture tower with its projection."""

    def __init__(
        self, model: Any, side: int, shown: tuple[tuple[float, ...], tuple[float, ...], int]
    ) -> None:
        """Takes a tower that is loaded.

        Args:
            model: of transformers.
            side: pixels a side of what it is shown.
            shown: mean and spread of levels, and Pillow's number of the filter.
        """
        self.model = model.eval()
        mean, spread, self.resample = shown
        self._mean, self._spread = (np.array(levels, dtype=np.float32) for levels in (mean, spread))
        self.side = side
        self.name = f"clip-pictures-{content_digest(model.state_dict(), (*shown, str(model)))}-v2"
        self.dim = self._seen(np.zeros((1, side, side, 3), dtype=np.uint8)).shape[1]

    def encode(self, pixels: UInt8[np.ndarray, "picture side side 3"]) -> Float[np.ndarray, "picture dim"]:
        """Unit vectors, float32.

        Raises:
            EngineError: one is not finite, or has no direction.
        """
        vectors = self._seen(pixels)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(norms) & (norms > 0)).all():
            raise EngineError(
                f"encoder {self.name}: wanted finite vectors of pictures, got NaN, infinity or zero."
            )
        unit: np.ndarray = vectors / norms
        return unit

    def shown(self, pixels: UInt8[np.ndarray, "picture side side 3"]) -> "torch.Tensor":
        """Pixels as the model wants them: float32 (picture, 3, side, side)."""
        import torch

        levels = (pixels.astype(np.float32) / 255 - self._mean) / self._spread
        return torch.from_numpy(np.ascontiguousarray(levels.transpose(0, 3, 1, 2)))

    def _seen(self, pixels: UInt8[np.ndarray, "picture side side 3"]) -> Float[np.ndarray, "picture dim"]:
        import torch

        with torch.inference_mode():
            found = self.model(pixel_values=self.shown(pixels))
        vectors: np.ndarray = found["image_embeds" if "image_embeds" in found else "pooler_output"].numpy()
        return vectors


@functools.lru_cache(maxsize=2)
def loaded(place: str, part: str) -> PictureTower:
    """The picture tower in a folder of CLIP or SigLIP, as `opened` gives it, once per process."""
    return opened(place, part)


def opened(place: str, part: str) -> PictureTower:
    """The picture tower in a folder of CLIP or SigLIP, in float32.

    Args:
        place: of the model.
        part: the folder in it that holds CLIP.

    Raises:
        EngineError: it has none, or weights are missing.
    """
    told = encoder_clip.told_by(place, "config.json", part)
    kind = str(told.get("model_type")) if isinstance(told, dict) else ""
    if kind not in ("clip", "siglip"):
        raise EngineError(
            f"encoder: wanted a model with a picture tower in {place}, it has none.",
            hint="Name the folder of a whole CLIP or SigLIP model.",
        )
    try:
        with encoder.quiet():
            model = (_clip if kind == "clip" else _siglip)(place, part)
    except (OSError, RuntimeError, ValueError, EngineError) as error:
        reason = str(error).strip().splitlines()[0]
        raise EngineError(f"encoder: wanted CLIP's picture tower in {place}: {reason}") from error
    return PictureTower(model, int(model.config.image_size), _shown(place, part, kind))


def _clip(place: str, part: str) -> Any:
    from transformers import CLIPConfig, CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig.from_pretrained(place, subfolder=part)
    config.projection_dim = int(CLIPConfig.from_pretrained(place, subfolder=part).projection_dim or 0)
    return encoder_clip.with_weights(CLIPVisionModelWithProjection, place, part, config, "picture tower")


def _siglip(place: str, part: str) -> Any:
    from transformers import SiglipVisionConfig, SiglipVisionModel

    config = SiglipVisionConfig.from_pretrained(place, subfolder=part)
    return encoder_clip.with_weights(SiglipVisionModel, place, part, config, "picture tower")


def _shown(place: str, part: str, kind: str) -> tuple[tuple[float, ...], tuple[float, ...], int]:
    """Mean and spread of the levels that the model wants, and the filter; its own where it names them."""
    usual = (MEAN, SPREAD) if kind == "clip" else (EVEN, EVEN)
    told = encoder_clip.told_by(place, "preprocessor_config.json", part)
    told = told if isinstance(told, dict) else {}
    resample = told.get("resample")
    by = resample if isinstance(resample, int) and 0 <= resample <= 5 else BICUBIC
    try:
        mean, spread = (tuple(map(float, told[key])) for key in ("image_mean", "image_std"))
    except (ValueError, KeyError, TypeError):
        return *usual, by
    return (mean, spread, by) if len(mean) == len(spread) == 3 and min(spread) > 0 else (*usual, by)
