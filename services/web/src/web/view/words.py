"""The page's words, in Indonesian and English: words/id.yaml, words/en.yaml. What comes from the rules is not here."""

from collections.abc import Mapping
from importlib.resources import files
from typing import get_args

import yaml

from web.view.numbers import Language

WORDS: Mapping[Language, Mapping[str, str]] = {
    language: yaml.safe_load((files("web") / "words" / f"{language}.yaml").read_text("utf-8"))
    for language in get_args(Language)
}
