"""Why a file can't be read, in words that say what to do: one that is mounted keeps the host's rights."""

import os


def why_unreadable(error: Exception, on_the_host: str = "chmod go+r <file>") -> str:
    """Return the reason; where the file's rights are it, with the user who needs them and what gives them."""
    if isinstance(error, PermissionError):
        return f"user {os.geteuid()} can't read it; on the host: {on_the_host}"
    return f"can't be read: {error}"
