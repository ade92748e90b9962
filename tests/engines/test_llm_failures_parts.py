"""What a language model is asked in kind encoder_failures, and what of its answers counts, part by part."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from tasks.engines import roles
from tasks.engines.gateway import chat, problems
from tasks.engines.gateway.chat import Request
from tasks.engines.llm import packing, wording
from tasks.engines.llm.generating import PER_CALL
from tasks.errors import EngineError
from tasks.kinds.encoder_failures.embedded.wording import Wording
from tasks.kinds.encoder_failures.llm import meaning
from tasks.kinds.encoder_failures.llm.generating import IN_VAIN, MAX_CHARS, MOST_ASKED, LlmPairGenerator
from tasks.kinds.encoder_failures.llm.meaning import LlmMeaning
from tasks.kinds.encoder_failures.llm.proposing import NO_DESCRIPTION, NO_NAME, fault
from tasks.kinds.encoder_failures.llm.schemas import edits
from tasks.kinds.encoder_failures.roles import NewPair, Source
from tasks.records import Predicate
from tasks.study import load
from tests.conftest import Project
from tests.llm_failures import (
    PLAN,
    captions,
    failures_study,
    prepared_failures,
)
from tests.loopback import Server
from tests.spec.test_llm_injection import data_lines


@pytest.fixture
def server(scripted: Server) -> Server:
    scripted.change(PLAN)
    scripted.keep_bodies()
    return scripted


def a_predicate(name: str) -> Predicate:
    definition = json.dumps({"failure": name, "description": "d"})
    return Predicate(
        predicate_id="0" * 16, predicate=name, direction="A", family="llm", grade="proxy",
        definition=definition, judge="", threshold=0.5, planned_test="", split_hash="", prompt_hash="",
        explore_effect=0.0, explore_z=0.0,
    )  # fmt: skip


def generated(
    project: Project,
    server: Server,
    answers: Sequence[dict[int, str] | None],
    n: int,
    sentences: Sequence[str],
    model: str = "scripted",
) -> tuple[list[NewPair], list[Request]]:
    """What comes of answers by number of the sentence, one per request, the last one again and again."""
    prepared_failures(project, server, llm={"generator": {"model": model}})
    seen: list[Request] = []

    async def ask(self: chat.Gateway, request: Request) -> chat.Answer:
        given = answers[min(len(seen), len(answers) - 1)]
        seen.append(request)
        if given is None:
            return chat.Answer(roles.UNPARSABLE, None, "", (), ())
        assert request.answer is not None
        said = request.answer.model_validate({f"s{i + 1}": one for i, one in given.items()})
        return chat.Answer(roles.VALUE, said, "", (), ())

    sources = [Source(text, f"d{i}") for i, text in enumerate(sentences)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat.Gateway, "ask", ask)
        generator = LlmPairGenerator(load("captions"))
        made = generator.pairs(a_predicate("x"), n, sources, Wording([]), np.random.default_rng(0))
    return made, seen


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ({0: "x", 2: "y"}, [("a a", "x"), ("c c", "y")]),
        ({0: "x", 1: " X ", 2: "x"}, [("a a", "x")]),
        ({0: "A  a", 1: "\u202eB\x00 b", 2: " \n"}, []),
        ({0: "x\n y\u202ez"}, [("a a", "x yz")]),
        ({0: "x" * MAX_CHARS, 1: "y" * (MAX_CHARS + 1)}, [("a a", "x" * MAX_CHARS)]),
        ({7: "x", -1: "y", 1: "z"}, [("b b", "z")]),
        (None, []),
    ],
    ids=["both", "favourite", "nothing", "lines", "long", "of no sentence", "never"],
)
def test_only_another_text_counts(
    project: Project, server: Server, answer: dict[int, str] | None, wanted: list[tuple[str, str]]
) -> None:
    made, seen = generated(project, server, [answer], 20, ["a a", "b b", "c c"])
    assert [(pair.left, pair.right) for pair in made] == wanted
    assert {pair.document_id for pair in made} <= {"d0", "d1", "d2"}
    assert len(seen) == 1


def test_sentences_are_shown_until_there_are_enough_pairs_or_none_come(
    project: Project, server: Server
) -> None:
    many = [f"sentence {i}" for i in range(500)]
    one_a_page: list[dict[int, str] | None] = [{0: f"edited {i}"} for i in range(99)]
    made, seen = generated(project, server, one_a_page, 10, many)
    assert (len(made), len(seen)) == (MOST_ASKED * 10 // PER_CALL, MOST_ASKED * 10 // PER_CALL)
    assert all(one.user.count('{"id"') == PER_CALL for one in seen)
    all_of_them: list[dict[int, str] | None] = [
        {j: f"edited {i} {j}" for j in range(PER_CALL)} for i in range(9)
    ]
    made, seen = generated(project, server, all_of_them, 30, many)
    assert (len(made), len(seen)) == (30, 2)
    made, seen = generated(project, server, [None], 100, many)
    assert (made, len(seen) * PER_CALL) == ([], IN_VAIN)


def test_a_small_generator_edits_one_sentence_a_call_and_no_more_than_it_needs(
    project: Project, server: Server
) -> None:
    many = [f"sentence {i}" for i in range(500)]
    one_each: list[dict[int, str] | None] = [{0: f"edited {i}"} for i in range(99)]
    made, seen = generated(project, server, one_each, 30, many, "tiny-1.5b")
    assert [(pair.left, pair.right) for pair in made] == [(f"sentence {i}", f"edited {i}") for i in range(30)]
    assert len(seen) == 30
    for request in seen:
        first, question = request.user.split("\n", 1)
        assert "sentence" in json.loads(first) and "Rewrite the sentence" in question
    every_third = [one if i % 3 == 0 else {0: ""} for i, one in enumerate(one_each)]
    made, seen = generated(project, server, every_third, 6, many, "tiny-1.5b")
    assert len(made) == 6 and len(seen) <= 24, "one is shown for each pair that is still wanted"
    made, seen = generated(project, server, [None], 100, many, "tiny-1.5b")
    assert (made, len(seen)) == ([], IN_VAIN)


def test_an_answer_without_any_sentence_is_none_and_one_that_leaves_some_out_is_one() -> None:
    wanted = edits(("s1", "s2"))
    assert wanted.model_validate({"s2": "x", "s9": "y"}).model_dump() == {"s1": "", "s2": "x"}
    with pytest.raises(ValueError, match="wanted a sentence under each of s1, s2"):
        wanted.model_validate({"pairs": "all of them"})
    schema = wanted.model_json_schema()
    assert (schema["required"], schema["additionalProperties"]) == (["s1", "s2"], False)
    assert all(set(field) == {"title", "type", "pattern"} for field in schema["properties"].values())


def test_a_document_is_shown_once(project: Project, server: Server) -> None:
    prepared_failures(project, server)
    shown: list[str] = []

    async def ask(self: chat.Gateway, request: Request) -> chat.Answer:
        shown.extend(row["sentence"] for row in data_lines(request.user) if "sentence" in row)
        return chat.Answer(roles.VALUE, edits(("s1",)).model_validate({"s1": ""}), "", (), ())

    sources = [Source(f"sentence {i}", f"d{i // 5}") for i in range(50)] + [Source("x" * 2_000, "long")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat.Gateway, "ask", ask)
        generator = LlmPairGenerator(load("captions"))
        assert generator.pairs(a_predicate("x"), 9, sources, Wording([]), np.random.default_rng(0)) == []
    assert shown == [f"sentence {i}" for i in range(0, 50, 5)]


def meant(
    project: Project, server: Server, said: Sequence[dict[str, str] | int], name: str = "m{}"
) -> tuple[tuple[list[float], list[int]], list[str]]:
    """Of two pairs, what comes of judges that say these words of them (`a`, `b`) or end with a status.

    And the task of every call.
    """
    panel = [{"model": name.format(i)} for i in range(len(said))]
    project.params(captions=failures_study(server, llm={"judge": panel}))
    left, right = ["pair a", "pair b"], ["one", "two"]
    tasks = []

    async def ask(self: chat.Gateway, request: Request) -> chat.Answer:
        tasks.append(request.system.split("\n")[0].removeprefix("Task: "))
        (judge,) = (i for i in range(len(said)) if panel[i]["model"] == request.endpoint.model)
        answer = said[judge]
        if isinstance(answer, int):
            return chat.Answer(answer, None, "", (), ())
        rows = data_lines(request.user)
        if request.answer is None:
            (row,) = rows
            return chat.Answer(roles.VALUE, None, answer.get(row["first"][-1], "It depends."), (), ())
        ids = {row["first"][-1]: row["id"] for row in rows}
        words = {ids[k]: word for k, word in answer.items() if k in ids}
        try:
            return chat.Answer(roles.VALUE, request.answer.model_validate(words), "", (), ())
        except ValueError:
            return chat.Answer(roles.UNPARSABLE, None, "", (), ())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat.Gateway, "ask", ask)
        score, status = LlmMeaning(load("captions")).differs(left, right)
    return (score.tolist(), status.tolist()), tasks


NAN = pytest.approx(float("nan"), nan_ok=True)
BOTH = {"a": "yes", "b": "no"}
VALUES = [roles.VALUE, roles.VALUE]


@pytest.mark.parametrize("name", ["m{}", "m{}-1.5b"], ids=["large", "small"])
@pytest.mark.parametrize(
    ("said", "score", "status"),
    [
        ([BOTH], [0, 1], VALUES),
        ([{"b": "yes"}], [NAN, 0], [roles.UNPARSABLE, roles.VALUE]),
        ([{"a": "first", "b": "yes"}], [NAN, 0], [roles.UNPARSABLE, roles.VALUE]),
        ([roles.REFUSAL], [NAN, NAN], [roles.REFUSAL, roles.REFUSAL]),
        ([BOTH, {"a": "no", "b": "no"}], [0.5, 1], VALUES),
        ([BOTH, {"b": "no"}], [NAN, 1], [roles.UNPARSABLE, roles.VALUE]),
        ([BOTH, roles.REFUSAL], [NAN, NAN], [roles.REFUSAL, roles.REFUSAL]),
    ],
    ids=["both", "one", "no such word", "refused", "panel", "panel with a gap", "panel with a refusal"],
)
def test_a_meaning_counts_where_it_was_said_of_what_was_asked(
    project: Project,
    server: Server,
    said: list[dict[str, str] | int],
    score: list[float],
    status: list[int],
    name: str,
) -> None:
    project.table("captions.parquet", captions())
    found, _ = meant(project, server, said, name)
    assert found == (score, status)


def test_a_small_judge_reads_one_pair_a_call_and_a_large_one_many(project: Project, server: Server) -> None:
    project.table("captions.parquet", captions())
    assert meant(project, server, [BOTH], "m{}-1.5b")[1] == ["meaning"] * 2
    assert meant(project, server, [BOTH])[1] == ["meanings"]
    # What a large one leaves out is asked alone, in the other form, and once more.
    assert meant(project, server, [{"b": "no"}])[1] == ["meanings", "meaning", "meanings"]


def test_a_pair_is_read_before_the_question(project: Project, server: Server) -> None:
    for in_a_word in (True, False):
        pairs = [packing.Item("aaaaaa", "", {"first": "x", "second": "y"}, 0, 0, "")]
        user = meaning.asked(pairs, in_a_word).user
        first, question = user.split("\n", 1)
        assert json.loads(first) == {**({} if in_a_word else {"id": "aaaaaa"}), "first": "x", "second": "y"}
        assert question.strip().startswith("Do the two") or "do the two texts" in question


@pytest.mark.parametrize(
    ("name", "description", "why"),
    [
        ("negation of verbs", "The second text denies what the first says.", ""),
        ("", "The second text denies it.", NO_NAME),
        ("negation", "", NO_DESCRIPTION),
        ("negation", "The Negation.", NO_DESCRIPTION),
        ("n" * 201, "The second text denies it.", wording.LONG),
        ("negation", "d" * 601, wording.LONG),
        ("an old cook paints a young dancer", "Who acts changes.", wording.COPIES_TEXT),
        ("roles", "An old cook paints a young dancer.", wording.COPIES_TEXT),
        ("roles", "Who acts and who is acted upon change places, as in: a young dancer.", ""),
    ],
)
def test_a_suggestion_is_left_out_for_a_reason_that_is_told(name: str, description: str, why: str) -> None:
    assert fault(name, description, ["an old cook paints a young dancer"]) == why


@pytest.mark.parametrize(
    ("problem", "hint"),
    [
        (problems.refused("no"), "does not decline"),
        (problems.cut(800), "Raise llm.max_tokens"),
        (problems.too_long("8192 tokens"), "larger context"),
    ],
    ids=["refused", "cut", "too long"],
)
def test_rounds_that_brought_nothing_are_told_with_their_remedy(
    problem: str, hint: str, project: Project, server: Server
) -> None:
    prepared_failures(project, server).run("captions", "collect", "embed")

    async def ask(self: chat.Gateway, request: Request) -> chat.Answer:
        return chat.Answer(roles.UNPARSABLE, None, "", (), (), problem=problem)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat.Gateway, "ask", ask)
        with pytest.raises(EngineError) as caught:
            project.run("captions", "propose")
    assert f"named no failure in any of 2 rounds: {problem}." in str(caught.value)
    assert caught.value.hint and hint in caught.value.hint
