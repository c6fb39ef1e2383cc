"""What pip-audit's words mean, and what the audit says in the end. The samples are what it printed."""

import json

import pytest
from audit.__main__ import report
from audit.vulnerabilities import Answer, read

CLEAN = {"name": "pyyaml", "version": "6.0.3", "vulns": []}
SKIPPED = {"name": "tenacity", "skip_reason": "Dependency not found on PyPI and could not be audited: tenacity (9.2.1)"}
VULNERABLE = {
    "name": "jinja2", "version": "2.4.1",
    "vulns": [{"id": "PYSEC-2014-8", "fix_versions": ["2.7.2"], "aliases": ["CVE-2014-1402"], "description": "x"}],
}  # fmt: skip


def answer(*packages: object, errors: str = "No known vulnerabilities found") -> Answer:
    found = Answer()
    read(json.dumps({"dependencies": packages, "fixes": []}), errors, "a.txt", found)
    return found


def test_what_was_looked_up_and_is_clean_gives_no_sentence() -> None:
    assert answer(CLEAN) == Answer()


def test_a_vulnerability_is_told_with_the_version_that_has_none() -> None:
    assert answer(CLEAN, VULNERABLE).known == {"jinja2 2.4.1: PYSEC-2014-8, fixed in 2.7.2"}


def test_a_package_that_the_source_does_not_know_is_not_taken_for_good() -> None:
    """pip-audit ends with 0 then, and says that there are no known vulnerabilities."""
    found = answer(CLEAN, SKIPPED)
    assert found.known == set()
    assert found.not_looked_up == {
        "tenacity: Dependency not found on PyPI and could not be audited: tenacity (9.2.1)"
    }  # fmt: skip


def test_a_source_that_can_not_be_reached_is_said() -> None:
    found = Answer()
    read("", "WARNING:x\nERROR:pip_audit._cli:Could not connect to the service\n", "a.txt", found)
    assert found.not_looked_up == {"a.txt: ERROR:pip_audit._cli:Could not connect to the service"}


@pytest.mark.parametrize(
    ("wrong", "not_known", "status"),
    [([], [], 0), (["a"], [], 1), (["a"], ["b"], 1), ([], ["b"], 3)],
)
def test_the_exit_status_tells_wrong_from_not_known(
    wrong: list[str], not_known: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(wrong, not_known) == status
    said = capsys.readouterr().out
    assert all(line in said for line in wrong + not_known)
    assert ("no known vulnerability" in said) == (status == 0)
