"""A study of pictures under `engine: llm`: what A's show more often than B's is planted as colours."""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageDraw

from tasks.engines.gateway.pictures import Shown
from tasks.store import media
from tests import scripted_sight
from tests.conftest import Project
from tests.drawn_pictures import stored
from tests.loopback import Plan, Server
from tests.scripted_sight import COLOURS, words

SHARES = {"red": (0.7, 0.05), "green": (0.05, 0.7), "yellow": (0.5, 0.5), "purple": (0.3, 0.3)}
"""Share of A's and of B's pictures that show a colour: two differ, two do not."""
PLANTED = {"shows something red": "A", "shows something green": "B"}


def painted(number: int, colours: list[str], side: int = 96) -> bytes:
    """A picture of light grey spots, others for each number, with a disc of each colour."""
    spots = np.random.default_rng(number).integers(190, 256, (8, 8), dtype=np.uint8)
    image = Image.fromarray(spots).resize((96, 96), Image.Resampling.BICUBIC).convert("RGB")
    pen = ImageDraw.Draw(image)
    for place, colour in enumerate(colours):
        x, y = 8 + 44 * (place % 2), 8 + 44 * (place // 2)
        pen.ellipse((x, y, x + 30, y + 30), fill=COLOURS[colour])
    return stored(image.resize((side, side)) if side != 96 else image)


def pictures(folder: Path, n: int, seed: int = 0) -> None:
    """n pictures of each group, in folders of their own."""
    rng = random.Random(seed)
    for side, name in enumerate(("set_a", "set_b")):
        (folder / name).mkdir(parents=True)
        for number in range(n):
            shown = [colour for colour, share in SHARES.items() if rng.random() < share[side]]
            (folder / name / f"{number:04}.png").write_bytes(painted(1000 * side + number, shown))


def study(server: Server, **blocks: Any) -> dict[str, Any]:
    """The study; blocks add to its own."""
    made: dict[str, Any] = {
        "goal": "how do the pictures differ",
        "data": "photographs",
        "collect": {"a": {"path": "set_a"}, "b": {"path": "set_b"}},
        "embed": {"encoder": "none"},
        "engine": "llm",
        "llm": {"base_url": server.url, "model": "scripted"},
        "spend": {"timeout_s": 10.0, "attempts": 12, "concurrency": 8},
        "propose": {"samples": 6, "rounds": 2, "judged": 20, "gate_z": 0.0},
    }
    for name, block in blocks.items():
        made[name] = {**made.get(name, {}), **block} if isinstance(block, dict) else block
    return made


def prepared(project: Project, server: Server, n: int = 60, **blocks: Any) -> Project:
    """A project with the study `looks`, n pictures in each group."""
    if not (project.folder / "photographs").exists():
        pictures(project.folder / "photographs", n)
    project.params(looks=study(server, **blocks))
    return project


def finished(
    server: Server, plan: Plan, folder: Path, prepare: Callable[[Project], Project]
) -> list[dict[str, Any]]:
    """What a whole study asks; it is left in the folder, with its answers beside it.

    Args:
        server: that answers by the plan.
        plan: of the study.
        folder: an empty one.
        prepare: writes data and params of the study `looks` into a project.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("NATSTAT_ANSWERS", str(folder / "answers.sqlite"))
        server.change(plan)
        server.keep_bodies()
        prepare(Project(folder)).run("looks")
        return server.bodies()


def of_task(asked: list[dict[str, Any]], *tasks: str) -> list[dict[str, Any]]:
    return [b for b in asked if words(b["messages"][0]["content"]).split("\n")[0][6:] in tasks]


def as_sent(of: pl.DataFrame) -> set[str]:
    """The URLs of these rows' pictures in a request."""
    shown = [Shown(one, partial(media.one, "looks", one)) for one in of["media"]]
    return {one.part["image_url"]["url"] for one in shown}


def urls(bodies: list[dict[str, Any]]) -> list[str]:
    return [b["messages"][1]["content"][0]["image_url"]["url"] for b in bodies]


def sent(body: dict[str, Any]) -> list[bytes]:
    return scripted_sight.pictures(body["messages"][1]["content"])


def user(body: dict[str, Any]) -> str:
    return words(body["messages"][1]["content"])
