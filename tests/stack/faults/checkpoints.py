"""The monitor's checkpoints, as who has the volume can get at them."""

from devstack.compose_project import Stack

CHECKPOINTS = "/var/lib/spark-monitor/checkpoints"


def in_checkpoints(stack: Stack, script: str) -> str:
    """Run a shell script where the checkpoints are."""
    return stack.compose(
        "run", "--rm", "--no-deps", "-T", "--entrypoint", "sh", "spark-monitor", "-ec", f"cd {CHECKPOINTS}; {script}"
    )
