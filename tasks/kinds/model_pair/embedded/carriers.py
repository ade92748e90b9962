"""Which words of a list carry a difference between two models' answers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from tasks.engines.embedded import style, tone
from tasks.engines.embedded.style import LEAST_CARRIED
from tasks.kinds.model_pair.embedded.comparing import Pairs, Signs
from tasks.kinds.model_pair.embedded.traits import traits
from tasks.kinds.model_pair.embedded.values import Answers


def named(definition: Mapping[str, Any], answers: Answers, pairs: Pairs, signs: Signs) -> Mapping[str, Any]:
    """The definition with the words of its list that stand more in the answers which show it more."""
    program = traits()[definition["trait"]].listed if "trait" in definition else None
    if program is None or not signs.any():
        return definition
    side = np.sign(signs.sum()) or 1
    weight = np.zeros(len(answers.text), dtype=np.int64)
    weight[pairs.in_a], weight[pairs.in_b] = side * (signs != 0), -side * (signs != 0)
    pattern = program.without(definition.get("without", ()))
    said = (
        answers.viewed.with_columns(weight=pl.Series(weight))
        .filter(pl.col("weight") != 0)
        .select("weight", word=style.read(program).str.extract_all(pattern))
        .explode("word")
        .drop_nulls()
        .with_columns(pl.col("word").str.strip_chars().str.to_lowercase())
        .group_by("word")
        .agg(pl.col("weight").sum())
        .filter(pl.col("weight") > 0)
        .sort("weight", "word", descending=[True, False])
        .collect()
    )
    least = LEAST_CARRIED * float(said["weight"].sum())
    most = said.filter(pl.col("weight") >= least)["word"].head(tone.N_CARRIERS).to_list()
    return {**definition, "carried_by": most} if most else definition
