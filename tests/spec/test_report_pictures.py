"""report: evidence that is pictures, small and anew, beside its path; nothing of a file but its look."""

import base64
import hashlib
import io
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tasks import paths
from tasks.report import stage as report
from tasks.report import thumbnails
from tasks.store import frames, media
from tasks.study import load
from tests.conftest import Project
from tests.spec.report_made import Node, exhibit, held, put, written

SECRET = "taken at home"
CAPTION = '</script><script>alert(1)</script>" onload="alert(1)'
DISGUISED = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (400, 200)) -> bytes:
    """A JPEG of one colour whose metadata tells where it was taken."""
    made, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = SECRET
    Image.new("RGB", size, colour).save(made, "JPEG", exif=exif)
    return made.getvalue()


def shown(project: Project, pictures: Sequence[bytes], captions: Sequence[str]) -> Node:
    """The page of a finding whose evidence for it is these pictures."""
    row = held("shows a pole")
    exhibits = [
        {**exhibit(row, "supports", caption, rank=i), "text_id": f"cA{i}"}
        for i, caption in enumerate(captions)
    ]
    put(project, [row], exhibits)
    folder = paths.output("news", "collect")
    names = [hashlib.sha256(data).hexdigest() for data in pictures]
    media.write(folder, dict(zip(names, pictures, strict=True)).items())
    facts = {
        name: (name, f"set_a/{i} & <b>.jpg", "jpeg", len(pictures[i]), 400, 200, 1, "0" * 16)
        for i, name in enumerate(names)
    }
    rows = pl.DataFrame(list(facts.values()), schema=frames.PICTURES, orient="row").sort("media")
    frames.write(rows, folder / media.PICTURES, frames.PICTURES)
    texts = frames.read(folder, "texts.parquet", frames.TEXTS)
    known = {f"cA{i}": name for i, name in enumerate(names)}
    texts = texts.with_columns(media=pl.col("text_id").replace_strict(known, default=names[0]))
    frames.write(texts, folder / "texts.parquet", frames.TEXTS)
    report.run(load("news"))
    return Node(written("index.html"))


def sent(node: Node) -> bytes:
    head, _, data = str(node.attrs["src"]).partition(",")
    assert head == "data:image/jpeg;base64"
    return base64.b64decode(data, validate=True)


def decoded(node: Node) -> Image.Image:
    return Image.open(io.BytesIO(sent(node)))


def test_evidence_shows_small_pictures_without_metadata_beside_their_paths(project: Project) -> None:
    data = [picture((220, 20, 20)), picture((20, 20, 220), (30, 60))]
    page = shown(project, data, ["a red wall", ""])
    red, blue = page.nodes("img")
    assert [decoded(one).size for one in (red, blue)] == [(96, 48), (30, 60)]
    assert (red.attrs["width"], red.attrs["height"]) == ("96", "48")
    first, second = (np.asarray(decoded(one))[5, 5] for one in (red, blue))
    assert first[0] > 150 > first[2] and second[2] > 150 > second[0]
    assert not any(decoded(one).getexif() for one in (red, blue))
    assert SECRET.encode() not in sent(red)
    assert (red.attrs["alt"], blue.attrs["alt"]) == ("a red wall", "set_a/1 & <b>.jpg")
    assert [node.one("code").text for node in page.nodes("figcaption")] == [
        "set_a/0 & <b>.jpg",
        "set_a/1 & <b>.jpg",
    ]
    assert "img-src data:;" in written("index.html")


def test_a_caption_stays_in_its_place(project: Project) -> None:
    page = shown(project, [picture((220, 20, 20))], [CAPTION])
    (img,) = page.nodes("img")
    assert img.attrs["alt"] == CAPTION and set(img.attrs) == {"src", "width", "height", "alt"}
    assert len(page.nodes("script")) == 1


def test_what_is_no_picture_never_lands_on_the_page(project: Project) -> None:
    page = shown(project, [DISGUISED], ["a drawing"])
    assert not page.nodes("img") and page.one("figcaption").text.startswith("a drawing")
    assert "onload" not in written("index.html")
    assert base64.b64encode(DISGUISED)[:40].decode() not in written("index.html")


def test_a_page_has_so_many_pictures_and_no_more(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "MOST", 2)
    page = shown(project, [picture((i * 60, 0, 0)) for i in range(3)], ["one", "two", "three"])
    assert len(page.nodes("img")) == 2
    assert [node.one("code").text[:7] for node in page.nodes("figcaption")] == [
        f"set_a/{i}" for i in range(3)
    ]


def test_a_page_of_texts_may_load_no_picture(project: Project) -> None:
    put(project, [held("shows a pole")])
    assert "img-src" not in written("index.html")
