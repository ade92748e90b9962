"""What a corpus says stays text on the page that `dvc plots show` makes of a report's figures."""

import json
import re
from pathlib import Path

from tasks.report.stage import forest
from tests.dvc_project import dvc

NASTY = 'mentions "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>"'
ROW = {"predicate": NASTY, "validity": 0.3, "lo": 0.1, "hi": 0.4, "q": 0.01, "is_discovery": True}


def test_a_predicate_does_not_end_the_script_of_dvc_s_page(tmp_path: Path) -> None:
    (tmp_path / "forest.json").write_text(json.dumps(forest([ROW]), ensure_ascii=False), encoding="utf-8")
    (tmp_path / "dvc.yaml").write_text(
        "plots:\n  - forest.json: {template: bar_horizontal_sorted, x: validity, y: predicate}\n",
        encoding="utf-8",
    )
    dvc(tmp_path, "init", "--no-scm")
    dvc(tmp_path, "plots", "show", "-o", "out")
    (page,) = (tmp_path / "out").rglob("*.html")
    html = page.read_text(encoding="utf-8")
    written = html if "alert(1)" in html else json.loads(f'"{html}"')
    assert "alert(1)" in written, "the predicate is on the page"
    for part in ("</script><script>alert", "<!--", "<img"):
        assert part not in html
    assert len(re.findall(r"<script", html)) == len(re.findall(r"</script", html))
