"""The table in docs/security.md, and for each of its items what `docker inspect` must say of a container.

The items are those of the container section of the CIS Docker benchmark 1.6.0, with their numbers there; behind them
two of its section on images that inspection shows too, and what the benchmark leaves out, under a word.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from devstack.layout import ROOT

Container = Mapping[str, Any]
"""What `docker inspect` says of one container."""

TABLE = ROOT / "docs" / "security.md"
COMMON_CPU_SHARES = 1024
"""Docker's own weight for a container of which nothing was said."""
LOWEST_UNPRIVILEGED_PORT = 1024
REACHABLE = {"kafka", "kafka-2", "kafka-3", "web"}
SYSTEM_FOLDERS = ("/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr")
ALLOWED_CAPABILITIES: list[list[str] | None] = [None, []]
SECRET_NAME = re.compile(r"PASS(WORD|WD|PHRASE)|SECRET|TOKEN|CREDENTIAL|JAAS|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY")
SECRET_TEXT = re.compile(
    r"(password|passwd|secret|token)\s*[=:]\s*[^\s$]|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s@]+@",
    re.IGNORECASE,
)


class Row(NamedTuple):
    """One row: the item, what it asks for, and the services that do not hold it (None: no container can)."""

    item: str
    asks: str
    exceptions: frozenset[str] | None
    why: str


def rows(text: str, services: Iterable[str]) -> list[Row]:
    """Return the table of a Markdown text; `services` are all there are. Raises ValueError for a word not known."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.match(r"\| (\d\.\d+|(?!item)[a-z]+) \|", line) and len(cells) == len(Row._fields):
            item, asks, held, why = cells
            found.append(Row(item, asks, _exceptions(held, frozenset(services)), why))
    return found


def _exceptions(held: str, services: frozenset[str]) -> frozenset[str] | None:
    if held.startswith("all but "):
        return frozenset(re.findall(r"`([a-z0-9-]+)`", held))
    known = {"yes": frozenset[str](), "no": services, "elsewhere": None}
    if held not in known:
        raise ValueError(f"expected yes, no, elsewhere or all but `service`, found {held}")
    return known[held]


def service_of(container: Container) -> str:
    """Return the name in compose.yaml."""
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def _options(container: Container) -> list[str]:
    """Return the security options, in the form with `=`."""
    return [option.replace(":", "=", 1) for option in container["HostConfig"]["SecurityOpt"] or []]


def _published(container: Container) -> list[tuple[str, int]]:
    """Return the host's addresses and ports that lead to the container."""
    bindings = container["HostConfig"]["PortBindings"] or {}
    return [(each["HostIp"], int(each["HostPort"] or 0)) for on in bindings.values() for each in on or []]


def _is_of_the_system(folder: str) -> bool:
    """Say whether a folder of the host is one of the system's, or below one."""
    path = PurePosixPath(folder)
    return folder == "/" or any(path.is_relative_to(system) for system in SYSTEM_FOLDERS if system != "/")


def _environment(container: Container) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in container["Config"]["Env"] or [])


def _tells_no_secret(container: Container) -> bool:
    """Neither by the name of a variable that has a value, nor by a text in what inspection or a process list show.

    `..._FILE` is where a secret stands, not the secret.
    """
    config = container["Config"]
    variables = _environment(container)
    named = [
        name for name, value in variables.items() if value and SECRET_NAME.search(name) and not name.endswith("_FILE")
    ]
    check = (config.get("Healthcheck") or {}).get("Test")
    texts = [
        *variables.values(),
        *(config["Cmd"] or []),
        *(config["Entrypoint"] or []),
        *(check or []),
        *(container["Args"] or []),
    ]
    return not named and not any(map(SECRET_TEXT.search, texts))


def _mounts(container: Container, *, of: str) -> list[str]:
    return [mount["Source"] for mount in container["Mounts"] if mount["Type"] == of]


HOLDS: dict[str, Callable[[Container], bool]] = {
    "5.2": lambda c: "apparmor=unconfined" not in _options(c) and c["AppArmorProfile"] != "unconfined",
    "5.3": lambda c: "label=disable" not in _options(c),
    "5.4": lambda c: c["HostConfig"]["CapDrop"] == ["ALL"] and c["HostConfig"]["CapAdd"] in ALLOWED_CAPABILITIES,
    "5.5": lambda c: not c["HostConfig"]["Privileged"],
    "5.6": lambda c: not any(map(_is_of_the_system, _mounts(c, of="bind"))),
    "5.8": lambda c: all(port >= LOWEST_UNPRIVILEGED_PORT for _, port in _published(c)),
    "5.9": lambda c: not c["HostConfig"]["PublishAllPorts"] and (service_of(c) in REACHABLE or not _published(c)),
    "5.10": lambda c: c["HostConfig"]["NetworkMode"] != "host",
    "5.11": lambda c: c["HostConfig"]["Memory"] > 0,
    "5.12": lambda c: c["HostConfig"]["CpuShares"] not in {0, COMMON_CPU_SHARES},
    "5.13": lambda c: bool(c["HostConfig"]["ReadonlyRootfs"]),
    "5.14": lambda c: all(address == "127.0.0.1" for address, _ in _published(c)),
    "5.15": lambda c: c["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 5},
    "5.16": lambda c: c["HostConfig"]["PidMode"] != "host",
    "5.17": lambda c: c["HostConfig"]["IpcMode"] != "host",
    "5.18": lambda c: not c["HostConfig"]["Devices"],
    "5.19": lambda c: {"Name": "core", "Hard": 0, "Soft": 0} in (c["HostConfig"]["Ulimits"] or []),
    "5.20": lambda c: not any("shared" in mount["Propagation"] for mount in c["Mounts"]),
    "5.21": lambda c: c["HostConfig"]["UTSMode"] != "host",
    "5.22": lambda c: "seccomp=unconfined" not in _options(c),
    "5.25": lambda c: not c["HostConfig"]["CgroupParent"],
    "5.26": lambda c: "no-new-privileges=true" in _options(c),
    "5.27": lambda c: (c["Config"].get("Healthcheck") or {"Test": ["NONE"]})["Test"] != ["NONE"],
    "5.29": lambda c: (c["HostConfig"]["PidsLimit"] or 0) > 0,
    "5.30": lambda c: "bridge" not in c["NetworkSettings"]["Networks"],
    "5.31": lambda c: c["HostConfig"]["UsernsMode"] != "host",
    "5.32": lambda c: not any("docker.sock" in source for source in _mounts(c, of="bind")),
    "4.1": lambda c: c["Config"]["User"].partition(":")[0] not in {"", "0", "root"},
    "4.10": _tells_no_secret,
    "init": lambda c: c["HostConfig"]["Init"] is True,
    "logs": lambda c: {"max-size", "max-file"} <= (c["HostConfig"]["LogConfig"]["Config"] or {}).keys(),
    "restart": lambda c: c["HostConfig"]["RestartPolicy"]["Name"] in {"unless-stopped", "on-failure"},
}
"""By item: whether a container holds it."""


def not_held_by(item: str, containers: Iterable[Container]) -> set[str]:
    """Return the services with a container that does not hold an item."""
    return {service_of(container) for container in containers if not HOLDS[item](container)}


def assert_as_the_table_says(item: str, containers: Sequence[Container]) -> None:
    """Compare the services that do not hold an item with those that the table names."""
    services = {service_of(container) for container in containers}
    (row,) = [row for row in rows(TABLE.read_text("utf-8"), services) if row.item == item]
    assert row.exceptions is not None, row.asks
    found, said = not_held_by(item, containers), row.exceptions & services
    assert found == said, f"{row.asks}: not held by {sorted(found)}, the table says {sorted(said)}"
