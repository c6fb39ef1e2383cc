"""What a person or a fault may leave in a file or a topic never ends in a traceback."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.records import origin_of
from rules import file as rules_file
from rules.model import Rules
from spark_monitor.engine.checkpoint_storage import LocalStoragePath
from spark_monitor.engine.checkpoints import Checkpoint, Extent
from spark_monitor.tools.refused import Refused

LINES = (Path(__file__).parents[3] / "services/spark-monitor/rules.yaml").read_text("utf-8").splitlines()
PIECES = st.one_of(
    st.sampled_from(
        ["*a", "&a {x: *a}", "null", "[]", "{}", "1e999", ".nan", "{a: b}", "x: y", "- 1", "? [a]", "'{'", "\t"]
    ),
    st.text(max_size=6),
)


@st.composite
def edited(draw: st.DrawFn) -> str:
    """Return the shipped rules after a few mistakes of an editor."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        piece = draw(PIECES)
        lines[at : at + draw(st.integers(0, 2))] = draw(
            st.sampled_from([[], [piece], [f"{lines[at].split(':')[0]}: {piece}"], [piece + lines[at]]])
        )
    return "\n".join(lines)


@given(text=st.one_of(edited(), st.text(max_size=40)))
def test_any_rules_file_is_rules_or_a_list_of_mistakes(text: str) -> None:
    found = rules_file.check(text)
    assert isinstance(found, Rules) or found
    if not isinstance(found, Rules):
        assert all(mistake.line >= 1 and mistake.text for mistake in found)


@given(
    files=st.dictionaries(
        st.sampled_from(["sources/0/0", "offsets/0", "offsets/1", "commits/0", "commits/1"]), st.binary(max_size=60)
    )
)
def test_any_checkpoint_is_gone_on_with_or_said_to_be_damaged(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("checkpoints")
    folder = Checkpoint.take(LocalStoragePath(root), "alerts", {}, {}, Extent({}, {})).folder
    for name, content in files.items():
        file = Path(str(folder / name))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    again = Checkpoint.take(LocalStoragePath(root), "alerts", {}, {}, Extent({}, {}))
    assert again.folder == folder or again.news


@given(key=st.binary(max_size=30), value=st.binary(max_size=600), reason=st.text(max_size=60))
def test_a_refused_message_can_not_play_tricks_on_a_terminal(key: bytes, value: bytes, reason: str) -> None:
    shown = Refused(0.0, {"exception.message": reason}, key, value).shown(ZoneInfo("Asia/Jakarta"))
    first, second = shown.split("\n")
    assert first.isprintable()
    assert second.isprintable()


@given(
    topic=st.from_regex(r"[A-Za-z0-9._-]{1,40}", fullmatch=True),
    partition=st.integers(0, 999),
    offset=st.integers(0, 2**63 - 1),
)
def test_an_id_gives_back_its_origin(topic: str, partition: int, offset: int) -> None:
    assert origin_of(f"{topic}-{partition}-{offset}-suhu_tinggi") == (f"{topic}-{partition}", offset)
