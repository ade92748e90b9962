"""collect, of pictures: folders, zips and columns go in; rows by the hash of their bytes come out."""

import base64
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from tasks import paths
from tasks.collect import stage as collect
from tasks.commands.check import lines as check_lines
from tasks.commands.check import preview
from tasks.errors import CorpusError, SourceError, StoreError
from tasks.store import frames, media
from tasks.store.sources import places
from tasks.study import Study, load
from tests.conftest import REPO, Project
from tests.drawn_pictures import drawn, folder_of, stored

N = 30
PAIR: dict[str, Any] = {"goal": "how they differ", "data": "seen"}
GROUPED: dict[str, Any] = {"group": "side", "a": "a", "b": "b"}


def study(project: Project, of: dict[str, Any] | None = None, **changed: Any) -> Study:
    collect_block = {"a": {"path": "a"}, "b": {"path": "b"}} if of is None else of
    project.params(photos={**PAIR, "collect": collect_block, **changed})
    return load("photos")


@pytest.fixture
def seen(project: Project) -> Path:
    """A folder with 30 pictures in each of a and b."""
    folder = project.folder / "seen"
    folder_of(folder / "a", N)
    folder_of(folder / "b", N, first=N)
    return folder


def table(seen: Path, form: str) -> pl.DataFrame:
    """The pictures of a folder as rows of a table."""
    files = sorted(seen.glob("?/*.png"))
    cells: list[Any] = [str(file.relative_to(seen)) for file in files]
    if form != "paths":
        cells = [file.read_bytes() for file in files]
    if form == "structs":
        cells = [{"bytes": cell, "path": file.name} for cell, file in zip(cells, files, strict=True)]
    if form == "uris":
        cells = [f"data:image/jpeg;base64,{base64.b64encode(cell).decode()}" for cell in cells]
    said = [f"picture number {n}" if n % 2 else None for n in range(len(files))]
    return pl.DataFrame({"image": cells, "side": [file.parent.name for file in files], "text": said})


def hashes_of(folder: Path) -> set[str]:
    return {places.media_of(file.read_bytes()) for file in folder.rglob("*.png")}


def test_a_pair_of_folders_is_two_groups_of_pictures(project: Project, seen: Path) -> None:
    manifest = collect.run(study(project))
    folder = paths.output("photos", "collect")
    texts = frames.read(folder, "texts.parquet", frames.TEXTS)
    assert manifest["texts"] == {"A": N, "B": N} and manifest["names"] == {"A": "a", "B": "b"}
    assert set(texts.filter(group="A")["media"]) == hashes_of(seen / "a")
    assert texts["text"].unique().to_list() == [""]
    facts = media.facts("photos")
    assert facts["media"].to_list() == sorted(texts["media"]) == media.measures("photos")["media"].to_list()
    first = facts.row(by_predicate=pl.col("path") == "a/0000.png", named=True)
    assert (first["format"], first["width"], first["height"], first["n_frames"]) == ("png", 64, 64, 1)


def test_the_bytes_are_kept_and_any_of_them_read(project: Project, seen: Path) -> None:
    collect.run(study(project))
    wanted = [places.media_of((seen / "a" / f"{n:04}.png").read_bytes()) for n in (3, 1, 3)]
    found = dict(media.read("photos", wanted))
    assert list(found) == sorted(set(wanted))
    assert found[wanted[0]] == (seen / "a" / "0003.png").read_bytes()
    with pytest.raises(StoreError, match="0123456789ab"):
        list(media.read("photos", ["0123456789ab" * 5]))


@pytest.mark.parametrize(
    "form", ["paths.csv", "bytes.parquet", "structs.parquet", "uris.jsonl", "bytes.arrow"]
)
def test_a_column_holds_paths_bytes_or_uris(project: Project, seen: Path, form: str) -> None:
    kind, ending = form.split(".")
    write = {"csv": "csv", "parquet": "parquet", "jsonl": "ndjson", "arrow": "ipc"}[ending]
    getattr(table(seen, kind), f"write_{write}")(seen / f"rows.{ending}")
    found = collect.collected(study(project, {"path": f"rows.{ending}", "picture": "image", **GROUPED}))
    assert set(found.texts["media"]) == hashes_of(seen)
    said = dict(found.texts.select("media", "text").iter_rows())
    shown = {places.media_of((seen / "a" / f"{n:04}.png").read_bytes()): n for n in range(N)}
    assert {n: said[one] for one, n in shown.items()} == {
        n: f"picture number {n}" if n % 2 else "" for n in range(N)
    }


def test_bytes_stay_in_their_parquet_file_until_they_are_wanted(project: Project, seen: Path) -> None:
    table(seen, "structs").write_parquet(seen / "rows.parquet", row_group_size=7)
    found = collect.collected(study(project, {"path": "rows.parquet", "picture": "image", **GROUPED}))
    assert found.pictures is not None
    assert not found.pictures.places["place"].str.starts_with("data:").any()
    assert {places.media_of(data) for _, data in found.pictures.bytes()} == hashes_of(seen)
    assert "0003.png" in found.pictures.facts["path"].to_list()


def test_a_zip_is_a_folder_that_is_never_unpacked(project: Project, seen: Path) -> None:
    with zipfile.ZipFile(seen.parent / "seen.zip", "w") as packed:
        for file in seen.rglob("*.png"):
            packed.write(file, f"../{file.relative_to(seen)}")
        packed.writestr("__MACOSX/a/._0000.png", b"no picture")
    before = sorted(seen.parent.rglob("*"))
    of = {"group": "folder", "a": "../a", "b": "../b"}
    found = collect.collected(study(project, of, data="seen.zip"))
    assert set(found.texts["media"]) == hashes_of(seen) and not found.manifest["warnings"]
    assert set(seen.parent.rglob("*")) - set(before) <= {seen.parent / "params.yaml"}


def test_globs_and_single_files_are_pictures(project: Project, seen: Path) -> None:
    found = collect.collected(study(project, {"a": {"path": "a/*.png"}, "b": {"path": "b/*"}}))
    assert set(found.texts["media"]) == hashes_of(seen)
    with pytest.raises(CorpusError, match=r"wanted at least 5 pictures of each group"):
        collect.collected(study(project, {"a": {"path": "a/0001.png"}, "b": {"path": "b"}}))


def test_what_cannot_be_read_is_counted_by_reason(project: Project, seen: Path) -> None:
    (seen / "a" / "empty.png").write_bytes(b"")
    (seen / "a" / "drawing.svg").write_text("<svg/>")
    (seen / "b" / "half.jpg").write_bytes(stored(drawn(99), "JPEG")[:700])
    found = collect.collected(study(project))
    assert found.manifest["texts"] == {"A": N, "B": N}
    assert found.manifest["pictures"]["unreadable"] == {
        "is cut off or damaged": {"n": 1, "files": ["b/half.jpg"]},
        "is empty": {"n": 1, "files": ["a/empty.png"]},
        "is no picture that can be read": {"n": 1, "files": ["a/drawing.svg"]},
    }
    assert "left out: 1 picture of which the file is empty, such as a/empty.png" in found.manifest["warnings"]


def test_mostly_unreadable_is_one_error(project: Project, seen: Path) -> None:
    for file in sorted(seen.rglob("*.png"))[10:]:
        file.write_bytes(b"no picture")
    with pytest.raises(CorpusError, match=r"50 of 60 cannot be read: a/0010.png is no picture"):
        collect.collected(study(project))


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("../params.yaml", "lies outside the data folder"),
        ("/etc/hostname", "lies outside the data folder"),
        ("out/0001.png", "lies outside the data folder"),
        ("https://example.org/1.png", "is an address: nothing is fetched"),
        ("gone.png", "is not there"),
        ("a", "is no file"),
        ("", "is not named"),
        ("x" * 5_000, "cannot be read (File name too long)"),
        ("a\0b\0c\0d.png", "is not there"),
        ("data:image/png;base64,AAA", "is no whole data URI"),
        ("data:image/png;base64", "is no whole data URI"),
        ("data:image/png,no%20picture", "is no picture that can be read"),
    ],
)
def test_a_table_reaches_nothing_but_its_own_pictures(
    project: Project, seen: Path, cell: str, why: str
) -> None:
    folder_of(project.folder / "private", 3)
    (seen / "out").symlink_to(project.folder / "private")
    rows = table(seen, "paths")
    rows = pl.concat([rows, pl.DataFrame({"image": [cell], "side": ["a"], "text": ["x"]})])
    rows.write_parquet(seen / "rows.parquet")
    found = collect.collected(study(project, {"path": "rows.parquet", "picture": "image", **GROUPED}))
    assert set(found.texts["media"]) == hashes_of(seen)
    assert {reason: told["n"] for reason, told in found.manifest["pictures"]["unreadable"].items()} == {
        why: 1
    }


def test_paths_of_a_table_want_the_folder_as_data(project: Project, seen: Path) -> None:
    table(seen, "paths").write_csv(seen / "rows.csv")
    with pytest.raises(SourceError, match=r"wanted the folder of the table and its pictures"):
        collect.collected(study(project, {"picture": "image", **GROUPED}, data="seen/rows.csv"))


def test_a_link_out_of_the_folder_is_refused(project: Project, seen: Path) -> None:
    outside = project.folder / "outside.png"
    outside.write_bytes(stored(drawn(77)))
    (seen / "a" / "link.png").symlink_to(outside)
    with pytest.raises(SourceError, match=r"link.png: links out of the data folder"):
        collect.collected(study(project))


def test_a_name_that_is_no_utf8_is_refused(project: Project, seen: Path) -> None:
    name = os.fsencode(seen / "a") + b"/caf\xe9.png"
    try:
        Path(os.fsdecode(name)).write_bytes(stored(drawn(77)))
    except OSError:
        pytest.skip("the file system takes UTF-8 alone")
    with pytest.raises(SourceError, match=r"caf\\xe9.png: wanted a file name in UTF-8"):
        collect.collected(study(project))


def test_a_zip_bomb_is_not_unpacked(project: Project, seen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MOST_MB", 1)
    with zipfile.ZipFile(seen.parent / "seen.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for file in seen.rglob("*.png"):
            packed.write(file, file.relative_to(seen))
        packed.writestr("a/bomb.png", bytes(50_000_000))
    of = {"group": "folder", "a": "a", "b": "b"}
    found = collect.collected(study(project, of, data="seen.zip"))
    assert found.manifest["pictures"]["unreadable"] == {
        "is larger than 1 MB": {"n": 1, "files": ["a/bomb.png"]}
    }


def test_a_picture_of_both_groups_is_overlap(project: Project, seen: Path) -> None:
    (seen / "b" / "same.png").write_bytes((seen / "a" / "0000.png").read_bytes())
    dropped = {"a": {"path": "a"}, "b": {"path": "b"}, "overlap": "drop"}
    found = collect.collected(study(project, dropped))
    assert (found.manifest["n_overlap"], found.manifest["texts"]) == (1, {"A": N - 1, "B": N})


def test_near_copies_are_one_document_in_one_half(project: Project, seen: Path) -> None:
    for number in range(N):
        whole = drawn(number, 300)
        (seen / "a" / f"{number:04}.png").write_bytes(stored(whole))
        (seen / "a" / f"{number:04}.jpg").write_bytes(stored(whole, "JPEG", quality=70))
        (seen / "a" / f"{number:04}.bmp").write_bytes(stored(whole.resize((120, 120)), "BMP"))
    found = collect.collected(study(project))
    texts = found.texts.filter(group="A")
    assert texts.height == 3 * N and texts["document_id"].n_unique() == N
    assert texts.group_by("document_id").agg(pl.col("half").n_unique())["half"].max() == 1
    off = {"a": {"path": "a"}, "b": {"path": "b"}, "near_duplicates": None}
    apart = collect.collected(study(project, off)).texts.filter(group="A")
    assert apart["document_id"].n_unique() == 3 * N


def test_the_order_of_rows_changes_nothing(project: Project, seen: Path) -> None:
    rows = pl.concat([table(seen, "paths"), table(seen, "paths").head(5)])
    of = {"path": "rows.parquet", "picture": "image", **GROUPED}
    found = []
    for seed in (0, 1):
        rows.sample(fraction=1, shuffle=True, seed=seed).write_parquet(seen / "rows.parquet")
        found.append(collect.collected(study(project, of)))
    one, other = found
    assert one.texts.equals(other.texts) and one.documents.equals(other.documents)
    assert one.pictures is not None and other.pictures is not None
    assert one.pictures.facts.equals(other.pictures.facts)
    assert one.pictures.measures.equals(other.pictures.measures)


def test_random_halves_keep_copies_together(project: Project, seen: Path) -> None:
    for file in sorted(seen.rglob("*.png")):
        file.with_name(f"copy_{file.name}").write_bytes(file.read_bytes())
    found = collect.collected(study(project, {"group": "random"}))
    assert found.manifest["n_overlap"] == 0 and found.manifest["n_merged"] == 2 * N
    assert min(found.manifest["texts"].values()) > 10


def test_pictures_are_not_compared_with_texts(project: Project, seen: Path) -> None:
    for number, file in enumerate(sorted((seen / "b").iterdir())):
        file.unlink()
        file.with_suffix(".txt").write_text(f"a text of its own, number {number}")
    with pytest.raises(SourceError, match="pictures in a and b, or texts in both"):
        collect.collected(study(project))


def test_kinds_that_write_their_inputs_refuse_pictures(project: Project, seen: Path) -> None:
    with pytest.raises(CorpusError, match=r"wanted texts with `kind: encoder_failures`, got pictures"):
        collect.collected(study(project, {}, kind="encoder_failures"))


@pytest.mark.parametrize("kind", ["classes", "timeline"])
def test_values_of_pictures_are_read_beside_them(project: Project, seen: Path, kind: str) -> None:
    rows = table(seen, "paths").with_columns(
        label=pl.Series([("cat", "dog", "bird")[n % 3] for n in range(2 * N)]),
        day=pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 2, 29), eager=True),
    )
    rows.write_parquet(seen / "rows.parquet")
    of = {"path": "rows.parquet", "picture": "image"}
    value = "label" if kind == "classes" else "day"
    found = collect.collected(study(project, of, kind=kind, **{kind: {"value": value}}))
    assert set(found.texts["media"]) == hashes_of(seen)
    values = found.tables["values"].filter(pl.col("text_hash").is_in(found.texts["text_hash"].implode()))
    assert values.height == found.texts.height == 2 * N


def test_one_pile_of_pictures_is_clustered(project: Project, seen: Path) -> None:
    found = collect.collected(study(project, {}, kind="clusters"))
    assert set(found.texts["media"]) == hashes_of(seen)


COUNTED = """
import resource
from tasks.collect import stage
from tasks.study import load
from tasks.engines.pictures.opening import library
import pyarrow.parquet, scipy.sparse.csgraph, great_expectations
library().init()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
stage.run(load("photos"))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("form", ["folder", "parquet", "zip"])
def test_bytes_are_never_all_held(project: Project, form: str) -> None:
    folder = project.folder / "seen"
    for group, first in (("a", 0), ("b", 400)):
        (folder / group).mkdir(parents=True)
        for number in range(first, first + 400):
            file = folder / group / f"{number:04}.bmp"
            file.write_bytes(stored(drawn(number, 256), "BMP"))
    files = sorted(folder.glob("?/*.bmp"))
    n_mb = sum(file.stat().st_size for file in files) / 2**20
    of: dict[str, Any] = {"a": {"path": "a"}, "b": {"path": "b"}}
    if form == "parquet":
        cells = [file.read_bytes() for file in files]
        rows = pl.DataFrame({"image": cells, "side": [file.parent.name for file in files]})
        rows.write_parquet(folder / "rows.parquet", compression="uncompressed")
        of = {"path": "rows.parquet", "picture": "image", **GROUPED}
    if form == "zip":
        with zipfile.ZipFile(project.folder / "seen.zip", "w") as packed:
            for file in files:
                packed.write(file, file.relative_to(folder))
        of = {"group": "folder", "a": "a", "b": "b"}
    study(project, of, data="seen.zip" if form == "zip" else "seen")
    environment = {**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", COUNTED], env=environment, capture_output=True, text=True, check=True
    )
    assert n_mb > 140
    assert int(done.stdout.split()[-1]) < 0.6 * n_mb


@pytest.mark.parametrize("path", [None, "a", "a/*"])
def test_pictures_and_tables_of_one_folder_are_never_mixed(
    project: Project, seen: Path, path: str | None
) -> None:
    (seen / "a" / "said.csv").write_text("text\nhello\n")
    (seen / "a" / "Thumbs.db").write_bytes(b"")
    (seen / "README.md").write_text("about")
    of = {"a": {"path": path}, "b": {"path": "b"}} if path else {"group": "folder", "a": "a", "b": "b"}
    with pytest.raises(SourceError, match=r"holds pictures and files of other formats .*a/said\.csv") as told:
        collect.collected(study(project, of))
    assert 'path: "**/*.png"' in str(told.value)
    for written in ("**/*.png", "a/*.png"):
        found = collect.collected(study(project, {"a": {"path": written}, "b": {"path": "b"}}))
        assert set(found.texts.filter(group="A")["media"]) >= hashes_of(seen / "a") - hashes_of(seen / "b")


def test_a_text_file_of_a_pictures_name_is_its_caption(project: Project, seen: Path) -> None:
    (seen / "a" / "0003.txt").write_text("a dog\non a beach\n", encoding="utf-8")
    (seen / "b" / "0031.txt").write_text("  \n", encoding="utf-8")
    said = {"0003.png": "a dog\non a beach"}
    for of in (None, {"a": {"path": "a/*.png"}, "b": {"path": "b"}}, {"group": "folder", "a": "a", "b": "b"}):
        found = collect.collected(study(project, of))
        assert found.pictures is not None
        rows = found.pictures.named(found.texts)
        assert (
            dict(rows.select(pl.col("path").str.slice(2), "text").filter(pl.col("text") != "").iter_rows())
            == said
        )
        assert rows.height == 2 * N


def test_a_text_file_of_another_name_or_from_elsewhere_is_no_caption(project: Project, seen: Path) -> None:
    (seen / "a" / "0003.txt").write_text("a dog", encoding="utf-8")
    (seen / "a" / "notes.txt").write_text("about", encoding="utf-8")
    with pytest.raises(SourceError, match=r"holds pictures and files of other formats .*a/notes\.txt"):
        collect.collected(study(project))
    (seen / "a" / "notes.txt").unlink()
    (project.folder / "secret.txt").write_text("a key", encoding="utf-8")
    (seen / "a" / "0004.txt").symlink_to(project.folder / "secret.txt")
    with pytest.raises(SourceError, match=r"0004\.txt.* links out of the data folder"):
        collect.collected(study(project))
    (seen / "a" / "0004.txt").unlink()
    (seen / "a" / "0004.txt").write_bytes(b"caf\xe9")
    with pytest.raises(SourceError, match=r"0004\.txt.* wanted UTF-8"):
        collect.collected(study(project))


def test_what_systems_leave_is_no_table(project: Project, seen: Path) -> None:
    (seen / "a" / "Thumbs.db").write_bytes(b"")
    assert collect.collected(study(project)).manifest["texts"] == {"A": N, "B": N}


def test_near_copies_and_sizes_are_told_by_path(project: Project, seen: Path) -> None:
    half = Image.open(seen / "a" / "0001.png").resize((32, 32))
    for number in range(8):
        stored_half = stored(half, "WEBP", quality=90 - number)
        (seen / "a" / f"half {number}.webp").write_bytes(stored_half)
    found = preview(study(project))
    said = "\n".join(check_lines(found))
    assert found["near_duplicates"]["largest"] > 4
    assert found["pictures"]["formats"] == {"png": 2 * N, "webp": 8}
    assert found["pictures"]["width"] == {"least": 32, "median": 64.0, "most": 64}
    assert f"pictures: {2 * N} png, 8 webp" in said
    assert "32 to 64 (median 64) x 32 to 64 (median 64)" in said
    assert not found["unread"] and "encoder" not in said
    # Which half a family falls into is drawn; examples are of the exploration half.
    examples = [one for family in found["near_duplicates"]["examples"] for one in family["texts"]]
    assert all(one.startswith("a/") for one in examples) and bool(examples) == ("like" in said)


def test_groups_that_are_stored_differently_are_a_warning(project: Project, seen: Path) -> None:
    assert not collect.collected(study(project)).manifest["warnings"]
    for file in sorted((seen / "b").iterdir()):
        file.write_bytes(stored(Image.open(file).resize((80, 64)), "JPEG"))
    warnings = collect.collected(study(project)).manifest["warnings"]
    assert any("stored in another format: " in one for one in warnings)
    assert any("of another size: 64 x 64 pixels is 100% of a and 0% of b" in one for one in warnings)
