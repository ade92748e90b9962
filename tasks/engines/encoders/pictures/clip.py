"""The picture tower of a CLIP model: vectors in the space of its text tower.

Weights are read with transformers; neither code that comes with a model nor anything in a pickle but numbers
is run. A picture is shown as CLIP was trained: at its size, with its mean and spread of levels.
"""

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8

from tasks.engines.encoders import encoder
from tasks.engines.encoders.sentence import content_digest
from tasks.errors import EngineError

if TYPE_CHECKING:
    import torch

MEAN = (0.48145466, 0.4578275, 0.40821073)
SPREAD = (0.26862954, 0.26130258, 0.27577711)
"""Of the levels (0-1) of red, green and blue in what CLIP was trained on (Radford et al. 2021); a model's own
preprocessor_config.json comes first."""


class PictureTower:
    """CLIP's picture tower with its projection."""

    def __init__(self, model: Any, mean: tuple[float, ...], spread: tuple[float, ...]) -> None:
        self.model = model.eval()
        self._mean, self._spread = (np.array(levels, dtype=np.float32) for levels in (mean, spread))
        self.dim = int(model.config.projection_dim)
        self.side = int(model.config.image_size)
        self.name = f"clip-pictures-{content_digest(model.state_dict(), (mean, spread, str(model)))}-v1"

    def encode(self, pixels: UInt8[np.ndarray, "picture side side 3"]) -> Float[np.ndarray, "picture dim"]:
        """Unit vectors, float32.

        Raises:
            EngineError: one is not finite, or has no direction.
        """
        import torch

        with torch.inference_mode():
            vectors = self.model(pixel_values=self.shown(pixels)).image_embeds.float().numpy()
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


@functools.lru_cache(maxsize=2)
def loaded(place: str, part: str) -> PictureTower:
    """The picture tower in a CLIP folder, as `opened` gives it, once per process."""
    return opened(place, part)


def opened(place: str, part: str) -> PictureTower:
    """The picture tower in a CLIP folder, in float32.

    Args:
        place: of the model.
        part: the folder in it that holds CLIP.

    Raises:
        EngineError: it has none, or weights are missing.
    """
    import torch
    from transformers import CLIPConfig, CLIPVisionConfig, CLIPVisionModelWithProjection

    model: Any
    found: Any
    try:
        with encoder.quiet():
            whole = CLIPConfig.from_pretrained(place, subfolder=part)
            config = CLIPVisionConfig.from_pretrained(place, subfolder=part)
            config.projection_dim = int(whole.projection_dim or 0)
            model, found = CLIPVisionModelWithProjection.from_pretrained(  # type: ignore[misc]
                place,
                subfolder=part,
                config=config,
                dtype=torch.float32,
                weights_only=True,
                output_loading_info=True,
            )
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise EngineError(f"encoder: wanted CLIP's picture tower in {place}: {reason}") from error
    if missing := sorted(found["missing_keys"]):
        raise EngineError(
            f"encoder: wanted all weights of CLIP's picture tower, `{missing[0]}` is not there."
        )
    return PictureTower(model, *_levels(Path(place) / part / "preprocessor_config.json"))


def _levels(file: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and spread of the levels that the model wants."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        mean, spread = (tuple(map(float, told[key])) for key in ("image_mean", "image_std"))
    except (OSError, ValueError, KeyError, TypeError):
        return MEAN, SPREAD
    return (mean, spread) if len(mean) == len(spread) == 3 and min(spread) > 0 else (MEAN, SPREAD)
