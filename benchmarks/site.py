"""Measures the page of all studies: how long it takes to write, to open, to search and to sort.

    python -m benchmarks.site [--rows 10000]

Rows are made: ten studies of as many hypotheses each. A headless Chromium opens the page, where it is there.
Prints one JSON object as its last line; times of the browser are wall time.
"""

import argparse
import html
import json
import re
import shutil
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.commands import site
from tasks.report.pages import digest
from tasks.store import listing

N_STUDIES = 10
STEPS = """addEventListener("load", () => {
  const told = {open_s: performance.now() / 1000}, by = (id) => document.getElementById(id);
  const heads = document.querySelectorAll("#listed thead button");
  const timed = (name, act) => {
    const start = performance.now();
    act();
    document.body.offsetHeight;
    told[name] = (performance.now() - start) / 1000;
  };
  timed("sort_by_effect_s", () => heads[3].click());
  timed("sort_by_q_s", () => heads[5].click());
  by("search").value = "word77";
  timed("search_s", () => by("kind").dispatchEvent(new Event("change")));
  document.title = JSON.stringify(told);
});"""
"""What is done on the page. A search waits 60 ms for the next letter, which a filter does not."""


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.site", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--rows", type=int, default=10_000)
    arguments = parser.parse_args()
    studies, rows = made(arguments.rows)
    start = time.process_time()
    page = site.page(studies, rows, {})
    told = {
        "benchmark": "site",
        "rows": rows.height,
        "megabytes": round(len(page.encode()) / 1e6, 2),
        "write_cpu_s": round(time.process_time() - start, 2),
        **in_browser(page),
    }
    print(json.dumps(told))


def made(n_rows: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `listing.studies` and of `listing.listed`."""
    rng, day = np.random.default_rng(0), datetime(2026, 1, 1)
    effect = rng.uniform(-0.6, 0.6, n_rows).round(3)
    held = np.abs(effect) > 0.1
    study = [f"study-{i % N_STUDIES}" for i in range(n_rows)]
    rows = pl.DataFrame(
        {
            "study": study,
            "kind": "corpus_pair",
            "goal": [f"what differs between the piles of {one}" for one in study],
            "predicate_id": [f"{i:016x}" for i in range(n_rows)],
            "predicate": [f'mentions "word{i}" in a sentence of about as many words' for i in range(n_rows)],
            "direction": np.where(effect > 0, "A", "B"),
            "more_in": np.where(effect > 0, "one pile", "the other pile"),
            "state": np.where(held, listing.HELD, listing.REJECTED),
            "is_discovery": held,
            "estimand": "difference of shares",
            "validity": effect,
            "lo": effect - 0.05,
            "hi": effect + 0.05,
            "p": rng.uniform(0, 0.02, n_rows),
            "q": rng.uniform(0, 0.04, n_rows),
            "group_id": [f"{i:016x}" for i in range(n_rows)],
            "found_at": day,
        }
    )
    of_study = rows.group_by("study").agg(
        pl.first("kind", "goal"), n_tested=pl.len(), n_held=pl.col("is_discovery").sum()
    )
    return of_study.sort("study").with_columns(recorded_at=day, run_id=pl.lit("run")), rows


def in_browser(page: str) -> dict[str, Any]:
    """Seconds by what was done; nothing where there is no Chromium."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        return {}
    driven = page.replace("</body>", f"<script>{STEPS}</script></body>")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "index.html"
        file.write_text(driven.replace("script-src ", f"script-src '{digest(STEPS)}' "), encoding="utf-8")
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=10000"]
        command += ["--dump-dom", f"file://{file}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    seconds: dict[str, float] = json.loads(html.unescape(title[1])) if title else {}
    return {name: round(value, 2) for name, value in seconds.items()}


if __name__ == "__main__":
    main()
