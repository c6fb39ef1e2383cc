"""What a person, or the rules, want to be done about an entity: records of the actions' topic. No I/O."""

import uuid
from typing import Any, cast

from messages.records import Action
from rules.model import Rules


def retirement(
    entity_id: str, *, stream: str | None, sensor_id: str | None, by: str, reason: str, now: float
) -> Action:
    """Return a person's word that nobody waits for a sensor any more, or for a whole place."""
    return _action(
        action_id=str(uuid.uuid4()), action="retire", entity_id=entity_id, stream=stream, sensor_id=sensor_id,
        by=by, at=now, reason=reason,
    )  # fmt: skip


def expected(rules: Rules, now: float) -> list[Action]:
    """Return, for each place that the rules name, that it is waited for; one that spoke already is."""
    return [
        _action(
            action_id=f"expect-{name}-{entity}-{round(now * 1000)}", action="expect", entity_id=entity, stream=name,
            sensor_id=None, by="rules.yaml", at=now, reason="",
        )
        for name, stream in rules.streams.items()
        if stream.silence is not None
        for entity in stream.silence.expected
    ]  # fmt: skip


def _action(**fields: Any) -> Action:  # noqa: ANN401 - of an Action, whose pydantic settings mypy takes for a field
    return cast("Action", fields)
