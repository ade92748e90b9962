"""Verdicts on recorded pairs: the file of 2023 where it is there, and a drawn one always."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks import failure_table
from tasks.errors import ParamsError, SourceError
from tests.conftest import REPO, SHARED, shared_file

PAIRS = SHARED / "data/failure_pairs.csv"
THRESHOLD = 0.88
MINED = {
    "0": "negation",
    "2": "quantifiers",
    "3": "semantic role (bag of words)",
    "5": "homonyms",
    "9": "near synonyms",
}
BASELINE = ("10", "12", "14", "16", "18")
THINGS = ("dog", "cat", "horse", "goat", "fox", "lion")


def rows() -> list[dict[str, Any]]:
    """Denials that collide, synonyms that collide, and two baseline blocks that do not."""
    made: list[dict[str, Any]] = []
    for i, thing in enumerate(THINGS):
        made += [
            _row("d", "mined", "denial", f"a {thing} with a collar", f"a {thing} without a collar", 0.95),
            _row("s", "mined", "same", f"a happy {thing}", f"a joyful {thing}", 0.97),
            # Half collide, which is not most of them.
            _row("h", "mined", "half", f"a red {thing}", f"a blue {thing}", 0.95 if i % 2 else 0.7),
            _row("x", "baseline", "", f"a {thing} in a park", f"a {thing} in a tub", 0.6),
            _row("y", "baseline", "", f"one old {thing} asleep", f"every {thing} wore shoes", 0.5),
        ]
    return made


def _row(block: str, source: str, failure: str, left: str, right: str, similarity: float) -> dict[str, Any]:
    return dict(zip(failure_table.COLUMNS, (block, source, failure, left, right, similarity), strict=True))


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    return written(tmp_path, rows())


def written(folder: Path, made: list[dict[str, Any]]) -> Path:
    file = folder / "pairs.csv"
    pl.DataFrame(made).write_csv(file)
    return file


def block(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["blocks"] if one["block"] == name)


@shared_file("failure_pairs.csv")
def test_recorded_blocks_of_2023() -> None:
    found = failure_table.measured(PAIRS, THRESHOLD)
    assert {one["block"]: one["failure"] for one in found["blocks"] if one["source"] == "mined"} == MINED
    rejected = dict.fromkeys(BASELINE, "rejected")
    accepted = dict.fromkeys(("0", "2", "3"), "accepted")
    assert found["verdicts"] == {**accepted, "5": "rejected", "9": "rejected", **rejected}
    # Near synonyms collide: only their meaning tells them from failures.
    assert found["verdicts_unchecked"] == {**found["verdicts"], "9": "accepted"}
    collisions = {
        name: round(block(found, name)["collide"] * block(found, name)["n"]) for name in found["verdicts"]
    }
    assert collisions == {
        "0": 7,
        "2": 9,
        "3": 10,
        "5": 3,
        "9": 10,
        "10": 1,
        "12": 1,
        "14": 0,
        "16": 2,
        "18": 4,
    }
    # One pair of block 18 stands there twice.
    assert (block(found, "18")["n"], block(found, "18")["n_repeated"]) == (9, 1)
    for one in found["blocks"]:
        assert one["control"]["n"] == one["n"]
        assert one["control"]["p"] <= one["control"]["q"] <= 1
    # No baseline pair shares all its words, so roles have no control that matches: the overlaps say so.
    roles = block(found, "3")
    assert roles["overlap"] == 1 > roles["control"]["overlap"]
    # Six of the ten baseline pairs nearest to them collide and differ in meaning, too (camping and hiking,
    # coffee and tea): ten pairs do not settle whether roles fail more than that.
    assert found["more_than_control"] == ["2"]
    assert roles["control"]["difference"] > 0
    assert roles["control"]["p"] < 0.05 < roles["control"]["q"]


def test_drawn_blocks(drawn: Path) -> None:
    found = failure_table.measured(drawn, THRESHOLD)
    assert found["verdicts"] == {
        "d": "accepted",
        "h": "rejected",
        "s": "rejected",
        "x": "rejected",
        "y": "rejected",
    }
    assert found["verdicts_unchecked"]["s"] == "accepted"
    assert found["more_than_control"] == ["d"]
    denial = block(found, "d")
    assert (denial["fail_least"], denial["fail_most"], denial["control"]["difference"]) == (1, 1, 1)
    # Wilson at 6 of 6, and Fisher's 2 / C(12, 6): by hand.
    assert denial["collide_ci"][0] == pytest.approx(6 / (6 + 1.959964**2), abs=1e-5)
    assert denial["control"]["p"] == pytest.approx(2 / 924, abs=1e-6)
    assert block(found, "s")["n_same"] == 6


def test_row_order_order_of_texts_and_repeats_change_nothing(drawn: Path, tmp_path: Path) -> None:
    turned = [
        {**row, "text_a": row["text_b"], "text_b": row["text_a"]} if i % 2 else row
        for i, row in enumerate(rows())
    ]
    random.Random(4).shuffle(turned)
    one, other = (failure_table.measured(file, THRESHOLD) for file in (drawn, written(tmp_path, turned)))
    assert one == other
    repeated = failure_table.measured(written(tmp_path, rows() + rows()[:3]), THRESHOLD)
    assert repeated["verdicts"] == one["verdicts"]
    assert block(repeated, "d")["n_repeated"] == 1
    # The other way round it is the same pair.
    assert (
        failure_table.measured(written(tmp_path, rows() + turned), THRESHOLD)["verdicts"] == one["verdicts"]
    )
    assert failure_table.read(tmp_path / "pairs.csv")["n"].to_list() == [2] * len(turned)


def test_what_cannot_be_told_is_bounded_and_may_leave_a_block_undecided(tmp_path: Path) -> None:
    untold = [
        _row("u", "mined", "odd", f"a {thing} grumbling", f"a {thing} bemoaning", 0.95) for thing in THINGS
    ]
    found = failure_table.measured(written(tmp_path, rows() + untold), THRESHOLD)
    one = block(found, "u")
    assert (one["verdict"], one["unchecked"]) == ("undecided", "accepted")
    assert (one["fail_least"], one["fail_most"], one["n_untold"]) == (0, 1, 6)
    control = one["control"]
    assert (control["difference"], control["missing_lo"], control["missing_hi"]) == (None, 0, 1)


def test_without_baseline_there_is_no_control(tmp_path: Path) -> None:
    found = failure_table.measured(
        written(tmp_path, [r for r in rows() if r["source"] == "mined"]), THRESHOLD
    )
    assert found["verdicts"]["d"] == "accepted"
    assert all(one["control"] is None for one in found["blocks"])
    assert found["more_than_control"] == []


def test_no_baseline_pair_serves_twice(drawn: Path) -> None:
    pairs = failure_table.judged(failure_table.read(drawn), THRESHOLD)
    own = pairs.filter(pl.col("block") == "d")
    control = failure_table.matched(own, pairs.filter(pl.col("source") == "baseline"))
    assert control.height == control.unique(["text_a", "text_b"]).height == own.height
    # All of block x, nearer in overlap than any of y.
    assert set(control["block"]) == {"x"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"clip_similarity": "high"}, "row 2: wanted a clip_similarity in"),
        ({"clip_similarity": "nan"}, "row 2: wanted a clip_similarity in"),
        ({"clip_similarity": "1.5"}, "row 2: wanted a clip_similarity in"),
        ({"clip_similarity": ""}, "row 2: wanted a clip_similarity in"),
        ({"source": "found"}, "row 2: wanted a source of mined or baseline, got 'found'"),
        ({"text_a": " "}, "row 2: wanted a block and two texts"),
        ({"source": "baseline"}, "wanted one source and one failure per block, got several in block d"),
        ({"failure": "another"}, "wanted one source and one failure per block, got several in block d"),
    ],
)
def test_rows_that_cannot_be_meant(tmp_path: Path, change: dict[str, str], said: str) -> None:
    made = [{name: str(value) for name, value in row.items()} for row in rows()]
    made[0] |= change
    with pytest.raises(SourceError, match=said):
        failure_table.measured(written(tmp_path, made), THRESHOLD)


def test_files_that_cannot_be_meant(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="wanted a CSV of text pairs"):
        failure_table.measured(tmp_path / "none.csv", THRESHOLD)
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(SourceError, match="wanted a CSV of text pairs"):
        failure_table.measured(tmp_path / "empty.csv", THRESHOLD)
    (tmp_path / "head.csv").write_text(",".join(failure_table.COLUMNS) + "\n")
    with pytest.raises(SourceError, match="wanted at least one pair, got none"):
        failure_table.measured(tmp_path / "head.csv", THRESHOLD)
    short = [{name: value for name, value in row.items() if name != "text_b"} for row in rows()]
    with pytest.raises(SourceError, match="wanted columns text_b, got"):
        failure_table.measured(written(tmp_path, short), THRESHOLD)
    twice = [*rows(), {**rows()[0], "clip_similarity": 0.2}]
    with pytest.raises(SourceError, match=r"wanted one similarity per pair, got two that differ by 0\.75"):
        failure_table.measured(written(tmp_path, twice), THRESHOLD)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.5, 88.0, float("nan")])
def test_a_threshold_is_between_0_and_1(drawn: Path, threshold: float) -> None:
    with pytest.raises(ParamsError, match="--threshold: wanted a number in"):
        failure_table.measured(drawn, threshold)


def test_command_ends_with_one_line_of_json_or_one_error(drawn: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.failure_table", "--pairs"]

    def run(*rest: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *rest], cwd=REPO, capture_output=True, text=True, check=False)

    done = run(str(drawn), "--threshold", "0.88")
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[-1])["verdicts"]["d"] == "accepted"
    failed = run(str(drawn), "--threshold", "88")
    assert failed.returncode == ParamsError.exit_code
    assert "Traceback" not in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1
