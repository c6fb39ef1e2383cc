"""DISPLAY was the name of SHOW until a desktop's own DISPLAY hid it once too often: who still sets it is told."""

MEANT_FOR_THE_MONITOR = frozenset({"all", "changes", "incidents"})


def old_display(display: str | None) -> str | None:
    """Return the operator's line for a DISPLAY that was meant for the monitor, None for a screen like `:0`."""
    if display not in MEANT_FOR_THE_MONITOR:
        return None
    return f"[Setelan Lama] DISPLAY tidak dibaca lagi, pakai SHOW={display}"
