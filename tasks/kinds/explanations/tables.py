"""Tables of the kind."""

import polars as pl

from tasks import paths
from tasks.store import frames
from tasks.study import Study

SHUFFLED, FAITHFUL = "shuffled explanations", "words that tell the answer"
"""Explanations dealt out anew among inputs of one answer; and, where explanations list words, those of each
input that tell the model's answers best on the exploration half."""
ANCHORS = (SHUFFLED, FAITHFUL)
"""Rows of EXPLAINERS that are no explainer of the study's."""

EXPLANATIONS = pl.Schema(
    {
        "text_hash": pl.String,
        "explainer": pl.String,
        "explanation": pl.String,
        "answer": pl.String,
        "plausibility": pl.Float64,
    }
)
"""Of each explained input (`1_texts/explanations.parquet`) what each explainer says of the model's answer."""

COUNTERFACTUALS = pl.Schema(
    {
        "text_hash": pl.String,
        "explainer": pl.String,
        "counterfactual": pl.String,
        "guess": pl.String,
        "outcome": pl.String,
    }
)
"""Other inputs that explanations were tried on (`1_texts/counterfactuals.parquet`), with what a reader of the
explanation expected (null: could not tell) and what the model answered. No row where inputs are drawn."""

TRIALS = pl.Schema(
    {
        "text_id": pl.String,
        "text": pl.String,
        "group": pl.String,
        "document_id": pl.String,
        "predicate_id": pl.String,
        "item": pl.String,
        "explainer": pl.String,
        "explanation": pl.String,
        "guess": pl.String,
        "input": pl.String,
        "outcome": pl.String,
        "similarity": pl.Float64,
        "n_merged": pl.Int64,
    }
)
"""`5_verdicts/trials.parquet`: inputs that an explanation covers, with the guess made from it (group A), and
inputs as similar to the explained one that it does not cover, of which the guess is the answer that the
explained one got (group B). `item` is the text_id of the explained input, `document_id` its document;
`input` tells the inputs tried apart: the document of one that is explained, too, else a hash of its text."""

EXPLAINERS = pl.Schema(
    {
        "explainer": pl.String,
        "n_items": pl.Int64,
        "n_tried": pl.Int64,
        "coverage": pl.Float64,
        "coverage_lo": pl.Float64,
        "coverage_hi": pl.Float64,
        "precision": pl.Float64,
        "precision_matched": pl.Float64,
        "validity": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "majority": pl.Float64,
        "generality": pl.Float64,
        "generality_lo": pl.Float64,
        "generality_hi": pl.Float64,
        "generality_random": pl.Float64,
        "generality_words": pl.Float64,
        "plausibility": pl.Float64,
        "plausibility_r": pl.Float64,
        "similarity": pl.Float64,
        "similarity_matched": pl.Float64,
        "n_pairs": pl.Int64,
        "n_unmatched": pl.Int64,
        "n_inputs": pl.Int64,
    }
)
"""Each explainer, and two anchors (`6_scores/explainers.parquet`): on confirmation items. `coverage` is the
share of the inputs tried of which its readers made a guess; `precision` that of these guesses that come true,
with and without a match (V is over pairs); `majority` the share of covered inputs that the commonest answer
of the exploration half foresees; `generality` 1 less the mean cosine of two inputs that one explanation
covers, `generality_random` the same of random inputs, `generality_words` 1 less the share of words in common;
`plausibility_r` Spearman's correlation over items of plausibility and precision. V rests on `n_pairs` guesses
with a match, on `n_inputs` distinct inputs; `n_unmatched` have none."""

FORESEEN = pl.Schema(
    {
        "text": pl.String,
        "document": pl.String,
        "explainer": pl.String,
        "answer": pl.String,
        "n_guessed": pl.Int64,
        "precision": pl.Float64,
        "foreseen": pl.String,
    }
)
"""Explanations as texts (`6_scores/foreseen.parquet`), of confirmation items: `foreseen` is `precise` where
more guesses come true than fail, `misleading` where fewer do, else null. `document` tells explained inputs
apart, by other names than here: by the same ones a study of this table would have one half only."""


def collected(study: Study, name: str) -> pl.DataFrame:
    """EXPLANATIONS or COUNTERFACTUALS, by name of the file, as collect left it."""
    known = {"explanations": EXPLANATIONS, "counterfactuals": COUNTERFACTUALS}
    return frames.read(paths.output(study.name, "collect"), f"{name}.parquet", known[name])
