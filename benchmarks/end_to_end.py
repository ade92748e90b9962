"""Wall time and peak memory of each stage on a file of texts, each stage a process of its own.

    python -m benchmarks.end_to_end --texts FILE [--text COLUMN] [--group COLUMN] [--a VALUE] [--b VALUE]

The last line is one JSON object: seconds and peak megabytes by stage, their sum and maximum, and what
was found. Start-up of the interpreter and of the encoder is included: it is what a user waits for.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

STAGES = ("collect", "embed", "propose", "formalise", "verify", "score", "record", "report")


def main() -> None:
    """Runs the eight stages in a temporary project and prints what each cost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=Path, required=True, help="CSV, JSONL or Parquet")
    parser.add_argument("--text", default="text", help="column of the texts")
    parser.add_argument("--group", default="year", help="column that tells the groups apart")
    parser.add_argument("--a", default="2020", help="its value for group A")
    parser.add_argument("--b", default="2019", help="its value for group B")
    parser.add_argument(
        "--goal", default="which categories of news dominated the headlines from year to year"
    )
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    arguments = parser.parse_args()
    study = {
        **{"kind": "corpus_pair", "engine": "embedded", "seed": 0, "user": None, "verdicts": None},
        **{stage: {} for stage in STAGES},
        "goal": arguments.goal,
        "data": str(arguments.texts.resolve()),
        "collect": {"text": arguments.text, "group": arguments.group, "a": arguments.a, "b": arguments.b},
        "embed": {"precision": arguments.precision},
    }
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), study)))


def measure(folder: Path, study: dict[str, Any]) -> dict[str, Any]:
    """Seconds and megabytes by stage for one study in an empty project folder."""
    (folder / "params.yaml").write_text(yaml.safe_dump({"studies": {"bench": study}}), encoding="utf-8")
    repo = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": str(repo), "HF_HUB_OFFLINE": "1"}
    wall_s: dict[str, float] = {}
    for stage in STAGES:
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "tasks", stage, "--study", "bench"],
            cwd=folder,
            env=environment,
            check=True,
        )
        wall_s[stage] = round(time.perf_counter() - started, 1)
    lines = (folder / "data/.cache/timings.jsonl").read_text(encoding="utf-8").splitlines()
    peak_mb = {line["stage"]: line["peak_mb"] for line in map(json.loads, lines)}
    counted = json.loads((folder / "data/bench/6_scores/manifest.json").read_text(encoding="utf-8"))
    texts = json.loads((folder / "data/bench/2_embeddings/manifest.json").read_text(encoding="utf-8"))
    return {
        "benchmark": "end_to_end",
        "n_texts": texts["n_texts"],
        "wall_s": wall_s,
        "peak_mb": peak_mb,
        "total_s": round(sum(wall_s.values()), 1),
        "max_peak_mb": max(peak_mb.values()),
        "n_tested": counted["n_tested"],
        "n_discoveries": counted["n_discoveries"],
    }


if __name__ == "__main__":
    main()
