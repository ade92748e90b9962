"""Kind directions: planted units are named rightly on inputs that nobody had looked at, noise is not."""

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.kinds.directions import ends
from tasks.kinds.directions.cards import MOST_CARDS, N_SHOWN
from tasks.kinds.directions.roots import roots
from tests.conftest import Project, sentences
from tests.planted_units import Units, save_also, save_units, study
from tests.tiny_encoder import save_tiny_encoder

N_PLANTED, N_NOISE = 30, 10
ALSO = ("also_validity", "also_lo", "also_hi")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Units]:
    """A study that has run."""
    folder = tmp_path_factory.mktemp("units")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        project = Project(folder)
        made = save_units(project, 1500, N_PLANTED, N_NOISE)
        project.run("units")
    return project, made


def table(project: Project, name: str) -> pl.DataFrame:
    return pl.read_parquet(project.folder / "data" / "units" / name)


def found(project: Project) -> pl.DataFrame:
    """Discoveries with the unit, end and sentence of each."""
    scores = table(project, "6_scores/scores.parquet").filter("is_discovery")
    return scores.join(table(project, "6_scores/readings.parquet"), on="predicate_id")


def test_planted_units_are_named_by_their_words(done: tuple[Project, Units]) -> None:
    project, made = done
    named = {row["unit"]: row for row in found(project).iter_rows(named=True) if row["end"] == ends.HIGH}
    right = [u for u, word in made.words.items() if u in named and f'"{word}"' in named[u]["sentence"]]
    assert len(right) >= 0.9 * N_PLANTED


def test_noise_is_no_discovery(done: tuple[Project, Units]) -> None:
    project, made = done
    assert found(project).filter(pl.col("unit").is_in(made.noise)).is_empty()


def test_no_random_input_is_at_an_end_of_a_unit(done: tuple[Project, Units]) -> None:
    project, _ = done
    scores = table(project, "6_scores/scores.parquet")
    n_confirm = table(project, "1_texts/texts.parquet").filter(half="confirm").height
    n_random = round(n_confirm * ends.RANDOM_SHARE)
    assert set(scores["n_b"]) == {n_random}
    assert set(scores["n_a"]) == {round((n_confirm - n_random) / 10)}


def test_figures_beside_tell_the_planted_effect(done: tuple[Project, Units]) -> None:
    beside = found(done[0])
    # A shift of two standard deviations: AUROC is the normal's at 2 / sqrt(2), .921; of the variance
    # 4 p q / (1 + 4 p q), .338 for p .15, is explained.
    assert beside["auroc"].median() == pytest.approx(0.921, abs=0.02)
    assert beside["explained"].median() == pytest.approx(0.338, abs=0.06)
    assert beside["random"].abs().max() < beside["validity"].min()


def test_unit_and_end_are_frozen_with_the_sentence(done: tuple[Project, Units]) -> None:
    for row in table(done[0], "4_predicates/predicates.parquet").iter_rows(named=True):
        definition = json.loads(row["definition"])
        assert row["predicate"].startswith(f"{definition['unit']} {definition['end']}: mentions ")


def test_page_has_a_row_for_each_named_end(done: tuple[Project, Units]) -> None:
    project, made = done
    page = (project.folder / "reports" / "units" / "index.html").read_text(encoding="utf-8")
    units = page.split('<section id="units">')[1].split("</section>")[0]
    n_named = table(project, "6_scores/readings.parquet").height
    assert units.count("<tr>") == n_named + 1
    assert all(f'<bdi dir="auto">{unit}</bdi> high' in units for unit in made.words)


def test_page_shows_inputs_of_each_finding_where_its_name_holds(done: tuple[Project, Units]) -> None:
    project, made = done
    page = (project.folder / "reports" / "units" / "index.html").read_text(encoding="utf-8")
    cards = (
        page.split('<section id="inputs">')[1].split("</section>")[0].split('<details class="finding"')[1:]
    )
    texts = table(project, "1_texts/texts.parquet")
    assert len(cards) == min(found(project).height, MOST_CARDS)
    word = made.words[re.search(r'<bdi dir="auto">(\w+)</bdi> high: ', cards[0])[1]]  # type: ignore[index]
    at_end, middle, random = cards[0].split("<h4>")[1:4]
    holding = texts.filter(half="confirm").filter(pl.col("text").str.contains(word)).height
    assert at_end.count(f"<mark>{word}</mark>") == at_end.count("✓ holds") >= 4
    assert all(one.count("<blockquote") == N_SHOWN for one in (at_end, middle, random))
    assert middle.count("✓ holds") <= 2 and holding > N_SHOWN


def test_evidence_for_is_at_the_end_of_the_unit(done: tuple[Project, Units]) -> None:
    project, _ = done
    shown = table(project, "7_discoveries/evidence.parquet").filter(role="supports")
    known = table(project, "1_texts/texts.parquet").join(
        table(project, "1_texts/activations.parquet"), on="text_hash"
    )
    units = table(project, "1_texts/units.parquet")["unit"].to_list()
    rows = shown.join(table(project, "6_scores/readings.parquet"), on="predicate_id").join(
        known, on="text_id"
    )
    assert rows.height
    for row in rows.iter_rows(named=True):
        every = known["activation"].list.get(units.index(row["unit"]))
        assert row["end"] == ends.HIGH
        assert row["activation"][units.index(row["unit"])] > every.quantile(0.8)


def test_order_of_rows_and_a_rerun_change_nothing(done: tuple[Project, Units], tmp_path: Path) -> None:
    project, _ = done
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        again = Project(tmp_path)
        save_units(again, 1500, N_PLANTED, N_NOISE)
        for name in ("texts", "activations"):
            file = tmp_path / "inputs" / f"{name}.parquet"
            pl.read_parquet(file).sample(fraction=1, shuffle=True, seed=3).write_parquet(file)
        again.run("units", "collect", "embed", "propose", "formalise", "verify", "score")
    files = [
        "1_texts/texts.parquet", "1_texts/activations.parquet", "3_proposals/proposals.parquet",
        "4_predicates/predicates.parquet", "6_scores/scores.parquet", "6_scores/readings.parquet",
    ]  # fmt: skip
    for name in files:
        own, other = (p.folder / "data" / "units" / name for p in (project, again))
        assert own.read_bytes() == other.read_bytes(), name


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Units]:
    """A study with another corpus, on which p0 and p1 are silent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("twice"))
        project = Project(Path.cwd())
        made = save_units(project, 900, 6, 2)
        also = save_also(project, made, 700, ["p0", "p1"])
        project.params(units=study(activations="activations.parquet", also_on=also))
        project.run("units")
    return project, made


def test_names_are_tested_on_another_corpus_and_where_they_fail_it_is_told(
    twice: tuple[Project, Units],
) -> None:
    project, made = twice
    high = found(project).filter(end=ends.HIGH)
    assert set(high["unit"]) == set(made.words)
    holds = {row["unit"] for row in high.iter_rows(named=True) if row["also_lo"] > 0}
    assert holds == set(made.words) - {"p0", "p1"}
    assert high.filter(pl.col("unit").is_in(list(holds)))["also_validity"].min() > 0.3
    page = (project.folder / "reports" / "units" / "index.html").read_text(encoding="utf-8")
    n_found = found(project).height
    assert f"<b>4 of {n_found} findings hold on <bdi>also.parquet</bdi>, too</b>" in page
    listed = json.loads(page.split('id="texts-data">')[1].split("</script>")[0])
    assert listed["names"] == {"A": "the corpus", "B": "also.parquet"}
    assert page.count("holds there too") == 4
    # What is shown is of the first corpus, whose activations lie around 0 and not around 5.
    middle = page.split("<h4>Nearest to the middle</h4>")[1].split("<h4>")[0]
    activations = [float(one) for one in re.findall(r"· (-?[\d.]+)</span>", middle)]
    assert len(activations) == N_SHOWN and all(abs(one) < 0.5 for one in activations)
    assert "a letter from" not in page.split('<section id="inputs">')[1].split("</section>")[0]


def test_nothing_is_named_or_tested_from_the_other_corpus(twice: tuple[Project, Units]) -> None:
    project, _ = twice
    texts = table(project, "1_texts/texts.parquet")
    first = set(texts.filter(group=ends.FIRST)["text_id"])
    examples = set(table(project, "3_proposals/proposals.parquet")["example_ids"].explode())
    assert examples <= first and "letter" not in " ".join(
        table(project, "4_predicates/predicates.parquet")["predicate"]
    )
    n_confirm = texts.filter(half="confirm", group=ends.FIRST).height
    scores = table(project, "6_scores/scores.parquet")
    assert set(scores["n_b"]) == {round(n_confirm * ends.RANDOM_SHARE)}


def test_the_other_corpus_changes_nothing_on_the_first(
    twice: tuple[Project, Units], project: Project
) -> None:
    save_units(project, 900, 6, 2)
    project.run("units", "collect", "embed", "propose", "formalise", "verify", "score")
    for name in ("3_proposals/proposals.parquet", "4_predicates/predicates.parquet"):
        own, other = (table(p, name).drop("split_hash", strict=False) for p in (project, twice[0]))
        assert own.equals(other), name
    same = ("predicate_id", "validity", "lo", "hi", "p", "q")
    own, other = (table(p, "6_scores/scores.parquet").select(same) for p in (project, twice[0]))
    assert own.equals(other)
    beside = table(twice[0], "6_scores/readings.parquet").with_columns(
        pl.lit(None, pl.Float64).alias(n) for n in ALSO
    )
    assert table(project, "6_scores/readings.parquet").equals(beside)


def test_a_target_reads_the_other_corpus_itself_and_is_fitted_on_the_first_alone(project: Project) -> None:
    save_tiny_encoder(project.folder / "tiny")
    (project.folder / "inputs").mkdir()
    for name, seed, ending in (("first", 0, "at noon"), ("also", 9, "by letter")):
        project.table(
            f"inputs/{name}.parquet", [{"text": f"{t} {ending}"} for t in sentences(300, 0.5, seed)]
        )
    alone = {
        "kind": "directions", "goal": "what heads respond to", "data": "inputs", "embed": {"encoder": "none"},
        "collect": {"path": "first.parquet"}, "directions": {"target": "tiny"},
    }  # fmt: skip
    both = {**alone, "directions": {"target": "tiny", "also_on": {"path": "also.parquet"}}}
    project.params(alone=alone, units=both)
    project.run("alone", "collect", "embed")
    project.run("units", *paths.STAGES[:6])
    told = {name: pl.read_parquet(f"data/{name}/1_texts/texts.parquet") for name in ("alone", "units")}
    first = told["units"]["group"] == ends.FIRST
    assert told["units"].filter(first)["text"].to_list() == told["alone"]["text"].to_list()
    values = {name: np.load(f"data/{name}/2_embeddings/activations.npy") for name in told}
    assert np.allclose(values["units"][first.to_numpy()], values["alone"], atol=1e-5)
    readings = table(project, "6_scores/readings.parquet")
    assert readings.height and readings["also_validity"].null_count() == 0


def test_npz_and_csv_say_the_same_as_parquet(project: Project) -> None:
    save_units(project, 200, 2, 1)
    project.run("units", "collect")
    whole = table(project, "1_texts/activations.parquet")
    rows = pl.read_parquet(project.folder / "inputs" / "activations.parquet")
    rows.write_csv(project.folder / "inputs" / "a.csv")
    values = rows.drop("id")
    np.savez(
        project.folder / "inputs" / "a.npz",
        ids=np.array(rows["id"].to_list()),
        activations=values.to_numpy(),
        units=np.array(values.columns),
    )
    for name in ("a.csv", "a.npz"):
        project.params(units=study(activations=name))
        project.run("units", "collect")
        assert table(project, "1_texts/activations.parquet").equals(whole), name


def test_silent_inputs_are_no_end() -> None:
    activation = np.array([0.0] * 95 + [1, 2, 3, 4, 5])
    everyone = np.ones(100, dtype=bool)
    assert np.flatnonzero(ends.end_of(activation, 1.0, 0.1, everyone)).tolist() == [95, 96, 97, 98, 99]
    assert not ends.end_of(activation, -1.0, 0.1, everyone).any()


def test_root_is_that_of_the_likelihood_ratio() -> None:
    from scipy.stats import chi2_contingency

    held = np.array([1] * 8 + [0] * 2 + [1] * 30 + [0] * 60, dtype=float)[:, None]
    member = np.arange(100)[:, None] < 10
    counts = [[8, 2], [30, 60]]
    wanted = chi2_contingency(counts, correction=False, lambda_="log-likelihood").statistic
    assert roots(held, member)[0, 0] == pytest.approx(np.sqrt(wanted))
    assert roots(held, ~member)[0, 0] == pytest.approx(-np.sqrt(wanted))


def test_check_and_cost_foresee_the_study(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    save_units(project, 600, 2, 1)
    assert main(["check", "--study", "units"]) == 0
    told = capsys.readouterr().out
    assert "3 units of inputs/activations.parquet" in told
    assert "cannot find anything" not in told
    assert main(["cost", "--study", "units"]) == 0
    assert "6 names of units" in capsys.readouterr().out
