"""Which candidates go on to the test."""

import numpy as np

from tasks.engines.contrast import Contrast
from tasks.engines.embedded import select
from tasks.engines.embedded.candidate import Candidate, Harvest

N = 400
CONTRAST = Contrast(np.arange(N) < N // 2, np.arange(N))


def _candidate(phrase: str, root: float, grade: str = "exact") -> Candidate:
    held = np.random.default_rng(list(phrase.encode())).random(N) < 0.5
    definition = {"kind": "words", "terms": [phrase]}
    return Candidate(phrase, "words", grade, definition, held, np.sign(root) * 0.1, root, root)  # type: ignore[arg-type]


def _noise(n: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=n)


def _chosen(*harvests: Harvest, most: int = 20) -> list[str]:
    found = select.choose(harvests, CONTRAST, most, 0.9, 2.0, lambda candidate: candidate, min(5, most))
    return [candidate.phrase for candidate in found]


def test_a_root_counts_by_how_many_of_its_sort_were_looked_at() -> None:
    words = Harvest([_candidate("word", 3.6)], np.append(_noise(2000), 3.6))
    patterns = Harvest([_candidate("pattern", 3.3)], np.append(_noise(50), 3.3))
    assert _chosen(words, patterns) == ["pattern", "word"]
    assert _chosen(words, patterns, most=1) == ["pattern"]
    alike = Harvest(patterns.candidates, words.root_measured)
    assert _chosen(words, alike) == ["word", "pattern"]


def test_the_gate_is_that_of_the_sort() -> None:
    many = [_candidate(f"pattern {i}", 3.3 + i / 100) for i in range(8)]
    words = Harvest([_candidate("word", 3.4)], np.append(_noise(2000), 3.4))
    # All eight pass where fifty were looked at; the word does not, and nothing has to be filled up.
    patterns = Harvest(many, np.append(_noise(50), [candidate.root for candidate in many]))
    assert sorted(_chosen(words, patterns)) == sorted(candidate.phrase for candidate in many)


def test_what_only_fills_up_comes_from_either_side_in_turn() -> None:
    towards_a = [_candidate(f"a {i}", 2.5 - i / 100) for i in range(9)]
    towards_b = [_candidate(f"b {i}", -1.5 + i / 100) for i in range(9)]
    harvest = Harvest([*towards_a, *towards_b], np.append(_noise(2000), 2.5))
    assert _chosen(harvest) == ["a 0", "b 0", "a 1", "b 1", "a 2"]
    assert _chosen(Harvest(towards_a, harvest.root_measured)) == [f"a {i}" for i in range(5)]


def test_what_is_named_before_filling_up_is_named_once() -> None:
    passes = [_candidate(f"passes {i}", 5.0 + i) for i in range(2)]
    fills = [_candidate(f"fills {i}", 1.0 - i / 100) for i in range(9)]
    asked: list[str] = []

    def name(candidate: Candidate) -> Candidate:
        asked.append(candidate.phrase)
        return candidate

    harvest = Harvest([*passes, *fills], np.append(_noise(2000), [5.0, 6.0]))
    found = select.choose([harvest], CONTRAST, 20, 0.9, 2.0, name, 5)
    # Whoever names may count: of themes without words there are three at most.
    assert asked == [candidate.phrase for candidate in found]
    assert asked == ["passes 1", "passes 0", "fills 0", "fills 1", "fills 2"]


def test_without_a_root_of_its_own_a_candidate_has_that_of_its_verdicts() -> None:
    held = CONTRAST.in_a & (np.arange(N) % 2 == 0)
    bare = Candidate("planted", "style", "exact", {"kind": "style", "program": "url"}, held, 0.5, 11.5)
    assert _chosen(Harvest([_candidate("word", 5.0)]), Harvest([bare])) == ["planted", "word"]
