"""Measures what is found in pictures, and what looking at them costs, by the product's own stages.

    python -m benchmarks.images --pairs FOLDER_A FOLDER_B [--seeds 100]
    python -m benchmarks.images --truth emoji --pictures FOLDER [--seeds 3]
    python -m benchmarks.images --cost 10000

`--pairs` compares two folders of pictures, and then random halves of both together, in which every discovery
is false. Beside it stands the way of a published tool (VisDiff, Dunlap et al. 2024): each sentence tested by
Welch's test at .05 on the pictures that it was proposed from, uncorrected. `--truth emoji` reads the npm
package emoji-datasource-twitter 16, unpacked: the names of its 30 largest subcategories are ranked by how
well they tell the pictures of each from the others on the confirmation half, without captions and with some
of the exploration half. `--cost` draws so many pictures of 128 pixels and runs collect and embed on one
thread, each in a process of its own. The last line is one JSON object.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from shutil import copyfile, rmtree
from typing import Any

import numpy as np
import polars as pl
import yaml
from jaxtyping import Float
from scipy.stats import rankdata, ttest_ind

from benchmarks import studies
from tasks import kinds, paths
from tasks.engines.encoders import encoder
from tasks.records import Predicate
from tasks.run import module
from tasks.store import frames
from tasks.study import Study, load

ALPHA = 0.05
SPLITS = 10
"""Into halves, of one comparison: how far what is found hangs on the draw."""
NAME = "pictures"
STAGES = ("collect", "embed", "propose", "formalise", "verify", "score")
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif")
N_SUBCATEGORIES, N_CAPTIONS, FIRST = 30, 200, 5
LEFT_OUT = ("Flags", "Component")
"""Categories of emoji whose pictures say nothing of their subcategory's name."""
COST_SIDE = 128


def main() -> None:
    """Prints what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--pairs", nargs=2, type=Path, metavar=("FOLDER_A", "FOLDER_B"))
    asked.add_argument("--truth", choices=("emoji",))
    asked.add_argument("--cost", type=int, metavar="N")
    parser.add_argument("--pictures", type=Path, help="the unpacked package, for --truth")
    parser.add_argument("--seeds", type=int, help="random halves (100), or splits of --truth (3)")
    args = parser.parse_args()
    if args.truth and args.pictures is None:
        parser.error("--truth emoji: name the folder of the unpacked package with --pictures.")
    started = time.perf_counter()
    if args.pairs:
        found = pairs(args.pairs[0], args.pairs[1], 100 if args.seeds is None else args.seeds)
    elif args.truth:
        found = emoji(args.pictures, 3 if args.seeds is None else args.seeds)
    else:
        found = cost(args.cost)
    print(json.dumps({"benchmark": "images", **found, "duration_s": round(time.perf_counter() - started, 1)}))


def pairs(folder_a: Path, folder_b: Path, seeds: int) -> dict[str, Any]:
    """What tells two folders apart on held-out pictures, and how often random halves of both differ."""
    a, b = pictures_in(folder_a), pictures_in(folder_b)
    with studies.project() as folder:
        found = [split(folder, a, b, seed)[0] for seed in range(SPLITS)]
        for line in found[0]:
            print(f"{line['validity']:+.2f} q={line['q']:.2g}  {line['predicate']}", flush=True)
        by_chance = [halves(folder, [*a, *b], len(a), seed) for seed in range(seeds)]
    found_any, uncorrected = np.mean(by_chance, axis=0).tolist() if by_chance else (None, None)
    return {
        "pairs": [len(a), len(b)],
        "discoveries": found[0],
        "splits": SPLITS,
        "n_discoveries": [len(one) for one in found],
        "said": Counter(line["predicate"].split(" (")[0] for one in found for line in one).most_common(12),
        "random_halves": {"seeds": seeds, "any_discovery": found_any, "uncorrected": uncorrected},
    }


def split(folder: Path, a: Sequence[Path], b: Sequence[Path], seed: int) -> tuple[list[dict[str, Any]], bool]:
    """The discoveries under one split, and whether an uncorrected test would report anything."""
    study = laid_out(folder, a, b, seed)
    run(study, STAGES)
    return discoveries(study), found_where_proposed(study)


def halves(folder: Path, both: Sequence[Path], n_a: int, seed: int) -> tuple[bool, bool]:
    """Whether two groups drawn by chance differ: by a discovery, and by an uncorrected test."""
    order = np.random.default_rng([seed, 23]).permutation(len(both))
    drawn = [both[i] for i in order]
    found, uncorrected = split(folder, drawn[:n_a], drawn[n_a:], seed)
    return bool(found), uncorrected


def pictures_in(folder: Path) -> list[Path]:
    """Files of a folder that are called as pictures are, by name."""
    found = sorted(file.resolve() for file in folder.iterdir() if file.suffix.lower() in ENDINGS)
    if not found:
        raise SystemExit(f"{folder}: wanted pictures ({', '.join(ENDINGS)}), there are none.")
    return found


def laid_out(folder: Path, a: Sequence[Path], b: Sequence[Path], seed: int) -> Study:
    """A study of two folders of pictures, written into a project; one of the same name is gone."""
    rmtree(folder / NAME, ignore_errors=True)
    rmtree(folder / "data" / NAME, ignore_errors=True)
    for group, files in (("a", a), ("b", b)):
        (folder / NAME / group).mkdir(parents=True)
        for i, file in enumerate(files):
            copyfile(file, folder / NAME / group / f"{i:05d}-{file.name}")
    block: dict[str, Any] = {
        **{key: {} for key in (*paths.STAGES, "llm", "spend", "gold", "corpus_pair")},
        **{
            "kind": "corpus_pair",
            "engine": "embedded",
            "user": None,
            "verdicts": None,
            "labels": ".gitkeep",
            "after": ".gitkeep",
        },
        "goal": "how do the pictures differ",
        "data": NAME,
        "seed": seed,
        "collect": {"a": {"path": "a"}, "b": {"path": "b"}},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump({"studies": {NAME: block}}), encoding="utf-8")
    return load(NAME)


def run(study: Study, stages: Sequence[str]) -> None:
    """Runs stages one after the other."""
    for stage in stages:
        module(stage).run(study)


def discoveries(study: Study) -> list[dict[str, Any]]:
    """Of the study that has been scored: sentence, effect and q, the strongest first."""
    scores = frames.read_any(paths.output(study.name, "score") / "scores.parquet")
    told = frames.read_any(paths.output(study.name, "formalise") / "predicates.parquet")
    found = scores.filter("is_discovery").join(told.select("predicate_id", "predicate"), on="predicate_id")
    return (
        found.select("predicate", "validity", "q").sort(pl.col("validity").abs(), descending=True).to_dicts()
    )


def found_where_proposed(study: Study) -> bool:
    """Whether any frozen sentence passes Welch's test at ALPHA on the pictures that it was proposed from."""
    folder = paths.output(study.name, "formalise")
    told = frames.read(folder, "predicates.parquet", frames.PREDICATES)
    predicates = [Predicate(**row) for row in told.to_dicts()]
    texts, vectors = embedded(study)
    seen = (texts["half"] == "explore").to_numpy()
    kind = kinds.load(study.kind)
    judge = kind.judge(study, kind.actors(study.engine))
    score = judge.judge(predicates, texts.filter(seen), vectors[seen]).score
    in_a = (texts.filter(seen)["group"] == "A").to_numpy()
    # Sentences that hold for all pictures or for none have no spread to be tested by.
    score = score[:, score.std(axis=0) > 0]
    p = ttest_ind(score[in_a], score[~in_a], equal_var=False).pvalue
    return bool((p < ALPHA).any())


def embedded(study: Study) -> tuple[pl.DataFrame, Float[np.ndarray, "text dim"]]:
    """Rows and vectors of a study that has been embedded."""
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    return texts, np.asarray(frames.read_embeddings(paths.output(study.name, "embed"), texts.height))


def emoji(package: Path, seeds: int) -> dict[str, Any]:
    """How often the subcategory that differs is the first, or among the first five, of 30 names."""
    known = emoji_known(package)
    names = sorted(known["subcategory"].unique())
    rows: dict[str, list[tuple[float, float]]] = {"without": [], "with": []}
    n_captions = []
    with studies.project() as folder:
        for seed in range(seeds):
            files = [package / "img/twitter/64" / image for image in known["image"]]
            study = laid_out(folder, files[::2], files[1::2], seed)
            run(study, ["collect"])
            n_captions.append(captioned(study, known, seed))
            run(study, ["embed"])
            rows["with"].append(ranked(study, known, names))
            captioned(study, known, seed, most=0)
            run(study, ["embed"])
            rows["without"].append(ranked(study, known, names))
    figures = {
        how: {
            f"acc_{first}": round(float(share), 3)
            for first, share in zip((1, FIRST), np.mean(at, axis=0), strict=True)
        }
        for how, at in rows.items()
    }
    chance = {"acc_1": round(1 / len(names), 3), "acc_5": round(FIRST / len(names), 3)}
    return {
        "truth": "emoji",
        "n_pictures": known.height,
        "seeds": seeds,
        "n_captions": n_captions,
        "without_captions": figures["without"],
        "with_captions": figures["with"],
        "chance": chance,
    }


def emoji_known(package: Path) -> pl.DataFrame:
    """Of the pictures in the 30 largest subcategories: image, caption and subcategory."""
    told = json.loads((package / "emoji.json").read_text(encoding="utf-8"))
    told = [one for one in told if one["category"] not in LEFT_OUT and one["has_img_twitter"]]
    largest = {name for name, _ in Counter(one["subcategory"] for one in told).most_common(N_SUBCATEGORIES)}
    return pl.DataFrame(
        [
            {"image": one["image"], "caption": one["name"].lower(), "subcategory": one["subcategory"]}
            for one in told
            if one["subcategory"] in largest
        ]
    )


def described(study: Study, known: pl.DataFrame) -> pl.DataFrame:
    """What is known of each row of the study's texts, in their order."""
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    facts = frames.read(paths.output(study.name, "collect"), "pictures.parquet", frames.PICTURES)
    image = facts.select("media", pl.col("path").str.extract(r"\d{5}-(.*)$").alias("image"))
    own = texts.select("media", "half").join(image, on="media", how="left", maintain_order="left")
    return own.join(known, on="image", how="left", maintain_order="left")


def captioned(study: Study, known: pl.DataFrame, seed: int, most: int = N_CAPTIONS) -> int:
    """Gives a draw of the exploration half its captions, and all other rows none; says how many."""
    rows = described(study, known)
    seen = np.flatnonzero((rows["half"] == "explore").to_numpy())
    drawn = np.random.default_rng([seed, 29]).permutation(seen)[:most]
    kept = np.isin(np.arange(rows.height), drawn)
    folder = paths.output(study.name, "collect")
    texts = frames.read(folder, "texts.parquet", frames.TEXTS)
    text = pl.select(pl.when(pl.Series(kept)).then(rows["caption"]).otherwise(pl.lit(""))).to_series()
    frames.write(texts.with_columns(text.alias("text")), folder / "texts.parquet", frames.TEXTS)
    return len(drawn)


def ranked(study: Study, known: pl.DataFrame, names: Sequence[str]) -> tuple[float, float]:
    """Shares of subcategories whose own name comes first, and among the first five, by AUROC."""
    _, vectors = embedded(study)
    rows = described(study, known)
    held_out = (rows["half"] == "confirm").to_numpy()
    phrases = encoder.load(study).encode([name.replace("-", " ") for name in names])
    ranks = rankdata(vectors[held_out] @ phrases.T, axis=0)
    own = rows["subcategory"].to_numpy()[held_out]
    places = []
    for i, name in enumerate(names):
        of_it = own == name
        n = int(of_it.sum())
        auroc = (ranks[of_it].sum(axis=0) - n * (n + 1) / 2) / (n * (len(own) - n))
        places.append(int((auroc > auroc[i]).sum()))
    return float(np.mean(np.array(places) < 1)), float(np.mean(np.array(places) < FIRST))


def cost(n: int) -> dict[str, Any]:
    """Processor seconds and memory of collect and embed over n drawn pictures, on one thread."""
    cpu_s, peak_mb = {}, {}
    with studies.project() as folder:
        laid_out(folder, [], [], seed=0)
        draw(folder / NAME, n)
        threads = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        for stage in ("collect", "embed"):
            command = [sys.executable, "-m", "flows", stage, "--study", NAME]
            process = subprocess.Popen(command, env=os.environ | threads)
            _, status, used = os.wait4(process.pid, 0)
            if status:
                raise SystemExit(f"{stage}: failed.")
            cpu_s[stage] = round(used.ru_utime + used.ru_stime, 1)
            peak_mb[stage] = round(used.ru_maxrss / 1024)
    total = {"cpu_s": round(sum(cpu_s.values()), 1), "peak_mb": max(peak_mb.values())}
    return {"n_pictures": n, "side": COST_SIDE, "stages": {"cpu_s": cpu_s, "peak_mb": peak_mb}, **total}


def draw(folder: Path, n: int) -> None:
    """Draws n pictures that differ: smooth colours and a disc, as JPEG, half of them in each group."""
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(31)
    for i in range(n):
        small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        image = small.resize((COST_SIDE, COST_SIDE), Image.Resampling.BICUBIC)
        left, top, size = rng.integers(0, COST_SIDE // 2, 3).tolist()
        ImageDraw.Draw(image).ellipse(
            (left, top, left + size, top + size), fill=tuple(rng.integers(0, 256, 3))
        )
        image.save(folder / "ab"[i % 2] / f"{i:06d}.jpg", quality=90)


if __name__ == "__main__":
    main()
