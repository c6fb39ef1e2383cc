"""A compose file as Python has it, without regard to what of it replaces and what adds."""

from typing import Any

import yaml

from devstack.layout import ROOT


class _Loader(yaml.SafeLoader):
    """Knows Compose's own tags."""


def _untagged(loader: _Loader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        return loader.construct_mapping(node, deep=True)
    assert isinstance(node, yaml.SequenceNode)
    return loader.construct_sequence(node, deep=True)


for _tag in ("!override", "!reset"):
    _Loader.add_constructor(_tag, _untagged)


def services(name: str) -> dict[str, Any]:
    """Return the services of a compose file of the repository."""
    text = (ROOT / name).read_text("utf-8")
    return dict(yaml.load(text, _Loader)["services"])  # noqa: S506 - a safe loader
