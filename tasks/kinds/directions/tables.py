"""Tables of the kind."""

import polars as pl

ACTIVATIONS = pl.Schema([("text_hash", pl.String), ("activation", pl.List(pl.Float64))])
"""Of each text (`1_texts/activations.parquet`) the activation of every unit, in the order of UNITS."""
UNITS = pl.Schema({"unit": pl.String, "sentence": pl.String, "share": pl.Float64})
"""Names of the units (`1_texts/units.parquet`; `2_embeddings` for parts of an encoder). Of a part's direction
also the sentence of the bank that names it, and its share of the part's variance on exploration texts."""
BANK = pl.Schema({"sentence": pl.String})
"""The sentences that may name parts of an encoder (`1_texts/bank.parquet`)."""
CAUSAL = pl.Schema(
    {
        "predicate_id": pl.String,
        "unit": pl.String,
        "margin": pl.Float64,
        "loss": pl.Float64,
        "loss_others": pl.Float64,
        "specificity": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "p": pl.Float64,
        "q": pl.Float64,
        "n_random": pl.Int64,
    }
)
"""Of an encoder's heads and MLPs, each discovery (`6_scores/causal.parquet`): the margin of what its sentence
says on confirmation inputs, the share of it that is lost without the unit's part, the mean share that the
other discoveries' sentences lose, the difference with its interval over documents, and p and q against
n_random other parts of the sort. NULL where there is no margin to lose or no other sentence."""
REPAIR_PAIRS = pl.Schema(
    {
        "left": pl.String,
        "right": pl.String,
        "differs": pl.Int64,
        "failure": pl.String,
        "before": pl.Float64,
        "after": pl.Float64,
    }
)
"""Pairs that a repair was fitted on (`6_scores/repair_pairs.parquet`), with their cosine before and after."""
READINGS = pl.Schema(
    {
        "predicate_id": pl.String,
        "unit": pl.String,
        "end": pl.String,
        "sentence": pl.String,
        "auroc": pl.Float64,
        "spearman": pl.Float64,
        "explained": pl.Float64,
        "random": pl.Float64,
        "spearman_length": pl.Float64,
        "spans": pl.Float64,
        "n_inputs": pl.Int64,
        "also_validity": pl.Float64,
        "also_lo": pl.Float64,
        "also_hi": pl.Float64,
    }
)
"""Beside each test (`6_scores/readings.parquet`), on all confirmation inputs, or on the random ones where a
language model judged no others for every name; `n_inputs` of them have a verdict. AUROC of the activation for
the verdict with its raw sign, Spearman's correlation of both, the share of the activation's variance that the
exploration means explain (below 0: less than the mean does), V of the same sentence for a random direction of
the units, and Spearman's correlation of the activation with the length of the input. Of a direction of a part
`spans`: the share of what the part adds, squared and from its exploration mean, that lies along it. With
another corpus (`directions.also_on`) `also_validity`: V on its inputs, with its interval."""
