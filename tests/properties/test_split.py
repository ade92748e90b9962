"""Whatever the texts: nothing is in both halves, order changes nothing, growth moves nobody."""

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.collect import stage as collect
from tasks.study.corpus import Collect

# Few letters, cases and spaces, so that duplicates, overlaps and shared documents abound.
TEXTS = st.text(alphabet="aAbé \u0301\n\0", min_size=0, max_size=4)
ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), TEXTS), st.sampled_from("AB"), st.one_of(st.none(), st.sampled_from("12345678"))
    ),
    min_size=1,
    max_size=40,
)
SEEDS = st.integers(0, 2**31)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _rows(drawn: list[tuple[str | None, str, str | None]]) -> pl.DataFrame:
    schema = {"text": pl.String, "group": pl.String, "document_id": pl.String}
    return pl.DataFrame(drawn, schema=schema, orient="row")


def _split(
    drawn: list, seed: int, overlap: str, share: float = 0.5, near: float | None = 0.7
) -> pl.DataFrame:
    cleaned, _ = collect.clean(_rows(drawn), Collect())
    merged, _ = collect.resolve_overlap(collect.merge(cleaned), overlap, seed)
    return collect.split(collect.link(merged, near), seed, share)


@QUICK
@given(ROWS, SEEDS, st.sampled_from(["draw", "drop", "keep"]))
def test_no_text_and_no_document_is_in_both_halves(drawn: list, seed: int, overlap: str) -> None:
    texts = _split(drawn, seed, overlap)
    for key in ("text_hash", "document_id", "source_document_id", "family_id"):
        assert (texts.drop_nulls(key).group_by(key).agg(pl.col("half").n_unique())["half"] == 1).all()
    assert texts["text_id"].is_unique().all()
    if overlap != "keep":
        assert texts["text_hash"].is_unique().all()


@QUICK
@given(ROWS, SEEDS, st.sampled_from(["draw", "drop", "keep"]), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(drawn: list, seed: int, overlap: str, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(drawn)
    random.shuffle(shuffled)
    assert _split(shuffled, seed, overlap).equals(_split(drawn, seed, overlap))


@QUICK
@given(ROWS, ROWS, SEEDS)
def test_more_rows_never_move_a_document(drawn: list, more: list, seed: int) -> None:
    before, after = _split(drawn, seed, "drop"), _split(drawn + more, seed, "drop")
    both = (
        before.select("document_id", "half")
        .unique()
        .join(after.select("document_id", "half").unique(), on="document_id", suffix="_after")
    )
    assert (both["half"] == both["half_after"]).all()


@QUICK
@given(ROWS, SEEDS, st.floats(0.05, 0.9), st.floats(0.01, 0.09))
def test_a_larger_share_only_adds_to_the_exploration_half(
    drawn: list, seed: int, share: float, more: float
) -> None:
    small, large = _split(drawn, seed, "drop", share), _split(drawn, seed, "drop", share + more)
    explored = set(small.filter(pl.col("half") == "explore")["text_id"])
    assert explored <= set(large.filter(pl.col("half") == "explore")["text_id"])


@QUICK
@given(ROWS)
def test_every_row_is_counted_once(drawn: list) -> None:
    cleaned, counts = collect.clean(_rows(drawn), Collect())
    merged = collect.merge(cleaned)
    assert int(merged["n_merged"].sum()) + counts["n_blank"] == len(drawn)


@QUICK
@given(ROWS, SEEDS)
def test_swapping_the_groups_swaps_only_the_groups(drawn: list, seed: int) -> None:
    swapped = [(text, "B" if group == "A" else "A", document) for text, group, document in drawn]
    columns = ["text_hash", "text", "document_id", "half", "n_merged"]
    there, back = _split(drawn, seed, "drop"), _split(swapped, seed, "drop")
    assert there.select(columns).sort("text_hash").equals(back.select(columns).sort("text_hash"))
