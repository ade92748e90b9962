"""Which models count as small, by what their names say."""

import pytest

from tasks.study.params import Endpoint

SMALL = (
    "qwen2.5-1.5b",
    "llama3.1:8b",
    "Qwen/Qwen3-8B",
    "gemma-3-270m-it",
    "gemma3n:e4b",
    "qwen2.5-14b-instruct-1m",
    "phi-4-14B-q4_k_m.gguf",
)
LARGE = (
    "gpt-5-mini",
    "claude-sonnet-1m",
    "llama3.3:70b",
    "mixtral-8x7b-instruct",
    "qwen3-30b-a3b",
    "gpt-oss-20b",
    "phi-4-14.7b",
    "model-4bit",
    "0b",
)


@pytest.mark.parametrize("model", SMALL)
def test_a_name_that_says_few_parameters_is_small(model: str) -> None:
    assert Endpoint(model=model).is_small


@pytest.mark.parametrize("model", LARGE)
def test_a_name_that_says_many_or_none_is_not(model: str) -> None:
    assert not Endpoint(model=model).is_small
