"""Tables of this kind alone."""

import polars as pl

PAIRS = pl.Schema(
    {
        "pair": pl.String,
        "model_a": pl.String,
        "model_b": pl.String,
        "category": pl.String,
        "preference": pl.Float64,
    }
)
"""What is known of each pair of answers (`1_texts/pairs.parquet`): `pair` is the text_hash of both,
preference is 1 where model 1's answer was preferred, -1 where model 2's, 0 a tie, NULL where nobody said."""
LIKED = pl.Schema(
    {
        "predicate_id": pl.String,
        "n": pl.Int64,
        "coefficient": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "p": pl.Float64,
        "q": pl.Float64,
    }
)
"""How much a trait is liked (`6_scores/liked.parquet`, where there are preferences): log-odds that the answer
which shows it is preferred, given the other traits, length and formatting; of n pairs with a preference. A
positive one is liked, whichever model shows it more; NULL where it cannot be told."""
TELLING = pl.Schema(
    {
        "target": pl.String,
        "by": pl.String,
        "n": pl.Int64,
        "accuracy": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "balanced": pl.Float64,
        "auc": pl.Float64,
        "lift": pl.Float64,
        "lift_lo": pl.Float64,
        "lift_hi": pl.Float64,
    }
)
"""How well the `target` (model, preference) is told on confirmation prompts by traits, surface, length (of
pictures: size) or majority (`6_scores/telling.parquet`). Lift: of traits over that baseline, on the same
pairs; NULL for traits."""
CATEGORIES = pl.Schema(
    {
        "predicate_id": pl.String,
        "category": pl.String,
        "n": pl.Int64,
        "validity": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
    }
)
"""Each trait within each category of prompts (`6_scores/categories.parquet`): where does it show?"""
MODELS = pl.Schema(
    {
        "predicate_id": pl.String,
        "model": pl.String,
        "n": pl.Int64,
        "validity": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
    }
)
"""Of more than two models: model 1 against each other one (`6_scores/models.parquet`)."""
ORDERS = pl.Schema(
    {
        "predicate_id": pl.String,
        "judge": pl.String,
        "kappa": pl.Float64,
        "kappa_lo": pl.Float64,
        "kappa_hi": pl.Float64,
        "n": pl.Int64,
        "bias": pl.Float64,
        "bias_lo": pl.Float64,
        "bias_hi": pl.Float64,
        "is_defined": pl.Boolean,
    }
)
"""Of judges that are asked in both orders (`6_scores/orders.parquet`), for each predicate and judge: how well
both orders agree beyond chance, how much more often the answer shown first was named, and whether the trait
is well-defined. `judge` is `panel` for the agreement of several judges with each other."""
