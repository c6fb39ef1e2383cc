"""Templates and static files: how what is shown becomes HTML."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from web.view.numbers import Language
from web.view.words import WORDS

STATIC = Path(__file__).with_name("static")


@cache
def static_url(name: str) -> str:
    """Return the address of a static file; another content has another, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def place_url(entity_id: str) -> str:
    """Return the address of a place's page."""
    return f"/gudang/{quote(entity_id, safe='')}"


class Templates:
    """Renders templates. Every value is escaped; a name that is missing is an error."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("web"), autoescape=select_autoescape(default=True), undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._environment.globals |= {"static": static_url, "place_url": place_url, "new_id": lambda: str(uuid4())}

    def page(self, name: str, language: Language, **values: Any) -> str:  # noqa: ANN401 - what the template asks for
        """Return a page in a language."""
        return self._environment.get_template(name).render(t=WORDS[language], lang=language, **values)
