"""The tables of faults in the documentation are the results that are kept: of `make faults`, `make test-cluster`."""

import json
from pathlib import Path

import pytest
from tests.stack.faults.ledger import Row, table

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("results", "page"), [("results.json", "docs/reliability.md"), ("results-cluster.json", "docs/scaling.md")]
)
def test_a_page_shows_what_was_measured(results: str, page: str) -> None:
    rows = [Row(**row) for row in json.loads((ROOT / "tests/stack/faults" / results).read_text("utf-8"))]
    assert table(rows) in (ROOT / page).read_text("utf-8"), f"expected the table of {results}:\n{table(rows)}"
