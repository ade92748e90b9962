"""What faults mean, how long they are waited for, and when an endpoint is down."""

import pytest

from tasks.engines.gateway import faults
from tasks.engines.gateway.faults import Circuit, Fault, Meaning
from tasks.study.params import Endpoint

ENDPOINT = Endpoint(model="small", base_url="http://localhost:1/v1")


@pytest.mark.parametrize(
    ("fault", "meaning"),
    [
        (Fault("slow down", 429), Meaning.WAIT),
        (Fault("no quota", 429, "insufficient_quota"), Meaning.STOP),
        (Fault("no answer within 60 s"), Meaning.RETRY),
        (Fault("", 500), Meaning.RETRY),
        (Fault("", 529), Meaning.RETRY),
        (Fault("", 408), Meaning.RETRY),
        (Fault("", 409), Meaning.RETRY),
        (Fault("", 401), Meaning.STOP),
        (Fault("", 404), Meaning.STOP),
        (Fault("", 307), Meaning.STOP),
        (Fault("your account was flagged by moderation", 403, "account_suspended"), Meaning.STOP),
        (Fault("a content filter", 403), Meaning.STOP),
        (Fault("no", 403, "content_policy_violation"), Meaning.REFUSAL),
        (Fault("moderation_blocked", 403), Meaning.STOP),
        (Fault("your input was flagged", 400), Meaning.COMPLAINT),
        (Fault("triggering Azure's content management policy", 400), Meaning.REFUSAL),
        (Fault("", 413), Meaning.COMPLAINT),
        (Fault("", 400, "content_filter"), Meaning.REFUSAL),
        (Fault("maximum context length is 8192", 400), Meaning.TOO_LONG),
        (Fault("exceeds the available context size", 400), Meaning.TOO_LONG),
        (Fault("what?", 400), Meaning.COMPLAINT),
        (Fault("context length", 500), Meaning.RETRY),
    ],
)
def test_meaning(fault: Fault, meaning: Meaning) -> None:
    assert faults.meaning(fault) is meaning


@pytest.mark.parametrize(
    ("fault", "is_blind"),
    [
        (Fault("Invalid content type. image_url is only supported by certain models.", 400), True),
        (Fault("qwen2.5-1.5b is not a multimodal model", 400), True),
        (Fault("At most 0 image(s) may be provided in one prompt.", 400), True),
        (Fault("messages[1]: unknown variant `image_url`, expected `text`", 422), True),
        (Fault("content: Input should be a valid string", 422), True),
        (Fault("No endpoints found that support image input", 404), True),
        (Fault("image input is not supported - hint: you may need to provide the mmproj", 500), True),
        (Fault("image input is not supported"), False),
        (Fault("your key allows no image input", 401), False),
        (Fault("this image is not allowed by our content policy", 400), False),
        (Fault("images are not supported beyond the maximum context length is 8192", 400), False),
        (Fault("slow down: image input is supported once a second", 429), False),
        (Fault("string too long in messages[1].content", 400), False),
        (Fault("response_format is not supported", 400), False),
        (Fault("could not decode the image", 400), False),
        (Fault("", 500), False),
    ],
)
def test_a_model_that_takes_no_pictures_is_told_from_one_that_minds_a_picture(
    fault: Fault, is_blind: bool
) -> None:
    assert faults.is_blind(fault) is is_blind


def test_pauses_grow_and_never_undercut_the_server() -> None:
    plain, told = Fault("", 500), Fault("", 429, wait_s=2.0)
    for failures, longest in ((1, 0.5), (2, 1.0), (4, 4.0), (10, 30.0), (1000, 30.0)):
        pauses = [faults.pause_s(plain, failures, 60) for _ in range(200)]
        assert longest / 2 < max(pauses) <= longest
        assert min(pauses) < longest / 4
        waits = [faults.pause_s(told, failures, 60) for _ in range(200)]
        assert min(waits) >= 2.0
        assert max(waits) <= 4.0
    assert max(faults.pause_s(Fault("", 429, wait_s=0.0), 9, 60) for _ in range(50)) > 0.2


def test_more_than_patience_is_not_waited_for() -> None:
    asked = Fault("", 429, wait_s=86_400.0)
    assert 30 <= faults.pause_s(asked, 1, patience_s=60) <= 60
    assert faults.pause_s(asked, 1, patience_s=100_000) >= 86_400


def test_an_endpoint_is_down_when_patience_ends_after_its_first_failure() -> None:
    circuit = Circuit(ENDPOINT, patience_s=60)
    assert circuit.gives_up_at() is None
    circuit.failed(Fault("", 500), now=100.0)
    circuit.failed(Fault("", 500), now=150.0)
    assert circuit.gives_up_at() == 160.0
    circuit.succeeded()
    assert circuit.gives_up_at() is None
    circuit.failed(Fault("", 500), now=500.0)
    assert circuit.gives_up_at() == 560.0


def test_where_nobody_ever_was_patience_ends_soon() -> None:
    circuit = Circuit(ENDPOINT, patience_s=60)
    for i in range(5):
        assert circuit.gives_up_at() in {None, 160.0}
        circuit.failed(Fault("refused", is_unreachable=True), now=100.0 + i)
    assert circuit.gives_up_at() == 105.0
    circuit.succeeded()
    for i in range(9):
        circuit.failed(Fault("refused", is_unreachable=True), now=200.0 + i)
    assert circuit.gives_up_at() == 260.0


FORM, OTHER_FORM = (True, False), (False, True)


def in_a_row(circuit: Circuit, meaning: Meaning, form: faults.Form = FORM) -> int:
    """How many calls may end so one after the other; 100 where there is no end."""
    return next((n for n in range(100) if not circuit.may_be_exception(meaning, form)), 100)


@pytest.mark.parametrize(
    ("meaning", "at_first", "later"),
    [(Meaning.TOO_LONG, 19, 100), (Meaning.REFUSAL, 19, 49), (Meaning.COMPLAINT, 0, 19)],
)
def test_what_may_be_about_one_text_is_not_about_all(meaning: Meaning, at_first: int, later: int) -> None:
    assert in_a_row(Circuit(ENDPOINT, patience_s=60), meaning) == at_first
    circuit = Circuit(ENDPOINT, patience_s=60)
    circuit.knows(lambda dialect: b"", FORM)
    assert in_a_row(circuit, meaning) == later
    circuit.succeeded()
    assert in_a_row(circuit, meaning) == later


@pytest.mark.parametrize("meaning", [Meaning.TOO_LONG, Meaning.REFUSAL])
@pytest.mark.parametrize("works", [True, False])
def test_one_text_that_is_declined_is_one_however_often_it_is_asked_about(
    meaning: Meaning, works: bool
) -> None:
    circuit = Circuit(ENDPOINT, patience_s=60)
    if works:
        circuit.knows(lambda dialect: b"", FORM)
    for text in ("0", "1", "2"):
        assert all(circuit.may_be_exception(meaning, FORM, text) for _ in range(60))


def test_a_complaint_about_a_form_that_was_never_answered_is_about_the_form() -> None:
    circuit = Circuit(ENDPOINT, patience_s=60)
    circuit.knows(lambda dialect: b"", FORM)
    assert in_a_row(circuit, Meaning.COMPLAINT, OTHER_FORM) == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"error": {"message": "m", "code": "c"}}, ("m", "c")),
        ({"error": {"message": "m", "type": "t", "code": None}}, ("m", "t")),
        ({"error": "m"}, ("m", "")),
        ({"detail": "m"}, ("m", "")),
        ({"detail": [{"loc": ["x"]}]}, ('[{"loc": ["x"]}]', "")),
        ({"message": "m", "code": 400}, ("m", "400")),
        ({"choices": []}, None),
        ([], None),
        (None, None),
    ],
)
def test_errors_are_told_in_several_shapes(content: object, told: tuple[str, str] | None) -> None:
    assert faults.error_words(content) == told


def test_a_number_too_long_to_be_written_is_no_obstacle() -> None:
    assert (
        faults.error_words({"message": 10**5000, "code": 10**5000}) == ("something that cannot be shown",) * 2
    )
