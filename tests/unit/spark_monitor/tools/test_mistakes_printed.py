"""What a rules file holds plays no tricks on the terminal that `check-rules` prints to."""

from pathlib import Path

import pytest

from spark_monitor.__main__ import check_rules


def test_control_characters_of_a_rules_file_are_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    file = tmp_path / "rules.yaml"
    streams = '{"a\\e[2J\\nforged": {topic: "\\u202e"}}'
    file.write_text(f'streams: {streams}\n"x\\e[1m": 1\nalerts: {{a: {{stream: "\\e"}}}}\n', "utf-8")
    assert check_rules(file) == 1
    lines = capsys.readouterr().out.removesuffix("\n").split("\n")
    assert len(lines) > 3
    assert all(line.startswith(f"{file}:") and line.isprintable() for line in lines), lines
