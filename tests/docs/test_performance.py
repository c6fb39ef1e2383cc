"""The table in docs/performance.md is the one that its data makes."""

import json
from pathlib import Path

from bench.__main__ import table

ROOT = Path(__file__).parents[2]


def test_the_table_is_made_from_the_data() -> None:
    text = (ROOT / "docs/performance.md").read_text("utf-8")
    shown = text.split("<!-- bench/results/full.json -->\n")[1].split("\n<!-- end -->")[0]
    results = json.loads((ROOT / "bench/results/full.json").read_text("utf-8"))
    assert shown == table(results), "python -m bench --show bench/results/full.json prints it"
