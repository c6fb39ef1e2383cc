"""What the audit says in the end."""

from collections.abc import Sequence

WRONG = 1
NOT_KNOWN = 3
"""Not 2: with that argparse and make say that they were called wrongly."""


def report(wrong: Sequence[str], not_known: Sequence[str]) -> int:
    """Print the sentences, and return the exit status."""
    for line in wrong:
        print(line)
    if not_known:
        print(f"NOT LOOKED UP, so that nothing is known of their vulnerabilities ({len(not_known)}):")
        for line in not_known:
            print(f"  {line}")
    if wrong:
        return WRONG
    if not_known:
        return NOT_KNOWN
    print("nothing is wrong; no known vulnerability")
    return 0
