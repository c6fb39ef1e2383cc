"""`make secrets`: what it makes, who may read it, what it keeps, and what ROTATE renews."""

import os
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from devstack.layout import ROOT

MOUNTED = {
    each["file"].rpartition("/")[2]
    for overlay in ("compose.secure.yaml", "compose.cluster-secure.yaml")
    for each in yaml.safe_load((ROOT / overlay).read_text("utf-8"))["secrets"].values()
}
USERS = {
    "kafka", "topic-init", "producer-suhu", "producer-kelembaban", "producer-mesin", "spark-monitor", "notifier", "web",
}  # fmt: skip


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """Put a stand-in for giving files away on the PATH; it notes the user and the files. Return its notes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    notes = tmp_path / "given"
    for name in ("chown", "docker"):
        program = folder / name
        program.write_text(
            "#!/bin/sh\n"
            'while [ $# -gt 0 ] && ! echo "$1" | grep -qE "^[0-9]{3,}$"; do shift; done\n'
            f'echo "$@" >>{notes}\n'
        )
        program.chmod(0o755)
    return notes


def make(folder: Path, given: Path, **env: str) -> str:
    path = f"{given.parent / 'bin'}:{os.environ['PATH']}"
    ended = subprocess.run(
        [ROOT / "infra/make-secrets"], env=os.environ | {"PATH": path, "SECRETS_DIR": str(folder), **env},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ended.stdout


def contents(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def openssl(*arguments: str) -> str:
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True).stdout


def test_it_makes_every_file_that_the_overlay_mounts(tmp_path: Path, given: Path) -> None:
    make(tmp_path / "s", given)
    mounted = {file.name for file in (tmp_path / "s" / "mounted").iterdir()}
    assert mounted == MOUNTED
    assert {file.name for file in (tmp_path / "s" / "passwords").iterdir()} == USERS | {"zookeeper", "spark"}


def test_nobody_else_can_read_any_of_it_but_the_certificate(tmp_path: Path, given: Path) -> None:
    folder = tmp_path / "s"
    make(folder, given)
    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]
    }
    expected = {
        name: 0o700 if name in {"s", "s/passwords", "s/mounted"} else 0o644 if name == "s/mounted/ca.pem" else 0o600
        for name in modes
    }
    assert modes == expected


def test_each_mounted_file_is_given_to_who_reads_it(tmp_path: Path, given: Path) -> None:
    make(tmp_path / "s", given)
    told = {line.split()[0]: {Path(file).name for file in line.split()[1:]} for line in given.read_text().splitlines()}
    of_kafka = {"kafka.pem", "kafka-jaas.conf", "zookeeper-jaas.conf", "kafka-client.properties"}
    assert told == {
        "1000": of_kafka | {"user-kafka.properties", "user-topic-init.properties"},
        "999": {"db.pem"},
        "10001": USERS - {"kafka"} | {"spark.properties", "web.pem"},
    }


def test_passwords_are_long_and_all_different(tmp_path: Path, given: Path) -> None:
    make(tmp_path / "s", given)
    found = [file.read_text().strip() for file in (tmp_path / "s" / "passwords").iterdir()]
    assert all(len(password) == 64 for password in found)
    assert len(set(found)) == len(found)


def test_the_certificate_is_signed_for_the_names_that_the_broker_is_called_by(tmp_path: Path, given: Path) -> None:
    make(tmp_path / "s", given)
    certificate = str(tmp_path / "s" / "mounted" / "kafka.pem")
    for name in ("kafka", "kafka-2", "kafka-3", "localhost"):
        openssl("verify", "-CAfile", str(tmp_path / "s" / "ca.pem"), "-verify_hostname", name, certificate)
    with pytest.raises(subprocess.CalledProcessError):
        openssl("verify", "-CAfile", str(tmp_path / "s" / "ca.pem"), "-verify_hostname", "zookeeper", certificate)


def test_the_database_s_certificate_is_signed_for_its_name(tmp_path: Path, given: Path) -> None:
    make(tmp_path / "s", given)
    certificate = str(tmp_path / "s" / "mounted" / "db.pem")
    openssl("verify", "-CAfile", str(tmp_path / "s" / "ca.pem"), "-verify_hostname", "db", certificate)
    with pytest.raises(subprocess.CalledProcessError):
        openssl("verify", "-CAfile", str(tmp_path / "s" / "ca.pem"), "-verify_hostname", "kafka", certificate)


def test_a_second_run_changes_nothing_and_says_so(tmp_path: Path, given: Path) -> None:
    make(tmp_path / "s", given)
    before = contents(tmp_path / "s")
    said = make(tmp_path / "s", given)
    assert contents(tmp_path / "s") == before
    assert "kept in" in said
    assert "ca.key ca.pem kafka.pem" in said


def test_a_user_that_came_later_gets_a_password_and_the_others_keep_theirs(tmp_path: Path, given: Path) -> None:
    make(tmp_path / "s", given)
    before = contents(tmp_path / "s")
    (tmp_path / "s" / "passwords" / "producer-mesin").unlink()
    make(tmp_path / "s", given)
    after = contents(tmp_path / "s")
    changed = {name for name, content in after.items() if before[name] != content}
    assert changed == {"passwords/producer-mesin", "mounted/producer-mesin"}


OF_ZOOKEEPER = {"passwords/zookeeper", "mounted/zookeeper-jaas.conf"}
AUTHORITY = {"ca.key", "ca.pem", "mounted/ca.pem"}


def changed_by(folder: Path, given: Path, what: str) -> tuple[set[str], set[str]]:
    """Return the files that ROTATE changes, and those that it keeps."""
    make(folder, given)
    before = contents(folder)
    make(folder, given, ROTATE=what)
    after = contents(folder)
    assert after.keys() == before.keys()
    kept = {name for name, content in after.items() if before[name] == content}
    return after.keys() - kept, kept


def test_rotate_renews_the_users_passwords_the_brokers_certificate_and_spark_s_password(
    tmp_path: Path, given: Path
) -> None:
    assert changed_by(tmp_path / "s", given, "users")[1] == AUTHORITY | OF_ZOOKEEPER


def test_rotate_renews_what_zookeeper_knows_others_by_apart(tmp_path: Path, given: Path) -> None:
    assert changed_by(tmp_path / "s", given, "zookeeper")[0] == OF_ZOOKEEPER | {"mounted/kafka-jaas.conf"}


def test_what_cannot_be_rotated_is_refused(tmp_path: Path, given: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        make(tmp_path / "s", given, ROTATE="1")
    assert refused.value.stderr == "ROTATE=1: expected users or zookeeper\n"


def test_the_files_for_the_containers_say_the_passwords(tmp_path: Path, given: Path) -> None:
    make(tmp_path / "s", given)
    made = contents(tmp_path / "s")
    kafka, zookeeper = made["passwords/kafka"].strip(), made["passwords/zookeeper"].strip()
    assert f'user_kafka="{zookeeper}"' in made["mounted/zookeeper-jaas.conf"]
    assert f'username="kafka" password="{zookeeper}"' in made["mounted/kafka-jaas.conf"]
    assert f'username="kafka" password="{kafka}"' in made["mounted/kafka-jaas.conf"]
    assert made["mounted/user-kafka.properties"] == f"SCRAM-SHA-512=iterations=8192,password={kafka}\n"
    assert (
        f"spark.authenticate.secret={made['passwords/spark'].strip()}" in made["mounted/spark.properties"].splitlines()
    )
    assert made["mounted/spark-monitor"] == made["passwords/spark-monitor"]


def test_the_folder_is_not_committed() -> None:
    assert subprocess.run(["git", "check-ignore", "secrets/ca.key"], cwd=ROOT, check=False).returncode == 0
