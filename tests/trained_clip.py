"""A CLIP model that a test trains on drawn pictures, and writes as transformers does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tasks.engines.encoders.pictures.clip import MEAN, SPREAD
from tests.drawn_shapes import SIDE, VALUES, Drawn, captions

WINDOW = 9
_WORDS = (
    "<pad>",
    "<start>",
    "<end>",
    "<unknown>",
    "a",
    "at",
    "on",
    "shape",
    *(word for among in VALUES.values() for word in among),
)
_START, _END = 1, 2


def save_trained_clip(
    folder: Path, seen: Drawn, seed: int, steps: int, n_layers: int = 4, n_heads: int = 4, width: int = 64
) -> Path:
    """Trains on pictures and on captions drawn anew for each step; writes the folder and gives it."""
    import torch

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = _model(n_layers, n_heads, width)
    levels = (seen.pixels / 255 - np.array(MEAN)) / np.array(SPREAD)
    shown = torch.tensor(levels.transpose(0, 3, 1, 2), dtype=torch.float32)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        rows = rng.choice(len(shown), 128, replace=False)
        said, what = captions({name: one[rows] for name, one in seen.values.items()}, rng)
        loss = _loss(model, shown[rows], said, _holds(seen, rows, what))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        pace.step()
        if _ % 50 == 49:
            import time

            print(_, float(loss.detach()), time.process_time(), flush=True)

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
    both = (scores, right), (scores.T, right.T)
    return (
        sum(
            torch.nn.functional.cross_entropy(one, true / true.sum(dim=1, keepdim=True)) for one, true in both
        )
        / 2
    )


def _holds(seen: Drawn, rows: np.ndarray, said: dict[str, np.ndarray]) -> np.ndarray:
    """Whether each caption holds for each picture (picture, caption)."""
    found = np.ones((len(rows), len(rows)), dtype=bool)
    for name, one in said.items():
        found &= (one[None] < 0) | (seen.values[name][rows][:, None] == one[None])
    return found


def _ids(said: list[str]) -> Any:
    import torch

    ids = np.full((len(said), WINDOW), _END)
    for i, caption in enumerate(said):
        words = [_START, *(_WORDS.index(word) for word in caption.split())]
        ids[i, : len(words)] = words
    return torch.tensor(ids)


def _model(n_layers: int, n_heads: int, width: int) -> Any:
    from transformers import CLIPConfig, CLIPModel

    tower = {"hidden_size": width, "intermediate_size": 2 * width, "num_attention_heads": n_heads}
    text = {"vocab_size": len(_WORDS), "bos_token_id": _START, "eos_token_id": _END + 0, "pad_token_id": 0}
    config = CLIPConfig(
        text_config=tower | text | {"num_hidden_layers": 1, "max_position_embeddings": WINDOW},
        vision_config=tower | {"num_hidden_layers": n_layers, "image_size": SIDE, "patch_size": 8},
        projection_dim=32,
    )
    return CLIPModel(config)


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(_WORDS)}, unk_token="<unknown>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", _START), ("<end>", _END)]
    )
    names = {"pad_token": "<pad>", "bos_token": "<start>", "eos_token": "<end>", "unk_token": "<unknown>"}
    return PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=WINDOW, **names)
