"""Asks pip-audit for the known vulnerabilities of what is pinned. What it could not look up is not taken for good."""

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ASK_SECONDS = 300


@dataclass
class Answer:
    """Sentences: each known vulnerability; each package, or list of packages, of which nothing could be learnt."""

    known: set[str] = field(default_factory=set)
    not_looked_up: set[str] = field(default_factory=set)


def ask(requirements: Iterable[Path]) -> Answer:
    """Return what pip-audit says of some hash-pinned requirements files."""
    answer = Answer()
    for file in requirements:
        command = [
            sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off",
            "--format", "json", "--requirement", str(file),
        ]  # fmt: skip
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            answer.not_looked_up.add(f"{file}: no answer within {ASK_SECONDS} s")
        else:
            read(ended.stdout, ended.stderr, str(file), answer)
    return answer


def read(output: str, errors: str, file: str, answer: Answer) -> None:
    """Add what pip-audit printed on `file` to the answer.

    It ends with 0 and `No known vulnerabilities found` also where its source knew none of the packages, and with 1 both
    for a vulnerability and for a source that can't be reached: only the output tells.
    """
    try:
        audited = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = errors.strip().splitlines()[-1:]
        answer.not_looked_up.add(f"{file}: {' '.join(last) or 'pip-audit said nothing'}")
        return
    for package in audited:
        if reason := package.get("skip_reason"):
            answer.not_looked_up.add(f"{package['name']}: {reason}")
        for found in package.get("vulns", []):
            fixed = ", ".join(found["fix_versions"]) or "no version"
            answer.known.add(f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
