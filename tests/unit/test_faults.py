"""What faults mean, how long they are waited for, and when an endpoint is down."""

import pytest

from tasks.engines.gateway import faults
from tasks.engines.gateway.faults import Circuit, Fault, Meaning
from tasks.study import Endpoint

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
        (Fault("your input was flagged", 403), Meaning.REFUSAL),
        (Fault("", 400, "content_filter"), Meaning.REFUSAL),
        (Fault("maximum context length is 8192", 400), Meaning.TOO_LONG),
        (Fault("exceeds the available context size", 400), Meaning.TOO_LONG),
        (Fault("what?", 400), Meaning.COMPLAINT),
        (Fault("context length", 500), Meaning.RETRY),
    ],
)
def test_meaning(fault: Fault, meaning: Meaning) -> None:
    assert faults.meaning(fault) is meaning


def test_pauses_grow_and_never_undercut_the_server() -> None:
    plain, told = Fault("", 500), Fault("", 429, wait_s=2.0)
    for failures, longest in ((1, 0.5), (2, 1.0), (4, 4.0), (10, 30.0), (1000, 30.0)):
        pauses = [faults.pause_s(plain, failures) for _ in range(200)]
        assert longest / 2 < max(pauses) <= longest
        assert min(pauses) < longest / 4
        waits = [faults.pause_s(told, failures) for _ in range(200)]
        assert min(waits) >= 2.0
        assert max(waits) <= 4.0
    assert max(faults.pause_s(Fault("", 429, wait_s=0.0), 9) for _ in range(50)) > 0.2


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


def test_some_texts_may_be_too_long_but_not_all() -> None:
    circuit = Circuit(ENDPOINT, patience_s=60)
    assert [circuit.may_fit() for _ in range(6)] == [True] * 4 + [False] * 2
    circuit.succeeded()
    assert circuit.may_fit()


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
    assert faults.told(content) == told
