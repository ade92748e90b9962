"""Tables of this kind alone."""

import polars as pl

PAIRS = pl.Schema(
    {
        "left": pl.String,
        "right": pl.String,
        "left_id": pl.String,
        "right_id": pl.String,
        "similarity": pl.Float64,
        "reference": pl.Float64,
        "overlap": pl.Float64,
    }
)
"""Pairs that an encoder puts close and a reference apart (`3_proposals/pairs.parquet`)."""

FRESH = pl.Schema(
    {
        "text_id": pl.String,
        "text": pl.String,
        "group": pl.String,
        "document_id": pl.String,
        "predicate_id": pl.String,
        "left": pl.String,
        "right": pl.String,
        "similarity": pl.Float64,
        "reference": pl.Float64,
        "overlap": pl.Float64,
        "word_class": pl.String,
        "inside": pl.Boolean,
        "n_merged": pl.Int64,
    }
)
"""`5_verdicts/fresh.parquet`: pairs written to test a failure (group A) and their controls (group B). `left`
is a sentence of the corpus; a pair and its control are one `document_id`, that of its document. `word_class`:
of the words in which both differ (noun, verb, adjective, small word); `inside`: written for the domain."""

CURVE = pl.Schema(
    {
        "predicate_id": pl.String,
        "threshold": pl.Float64,
        "success": pl.Float64,
        "control": pl.Float64,
        "validity": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
    }
)
"""`6_scores/curve.parquet`: what success, control and V would be at other thresholds. Only one was tested."""

TRANSFER = pl.Schema(
    {
        "encoder": pl.String,
        "predicate_id": pl.String,
        "threshold": pl.Float64,
        "n": pl.Int64,
        "success": pl.Float64,
        "control": pl.Float64,
        "validity": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
    }
)
"""`6_scores/transfer.parquet`: the confirmed failures on other encoders."""

RETRIEVAL = pl.Schema(
    {
        "predicate_id": pl.String,
        "n": pl.Int64,
        "share_first": pl.Float64,
        "share_first_control": pl.Float64,
        "validity": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "median_rank": pl.Float64,
        "median_rank_control": pl.Float64,
    }
)
"""`6_scores/retrieval.parquet`: a search for the twin of a text among the
confirmation texts: how often the text itself, which means something else, comes first."""

LESSONS = pl.Schema(
    {
        "left": pl.String,
        "right": pl.String,
        "differs": pl.Int64,
        "failure": pl.String,
    }
)
"""`6_scores/lessons.parquet`: what a repair may be fitted on. Sentences of the exploration half, edited to
show a confirmed failure (`differs` 1), or in other words that the encoder takes for the same (0, without a
failure). Empty of `engine: llm`."""

MENDED = pl.Schema(
    {
        "predicate_id": pl.String,
        "fitted": pl.Boolean,
        "encoder": pl.String,
        "threshold": pl.Float64,
        "n": pl.Int64,
        "success": pl.Float64,
        "control": pl.Float64,
        "validity": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
    }
)
"""Of a repaired encoder (`6_scores/mended.parquet`): every tested failure on the encoder that it was made of
(`before`) and on it (`after`), on the same new pairs; `fitted`: whether the fit had pairs of that failure."""

PRICE = pl.Schema(
    {
        "pairs": pl.String,
        "encoder": pl.String,
        "n": pl.Int64,
        "close": pl.Float64,
        "kept": pl.Float64,
        "recall": pl.Float64,
    }
)
"""Of a repaired encoder (`6_scores/price.parquet`), before and after. Pairs of the confirmation half that
mean the same (`paraphrases`), or are of one document (`documents`): the share at the threshold or nearer,
that of those which were so before (`kept`), and the share whose first text is among the ten confirmation
texts that are nearest to the second one."""
