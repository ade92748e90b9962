"""A finished study of pictures: its lists, sheets, page and database say by its path which is meant."""

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tasks import paths
from tasks.__main__ import main
from tasks.commands import texts as command
from tasks.store import duck
from tasks.study import load
from tests.conftest import SHUFFLES, Project
from tests.drawn_pictures import stored
from tests.spec.report_made import written

N = 40
ODD = '<img src=x onerror=alert(1)> "=1+1".png'
"""A file's name that would be markup, and a formula."""


DRIVE = """
<script>
document.querySelector(".concordance summary").click();
setTimeout(() => {
  const looks = document.querySelectorAll(".concordance .inside img"), [first] = looks;
  document.body.dataset.told = `${first.naturalWidth} x ${first.naturalHeight} of ${looks.length}`;
}, 500);
</script></body>"""


def spots(number: int, light: int) -> Image.Image:
    noise = np.random.default_rng(number).integers(0, 80, (8, 8, 3))
    return Image.fromarray((noise + light).astype(np.uint8)).resize((48, 48), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished study of dark pictures and light ones, every second with a caption."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SHUFFLES, 2)
        project = Project(tmp_path_factory.mktemp("pictures"))
        patch.chdir(project.folder)
        rows = []
        for number in range(2 * N):
            side = "dark" if number < N else "light"
            name = f"{side}/{number:04}.png" if number else f"dark/{ODD}"
            file = project.folder / "seen" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(stored(spots(number, 10 if side == "dark" else 150)))
            said = f"spots of number {number}" if number % 2 else None
            rows.append({"image": name, "side": side, "text": said})
        pl.DataFrame(rows).write_csv(project.folder / "seen/rows.csv")
        collect = {"path": "rows.csv", "picture": "image", "group": "side", "a": "dark", "b": "light"}
        project.params(spots={"goal": "g", "data": "seen", "collect": collect, "embed": {"encoder": "none"}})
        project.run("spots")
        yield project.folder


@pytest.fixture
def there(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    return made


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["texts", "--study", "spots", *words]) == 0
    return capsys.readouterr().out


@pytest.mark.usefixtures("there")
class TestTexts:
    def test_lines_name_pictures_by_their_path(self, capsys: pytest.CaptureFixture[str]) -> None:
        lines = told(capsys, "--predicate", "1", "--verdict", "all", "--limit", "1000").splitlines()[2:]
        assert lines and all(
            re.match(r"  [AB] (dark|light) \| \1/.*\.png \| (yes|no) \| ", one) for one in lines
        )
        assert any(one.endswith("| ") for one in lines) and any("spots of number" in one for one in lines)

    def test_a_search_looks_through_paths_and_captions(self) -> None:
        study = load("spots")
        whole = command.found_by(study, "1", wanted="all")[1]
        by_path = command.found_by(study, "1", wanted="all", words="LIGHT/00")[1]
        assert by_path.height and by_path.equals(whole.filter(pl.col("path").str.starts_with("light/00")))
        by_caption = command.found_by(study, "1", wanted="all", words="of number")[1]
        assert by_caption.equals(whole.filter(pl.col("text") != "")) and 0 < by_caption.height < whole.height

    def test_the_sheet_has_paths_that_no_program_runs(self, capsys: pytest.CaptureFixture[str]) -> None:
        rows = list(csv.DictReader(io.StringIO(told(capsys, "--csv"))))
        facts = pl.read_parquet(paths.output("spots", "collect") / "pictures.parquet")
        assert {row["path"].lstrip("'") for row in rows} <= set(facts["path"])
        assert {row["path"].split("/")[0] for row in rows} == {"dark", "light"}


@pytest.mark.usefixtures("there")
class TestPage:
    def test_carries_the_paths_of_what_is_searched(self) -> None:
        page = written("index.html", "spots")
        (block,) = re.findall(
            r'<script type="application/json" id="texts-data">(.*?)</script>', page, re.DOTALL
        )
        data = json.loads(block)
        assert data["columns"][-1] == "path" and len(data["path"]) == len(data["text"])
        assert all(path.startswith(("dark/", "light/")) for path in data["path"])

    def test_checks_tell_formats_and_sizes(self) -> None:
        page = written("index.html", "spots")
        assert f'<dd><bdi dir="auto">{2 * N} png</bdi></dd>' in page and "48 x 48" in page

    @pytest.mark.skipif(not shutil.which("chromium"), reason="no browser is here")
    def test_lists_and_shows_them_in_a_browser(self, tmp_path: Path) -> None:
        page = written("index.html", "spots")
        assert "img-src data:;" in page
        # The page's policy runs no script but its own: the copy has none, to be driven.
        page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
        (tmp_path / "page.html").write_text(page.replace("</body>", DRIVE), encoding="utf-8")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/browser"]
        done = subprocess.run(
            ["chromium", *flags, "--virtual-time-budget=3000", "--dump-dom", f"file://{tmp_path}/page.html"],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        lines = re.findall(r'<summary class="whole"[^>]*>.*?<span class="from">(.*?)</span>', done.stdout)
        assert len(lines) == 20 and all(re.match(r"(<img [^>]*>)?(dark|light)/", one) for one in lines)
        assert 'data-told="48 x 48 of 1"' in done.stdout


def test_a_sheet_of_labels_says_which_picture_to_look_at(there: Path) -> None:
    assert main(["label", "--study", "spots", "--json"]) == 0
    file = there / "data/labels/spots.csv"
    try:
        rows = pl.read_csv(file)
        assert rows.columns == ["verdict", "predicate", "path", "text", "predicate_id", "text_id"]
        assert rows["path"].str.contains(r"\.png$").all()
    finally:
        file.unlink()


@pytest.mark.usefixtures("there")
def test_the_database_knows_pictures_and_exhibits_by_path() -> None:
    duck.load_all()
    light = duck.query(
        'select t."group", avg(m.lightness) l, min(p.width) w from texts t'
        " join measures m using (study, media) join pictures p using (study, media)"
        ' group by all order by "group"'
    )
    assert light["l"][0] + 0.2 < light["l"][1] and light["w"].to_list() == [48, 48]
    shown = duck.query("evidence", {"limit": "99"})["text"]
    assert shown.len() and shown.str.contains(r"^(dark|light)/.*\.png(: spots of number \d+)?$").all()
    # What was shown stays known when the study's own folder is gone.
    folder = paths.output("spots", "collect")
    folder.rename(folder.with_name("gone"))
    try:
        assert duck.query("evidence", {"limit": "99"})["text"].equals(shown)
    finally:
        folder.with_name("gone").rename(folder)


@pytest.mark.usefixtures("there")
def test_a_files_name_is_no_markup() -> None:
    facts = pl.read_parquet(paths.output("spots", "collect") / "pictures.parquet")
    assert f"dark/{ODD}" in facts["path"]
    assert "<img src=x" not in written("index.html", "spots")
