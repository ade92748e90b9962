"""The text tower of CLIP or SigLIP as an encoder: its projected vector of a text, without the other half.

SigLIP (Zhai et al. 2023) was trained on texts filled up to its window, and reads their last place.

Weights, tokeniser and configuration are read with transformers; neither code that comes with a model nor
anything in a pickle but numbers is run. Nothing that reads pictures need be installed.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tasks.engines.encoders.sentence import LEAST_ROWS, SentenceEncoder
from tasks.errors import EngineError

if TYPE_CHECKING:
    import torch

_TYPES = ("clip", "clip_text_model", "siglip", "siglip_text_model")
_OLD_EOS = 2
"""In configurations of old models, where it means the highest token id of a text."""
_PASSED_OVER = "Normalize"


class TextTower:
    """CLIP's text tower with the face of a sentence-transformers model, as SentenceEncoder asks it."""

    prompts: ClassVar[dict[str, str]] = {}
    default_prompt_name = None
    _padding: ClassVar[str | bool] = False

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model, self.tokenizer = model, tokenizer
        self.max_seq_length = min(int(tokenizer.model_max_length), int(model.config.max_position_embeddings))

    def __str__(self) -> str:
        return f"{self._model} eos {self._model.config.eos_token_id} window {self.max_seq_length}"

    def __call__(self, features: dict[str, "torch.Tensor"]) -> dict[str, "torch.Tensor"]:
        """The projected vectors of texts of one length; a mask would only say that nothing is padded."""
        import torch

        pooled = self._pooled(features["input_ids"])
        again = torch.arange(max(len(pooled), LEAST_ROWS), device=pooled.device) % len(pooled)
        return {"sentence_embedding": self._projected(pooled[again])[: len(pooled)]}

    def _pooled(self, ids: "torch.Tensor") -> "torch.Tensor":
        pooled: torch.Tensor = self._model.text_model(input_ids=ids).pooler_output
        return pooled

    def _projected(self, pooled: "torch.Tensor") -> "torch.Tensor":
        projected: torch.Tensor = self._model.text_projection(pooled)
        return projected

    @property
    def device(self) -> Any:
        """Where it computes."""
        return self._model.device

    def get_embedding_dimension(self) -> int:
        """Numbers of a projected vector."""
        return int(self._model.config.projection_dim)

    def preprocess(self, texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
        """Token ids cut to the window, the last of them the end of text, and whether they were cut."""
        found = self.tokenizer(
            texts,
            truncation=True,
            padding=self._padding,
            max_length=self.max_seq_length,
            return_overflowing_tokens=True,
        )
        ids: list[list[int]] = [[] for _ in texts]
        cut = [[0] for _ in texts]
        for text, part in zip(found["overflow_to_sample_mapping"], found["input_ids"], strict=True):
            cut[text] = [int(bool(ids[text]))]
            ids[text] = ids[text] or part
        return {"input_ids": ids, "cut": cut}

    def to(self, dtype: Any) -> None:
        """Changes the precision."""
        self._model.to(dtype)

    def eval(self) -> None:
        """Switches dropout off."""
        self._model.eval()

    def state_dict(self) -> dict[str, "torch.Tensor"]:
        """Its weights by name."""
        weights: dict[str, torch.Tensor] = self._model.state_dict()
        return weights


class SiglipTextTower(TextTower):
    """SigLIP's text tower with the same face."""

    _padding = "max_length"

    def _pooled(self, ids: "torch.Tensor") -> "torch.Tensor":
        last: torch.Tensor = self._model(input_ids=ids).last_hidden_state[:, -1]
        return last

    def _projected(self, pooled: "torch.Tensor") -> "torch.Tensor":
        projected: torch.Tensor = self._model.head(pooled)
        return projected

    def get_embedding_dimension(self) -> int:
        """Numbers of a projected vector."""
        return int(self._model.head.out_features)


class ClipEncoder(SentenceEncoder):
    """The text tower of CLIP or SigLIP; its window is short, so texts that did not fit are counted."""

    def __init__(self, model: TextTower, label: str, precision: str, batch_size: int) -> None:
        super().__init__(model, label, precision, batch_size)
        self.n_truncated = 0
        """Texts encoded so far of which the end did not fit into the window."""

    def _tokenise(self, texts: list[str]) -> dict[str, list[list[int]]]:
        tokens = super()._tokenise(texts)
        self.n_truncated += sum(cut for (cut,) in tokens.pop("cut"))
        return tokens


def subfolder(place: str) -> str | None:
    """The part of a model's folder, or of its place on the hub, that holds CLIP; None where it is not CLIP.

    SigLIP counts as CLIP.

    A sentence-transformers model that is CLIP and nothing else has it in a folder of its own.
    """
    modules, part = told_by(place, "modules.json"), ""
    if modules is not None:
        try:
            if any(not module["type"].endswith(_PASSED_OVER) for module in modules[1:]):
                return None
            part = str(modules[0]["path"])
        except (KeyError, IndexError, TypeError, AttributeError):
            return None
    config = told_by(place, "config.json", part)
    return part if isinstance(config, dict) and config.get("model_type") in _TYPES else None


def told_by(place: str, name: str, part: str = "") -> Any:
    """What a file of a model says; None where there is none that can be read."""
    from transformers.utils.hub import cached_file

    try:
        file = cached_file(
            place,
            name,
            subfolder=part,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
        return None if file is None else json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def opened(place: str, part: str, device: str) -> TextTower:
    """The text tower on a device, in float32.

    Raises:
        EngineError: weights are missing, or the tokeniser belongs to another model.
        OSError, RuntimeError, ValueError: as transformers, where files are missing or of another shape.
    """
    from transformers import AutoTokenizer

    config = told_by(place, "config.json", part)
    is_siglip = str(config["model_type"]).startswith("siglip")
    model = (_siglip if is_siglip else _clip)(place, part)
    tokenizer = AutoTokenizer.from_pretrained(place, subfolder=part, trust_remote_code=False)
    tower = (SiglipTextTower if is_siglip else TextTower)(model.to(device), tokenizer)
    # A configuration of SigLIP names the end of a text wrongly, and its last place is read in any case.
    _refuse_foreign_tokenizer(tower, model.config, None if is_siglip else model.config.eos_token_id)
    return tower


def _clip(place: str, part: str) -> Any:
    from transformers import CLIPConfig, CLIPTextConfig, CLIPTextModelWithProjection

    whole = CLIPConfig.from_pretrained(place, subfolder=part)
    config = CLIPTextConfig.from_pretrained(place, subfolder=part)
    if whole.model_type == "clip":
        # The towers meet in the dimension that the whole model names; the towers' own are not read.
        config.projection_dim = whole.projection_dim
    return with_weights(CLIPTextModelWithProjection, place, part, config, "text tower")


def _siglip(place: str, part: str) -> Any:
    from transformers import SiglipTextConfig, SiglipTextModel

    config = SiglipTextConfig.from_pretrained(place, subfolder=part)
    return with_weights(SiglipTextModel, place, part, config, "text tower")


def with_weights(architecture: Any, place: str, part: str, config: Any, tower: str) -> Any:
    """A tower in float32; of weights in a pickle the numbers alone are read.

    Args:
        architecture: its class in transformers.
        place: of the model.
        part: the folder in it.
        config: of the tower.
        tower: what it is called, for an error.

    Raises:
        EngineError: weights are missing.
        OSError, RuntimeError, ValueError: as transformers.
    """
    import torch

    model, found = architecture.from_pretrained(
        place, subfolder=part, config=config, dtype=torch.float32, weights_only=True, output_loading_info=True
    )
    if missing := sorted(found["missing_keys"]):
        raise EngineError(f"wanted all weights of CLIP's {tower}, `{missing[0]}` is not there.")
    return model


def _refuse_foreign_tokenizer(tower: TextTower, config: Any, end: int | None) -> None:
    """CLIP's vector is read where the end of a text is: without that token all texts would be the same.

    Raises:
        EngineError: the tokeniser gives ids that the model does not have, or no end of text.
    """
    (ids,) = tower.preprocess(["probe"])["input_ids"]
    has_end = end is None or end == _OLD_EOS or end in ids
    if len(tower.tokenizer) > config.vocab_size or not has_end:
        raise EngineError("its tokeniser is another model's: the ids of tokens do not fit the weights.")
