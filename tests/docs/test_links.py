"""No link in the documentation is dead: files and headings are where it says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"#+ (.*)")


def prose(page: Path) -> list[str]:
    """Return a page's lines; those of code blocks are empty."""
    lines, is_code = [], False
    for line in page.read_text("utf-8").splitlines():
        fence = line.lstrip().startswith("```")
        is_code ^= fence
        lines.append("" if is_code or fence else line)
    return lines


def anchor(heading: str) -> str:
    """Return what a heading's link ends with."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(found[1]) for line in prose(page) if (found := HEADING.match(line))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.findall("\n".join(prose(page))):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (heading and heading not in anchors(target)):
            dead.append(link)
    assert not dead
