"""CLIP and SigLIP models small enough to be made by a test: one layer a tower, random weights."""

from pathlib import Path

WINDOW = 24
"""Tokens of a text, its start and end included; a letter is a token."""


def save_tiny_clip(folder: Path, layers: int = 1) -> Path:
    """Writes the whole model, both towers, into a folder, always the same one, and gives the folder."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    tokens = save_tiny_tokenizer(folder)
    torch.manual_seed(0)
    tower = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        # Spread wide: with CLIP's own start all texts would have nearly one vector.
        "initializer_factor": 20.0,
    }
    text = {"vocab_size": tokens, "bos_token_id": tokens - 2, "eos_token_id": tokens - 1}
    config = CLIPConfig(
        text_config=tower | text | {"pad_token_id": tokens - 1, "max_position_embeddings": WINDOW},
        vision_config=tower | {"image_size": 8, "patch_size": 4},
        projection_dim=8,
    )
    CLIPModel(config).save_pretrained(folder)
    return folder


def save_tiny_siglip(folder: Path) -> Path:
    """The same of SigLIP, of 16 shared dimensions; its tokeniser fills texts up."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel

    letters = [*"abcdefghijklmnopqrstuvwxyz ", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.WordLevel({one: i for i, one in enumerate(letters)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 28)])
    marks = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=WINDOW, **marks).save_pretrained(
        folder
    )
    torch.manual_seed(0)
    layers = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {"vocab_size": len(letters), "max_position_embeddings": WINDOW}
    config = SiglipConfig(
        text_config=layers | text, vision_config=layers | {"image_size": 8, "patch_size": 4}
    )
    model = SiglipModel(config)
    with torch.no_grad():  # spread wide, or all texts would have nearly one vector
        model.text_model.embeddings.token_embedding.weight.mul_(20)
    model.save_pretrained(folder)
    return folder


def save_tiny_tokenizer(folder: Path) -> int:
    """Writes CLIP's tokeniser with a token for each byte, and gives the number of its tokens."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocab = {token: i for i, token in enumerate(tokens)}
    CLIPTokenizer(vocab=vocab, merges=[], model_max_length=WINDOW).save_pretrained(folder)
    return len(vocab)
