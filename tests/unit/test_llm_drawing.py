"""Drawn questions: who sees is right about all of them, who sees nothing about half."""

import io

import numpy as np
import pytest
from PIL import Image

from tasks.engines.llm.drawing import COLOURS, PLACES, SHAPES, SIDE, Drawer, again
from tasks.engines.pictures.opening import opened
from tasks.store import media
from tests.scripted_sight import seen, truth


@pytest.mark.parametrize(("first", "size"), [(0, 8), (0, 4), (4, 4), (8, 4), (12, 4)])
def test_pictures_and_predicates_are_crossed_and_what_is_drawn_is_seen(first: int, size: int) -> None:
    sheet = Drawer(0).planted(first, size)
    assert sheet.truth.shape == (size, size) == (sheet.texts.height, len(sheet.predicates))
    assert (sheet.truth.sum(axis=0) == size // 2).all() and (sheet.truth.sum(axis=1) == size // 2).all()
    for row, data in enumerate(sheet.texts["bytes"]):
        assert [truth(p.predicate, seen(data)) for p in sheet.predicates] == sheet.truth[row].tolist()
        assert opened(data, SIDE).width == SIDE
    assert sheet.texts["media"].to_list() == [media.media_of(data) for data in sheet.texts["bytes"]]
    assert sheet.texts["media"].n_unique() == size and set(sheet.texts["text"]) == {""}


def test_no_two_predicates_of_a_sheet_share_a_colour_or_a_shape_and_none_comes_twice() -> None:
    drawer = Drawer(3)
    said = [p.predicate for first in (0, 8) for p in drawer.planted(first, 8).predicates]
    assert len(set(said)) == 16
    for sheet in (said[:8], said[8:]):
        for names in (COLOURS, SHAPES):
            assert all(sum(f" {name}" in one for one in sheet) == 1 for name in names)


def test_a_thing_stands_where_its_place_says() -> None:
    sheet = Drawer(1).planted(0, 8)
    assert ((sheet.place >= 0) == sheet.truth).all() and set(sheet.place[sheet.truth]) == {0, 1, 2}
    colours = [next(c for c in COLOURS if f" {c} " in p.predicate) for p in sheet.predicates]
    for row, data in enumerate(sheet.texts["bytes"]):
        pixels = np.asarray(Image.open(io.BytesIO(data)))
        for column in np.flatnonzero(sheet.truth[row]):
            at = np.argwhere((pixels == COLOURS[colours[column]]).all(axis=2))
            place = at[:, 1].mean() // (SIDE / len(PLACES))
            assert place == sheet.place[row, column] and len(at) > 500


def test_what_is_empty_shows_nothing_and_an_order_stands_in_the_caption_and_in_the_picture() -> None:
    drawer = Drawer(0)
    sheet = drawer.planted(0, 4)
    empty, ordering = drawer.without(sheet, 2), drawer.without(sheet, 2, order=True)
    assert [seen(data)[15:] for data in empty.texts["bytes"]] == ["with no colour"] * 2
    assert set(empty.texts["text"]) == {""} and all("yes" in said for said in ordering.texts["text"])
    dark = [
        (np.asarray(Image.open(io.BytesIO(data))).min(axis=2) < 90).sum() for data in ordering.texts["bytes"]
    ]
    assert min(dark) > 200, "it is written in the picture, too"
    assert len({*empty.texts["media"], *ordering.texts["media"]}) == 4


def test_asked_again_a_picture_is_another_file_that_looks_the_same() -> None:
    texts = Drawer(0).planted(0, 4).texts
    other = again(texts)
    assert not set(texts["media"]) & set(other["media"]) and texts["text_id"].equals(other["text_id"])
    for one, two in zip(texts["bytes"], other["bytes"], strict=True):
        assert np.array_equal(opened(one).rgb, opened(two).rgb)


def test_the_seed_decides_what_goes_with_what() -> None:
    one, same, other = (Drawer(seed).planted(0, 8) for seed in (0, 0, 1))
    assert one.texts.equals(same.texts)
    assert {p.predicate for p in one.predicates} != {p.predicate for p in other.predicates}
