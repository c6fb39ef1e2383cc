"""Text of others forges no line and moves no cursor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.plain import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("[Peringatan] G1: 84.31°C – ≥ 80", "[Peringatan] G1: 84.31°C – ≥ 80"),
        ("84.31\u00a0°C\u2009–\u3000ok", "84.31\u00a0°C\u2009–\u3000ok"),
        ("a\nb\r\nc\td\x00", "a\ufffdb\ufffd\ufffdc\ufffdd\ufffd"),
        ("\x1b[2J\x9b31m\x7f", "\ufffd[2J\ufffd31m\ufffd"),
        ("\u202eG1\u2066\u200b\u00ad\ufeff", "\ufffdG1\ufffd\ufffd\ufffd\ufffd"),
        ("a\u2028b\u2029c\x85d\x0b\x0c", "a\ufffdb\ufffdc\ufffdd\ufffd\ufffd"),
        ("\ud800\ue000\U000e0001", "\ufffd\ufffd\ufffd"),
    ],
)
def test_what_is_seen_stays_and_the_rest_is_replaced(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text() | st.characters(categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")))
def test_it_is_always_one_line_that_can_be_written(text: str) -> None:
    shown = plain(text)
    assert len(shown) == len(text)
    assert len(shown.splitlines()) == bool(shown)
    assert shown.encode().decode() == shown
