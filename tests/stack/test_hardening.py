"""Every container of the running stack, item by item, against the table in docs/security.md."""

from collections.abc import Sequence

import pytest
from tests.stack.hardening import HOLDS, Container, assert_as_the_table_says

from devstack.compose_project import Stack


@pytest.fixture(scope="session")
def containers(stack: Stack) -> Sequence[Container]:
    """Return all of them, those of the profiles too."""
    stack.compose("--profile", "*", "create", "--no-recreate", "--build", "producer-mesin", "notifier")
    return stack.containers()


@pytest.mark.parametrize("item", HOLDS)
def test_the_table_says_who_holds_an_item_and_who_does_not(item: str, containers: Sequence[Container]) -> None:
    assert_as_the_table_says(item, containers)


def test_no_container_runs_a_second_door(stack: Stack, containers: Sequence[Container]) -> None:
    """The benchmark's 5.7. Inspection does not show it, a look at the processes does."""
    running = [container for container in containers if container["State"]["Running"]]
    assert running
    for container in running:
        assert "sshd" not in stack.docker("top", container["Id"]), container["Name"]
