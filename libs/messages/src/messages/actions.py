"""How an action is written to its topic."""

import json
from collections.abc import Mapping
from typing import Any

from messages import schemas


def to_json(action: Mapping[str, Any]) -> bytes:
    """Return a record of monitor-tindakan; `action` is a `messages.records.Action`."""
    return json.dumps({**action, "schema_version": schemas.VERSION}, ensure_ascii=False).encode()
