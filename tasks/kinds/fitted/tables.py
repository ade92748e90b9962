"""Tables of the kinds with a model."""

import polars as pl

from tasks.store import frames

VALUES = pl.Schema({"text_hash": pl.String, "value": pl.String, "number": pl.Float64})
"""Of each text (`1_texts/values.parquet`): its value in one written form, as labels and times are told by,
and as a number: a score; of a time its seconds since 1970 (UTC), or itself where it is no date; NULL of
labels."""
EXPLORED = pl.Schema({"predicate_id": pl.String, "text_id": pl.String, "score": pl.Float64})
"""Verdicts on the exploration texts that the model was fitted on (`3_proposals/explored.parquet`)."""
MODEL = pl.Schema({"without": pl.String, "predicate_id": pl.String, "slot": pl.String, "weight": pl.Float64})
"""The frozen weights (`3_proposals/model.parquet`): of the full model (`without` empty), and of the model
without each predicate. Slots are a kind's own: classes, times, words. predicate_id is empty for a
constant."""
PATH = pl.Schema(
    {
        "step": pl.Int64,
        "move": pl.String,
        "predicate": pl.String,
        "gain": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "kept": pl.Boolean,
        "n_judged": pl.Int64,
    }
)
"""How the predicates were chosen (`3_proposals/path.parquet`): each step's candidate, its gain in bits per
text on the tune part with a 90 % interval, whether it was kept, and judgements so far."""
WEIGHTS = pl.Schema(
    {
        "predicate_id": pl.String,
        "slot": pl.String,
        "weight": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "frozen": pl.Float64,
    }
)
"""The model refitted on the confirmation half (`6_scores/weights.parquet`), with bootstrap intervals over
documents, beside the frozen weights."""
COVERAGE = pl.Schema(
    {
        "predicate_id": pl.String,
        "slot": pl.String,
        "share": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "n": pl.Int64,
    }
)
"""Share of confirmation texts for which each predicate holds (`6_scores/coverage.parquet`), over all (empty
slot) and in each slot: of timeline smoothed over time, of classes in each class. predicate_id
`unexplained`: for which none of the discoveries holds."""
UNEXPLAINED = "unexplained"
"""In place of a predicate_id in COVERAGE: texts for which no discovery holds."""
CHANGES = frames.CHANGES
AGREEMENT = pl.Schema({"restart": pl.Int64, "predicate_id": pl.String, "match": pl.String, "phi": pl.Float64})
"""Of each restart (`3_proposals/restarts.parquet`) the predicate that agrees most with each frozen one,
and by how much."""
PROPOSED = {"explored": EXPLORED, "model": MODEL, "path": PATH, "restarts": AGREEMENT}
SCORED = {"weights": WEIGHTS, "coverage": COVERAGE, "changes": CHANGES}
ALL = {"values": VALUES, **PROPOSED, **SCORED}
