"""A CLIP model that a test trains on drawn pictures, and writes as transformers does."""

from pathlib import Path
from typing import Any

import numpy as np

from tasks.engines.encoders.pictures.clip import MEAN, SPREAD
from tests.drawn_shapes import SIDE, VALUES, Drawn, captions

WINDOW = 9
"""Tokens of the longest caption, its start and end included."""
WORDS = ("<pad>", "<start>", "<unknown>", "<end>", "a", "at", "on", "shape", *sum(VALUES.values(), ()))
"""A token each."""
_START, _END = 1, 3
# Of an end with the number 2 transformers reads the highest token of a text in its place.
BATCH = 64


def save_trained_clip(
    folder: Path, seen: Drawn, seed: int, steps: int, n_layers: int = 2, n_heads: int = 8, width: int = 64
) -> Path:
    """Trains on pictures, with captions drawn anew at each step; writes the folder and gives it."""
    import torch

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = _model(n_layers, n_heads, width)
    levels = (seen.pixels / 255 - np.array(MEAN)) / np.array(SPREAD)
    shown = torch.tensor(levels.transpose(0, 3, 1, 2), dtype=torch.float32)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.05, fused=True)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        rows = rng.choice(len(shown), BATCH, replace=False)
        values = {name: one[rows] for name, one in seen.values.items()}
        said, told = captions(values, rng)
        loss = _loss(model, shown[rows], said, _holds(values, told))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        pace.step()
    model.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    return folder


def _loss(model: Any, shown: Any, said: list[str], holds: np.ndarray) -> Any:
    """Contrastive loss both ways; a caption that holds for several pictures is right for all of them."""
    import torch

    vectors = model.get_image_features(pixel_values=shown).pooler_output
    meant = model.get_text_features(input_ids=_ids(said)).pooler_output
    vectors, meant = (one / one.norm(dim=-1, keepdim=True) for one in (vectors, meant))
    scores = model.logit_scale.exp().clamp(max=50) * vectors @ meant.T
    right = torch.tensor(holds, dtype=torch.float32)
    both = ((scores, right), (scores.T, right.T))
    losses = [
        torch.nn.functional.cross_entropy(one, true / true.sum(dim=1, keepdim=True)) for one, true in both
    ]
    return sum(losses) / 2


def _holds(values: dict[str, np.ndarray], told: dict[str, np.ndarray]) -> np.ndarray:
    """Whether each caption holds for each picture (picture, caption)."""
    fits = [(one[None] < 0) | (values[name][:, None] == one[None]) for name, one in told.items()]
    return np.logical_and.reduce(fits)


def _ids(said: list[str]) -> Any:
    import torch

    ids = np.full((len(said), WINDOW), _END)
    for i, caption in enumerate(said):
        words = [_START, *(WORDS.index(word) for word in caption.split())]
        ids[i, : len(words)] = words
    return torch.tensor(ids)


def _model(n_layers: int, n_heads: int, width: int) -> Any:
    from transformers import CLIPConfig, CLIPModel

    tower = {"hidden_size": width, "intermediate_size": 2 * width, "num_attention_heads": n_heads}
    text = {"vocab_size": len(WORDS), "bos_token_id": _START, "eos_token_id": _END, "pad_token_id": 0}
    config = CLIPConfig(
        text_config=tower | text | {"num_hidden_layers": 1, "max_position_embeddings": WINDOW},
        vision_config=tower | {"num_hidden_layers": n_layers, "image_size": SIDE, "patch_size": 8},
        projection_dim=32,
    )
    return CLIPModel(config)


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {word: i for i, word in enumerate(WORDS)}
    words = Tokenizer(models.WordLevel(ids, unk_token="<unknown>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("<start>", _START), ("<end>", _END)]
    words.post_processor = processors.TemplateProcessing(single="<start> $A <end>", special_tokens=ends)
    names = {"pad_token": "<pad>", "bos_token": "<start>", "eos_token": "<end>", "unk_token": "<unknown>"}
    return PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=WINDOW, **names)
