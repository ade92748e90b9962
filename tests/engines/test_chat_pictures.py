"""What a model is shown of a picture, and what is kept of it: its hash, and never its bytes."""

import base64
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks import paths
from tasks.engines.gateway.chat import Gateway
from tasks.engines.gateway.pictures import SIDE, Shown, tokens
from tests.engines.chatting import GOOD, always, ask, request, study_of
from tests.engines.scripted_server import Server, fails, says, serving

pytestmark = pytest.mark.usefixtures("store")
SECRET = "taken at home, 52.52 N 13.40 E"


def picture(width: int = 40, height: int = 20, colour: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    """A JPEG of one colour whose metadata tells where it was taken."""
    image, written, exif = Image.new("RGB", (width, height), colour), io.BytesIO(), Image.Exif()
    exif[0x010E] = SECRET
    image.save(written, "JPEG", exif=exif)
    return written.getvalue()


def shown(data: bytes) -> Shown:
    return Shown(hashlib.sha256(data).hexdigest(), lambda: data)


def sent(body: dict[str, Any]) -> list[bytes]:
    """The pictures of a request, in order."""
    parts = [part for message in body["messages"] for part in message["content"] if isinstance(part, dict)]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert all(url.startswith("data:image/jpeg;base64,") for url in urls)
    return [base64.b64decode(url.partition(",")[2], validate=True) for url in urls]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(always(GOOD)) as running:
        yield running


def test_pictures_come_in_order_before_the_text_small_and_without_metadata(server: Server) -> None:
    red, blue = picture(), picture(3000, 1500, (20, 20, 220))
    ask(study_of(server.url), user="what is it?", pictures=(shown(red), shown(blue)))
    (body,) = server.bodies
    system, user = body["messages"]
    assert system == {"role": "system", "content": "Task: verdicts"}
    assert [part["type"] for part in user["content"]] == ["image_url", "image_url", "text"]
    assert user["content"][2]["text"] == "what is it?"
    opened = [Image.open(io.BytesIO(data)) for data in sent(body)]
    assert [image.size for image in opened] == [(40, 20), (SIDE, SIDE // 2)]
    first, second = (np.asarray(image).reshape(-1, 3).mean(axis=0) for image in opened)
    assert first[0] > 150 > first[2] and second[2] > 150 > second[0]
    assert SECRET.encode() in red and not any(SECRET.encode() in data for data in sent(body))
    assert all(not image.getexif() for image in opened)


def test_an_answer_is_kept_by_the_hash_of_the_picture_and_its_file_is_not_read_again(server: Server) -> None:
    study, data = study_of(server.url), picture()
    first = ask(study, pictures=(shown(data),))

    def unread() -> bytes:
        raise AssertionError("what is kept needs no picture")

    again = ask(study, pictures=(Shown(hashlib.sha256(data).hexdigest(), unread),))
    assert (again.calls, server.calls) == (first.calls, 1)
    ask(study, pictures=(shown(picture(colour=(1, 2, 3))),))
    ask(study)
    assert server.calls == 3  # another picture, and none, are other questions


def test_no_file_holds_what_was_sent(server: Server) -> None:
    ask(study_of(server.url), pictures=(shown(picture()),))
    (data,) = sent(server.bodies[0])
    spelt = base64.b64encode(data)
    kept = b"".join(one.read_bytes() for one in paths.answers().parent.glob(f"{paths.answers().name}*"))
    assert server.url and b"p1" in kept  # the ledger is there
    assert not any(part in kept for part in (data[:40], data[-40:], spelt[:60], spelt[-60:]))


def test_a_repair_shows_the_picture_again() -> None:
    with serving(always("no JSON", GOOD)) as server:
        answer = ask(study_of(server.url), pictures=(shown(picture()),))
    assert answer.parsed is not None
    assert [len(sent(body)) for body in server.bodies] == [1, 1]
    assert [message["role"] for message in server.bodies[1]["messages"]] == [
        "system", "user", "assistant", "user",
    ]  # fmt: skip


def test_a_server_without_schemas_is_shown_the_picture_too() -> None:
    async def script(body: dict[str, Any], before: int) -> Any:
        return fails(400, "response_format is not supported") if "response_format" in body else says(GOOD)

    with serving(script) as server:
        assert ask(study_of(server.url), pictures=(shown(picture()),)).parsed is not None
    assert len(sent(server.bodies[-1])) == 1


def test_tokens_are_those_of_the_pixels_that_are_sent() -> None:
    assert tokens(28, 28) == 1
    assert tokens(SIDE, SIDE) == tokens(10 * SIDE, 10 * SIDE) == 753


def test_a_budget_counts_a_picture_by_its_pixels_and_not_by_its_bytes(server: Server) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(noise).save(written, "PNG")
    prices = {"small": {"input": 1.0, "output": 0.0}}
    # 753 tokens of a picture are set aside as 3,012 at most; its base64 has hundreds of thousands of letters.
    study = study_of(server.url, prices=prices, budget_usd=0.005)
    asked = request(study, pictures=(shown(written.getvalue()),))
    assert Gateway(study, "verify").ask_now(asked).parsed is not None
    assert len(sent(server.bodies[0])[0]) > 100_000
