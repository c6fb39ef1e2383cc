"""Kafka's side: what it has, and doing what was planned."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from servicekit.kafka_client import Connection
from topic_init.access import Right
from topic_init.errors import FinalError, NotYetError
from topic_init.plan import Action, Found

# All other errors may pass: a broker that starts, too few brokers so far, another creator who was faster.
_REFUSALS = {
    # Kafka asks nobody: there is no authorizer.
    KafkaError.SECURITY_DISABLED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_REQUEST,
    KafkaError.POLICY_VIOLATION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_EXCEPTION,
}


ITERATIONS = 8192
"""How often SCRAM stirs a password. They are random and long: more would only make each log-in slower."""

_ANY: Any = None
"""Where a filter has nothing it means any; its types do not say so."""

ALL_RIGHTS = AclBindingFilter(
    ResourceType.ANY, _ANY, ResourcePatternType.ANY, _ANY, _ANY, AclOperation.ANY, AclPermissionType.ALLOW
)
"""All that is allowed. What somebody has denied by hand stays denied."""


class _AbsentError(NotYetError):
    """The topic does not exist."""


class Cluster:
    """A Kafka cluster. Its methods raise NotYetError (may pass) or FinalError (refused)."""

    def __init__(self, kafka: Connection, request_seconds: float) -> None:
        self._servers = kafka["bootstrap.servers"]
        self._timeout = request_seconds
        self._fault = "timed out"
        self._admin = AdminClient(kafka | {"reconnect.backoff.max.ms": 1000, "error_cb": self._remember})

    def found(self, names: Iterable[str]) -> dict[str, Found]:
        """Return those of the topics that exist."""
        found = {}
        # Not list_topics(): a signal interrupts the wait for a future, but not that call.
        described = self._admin.describe_topics(TopicCollection(list(names)), request_timeout=self._timeout)
        for name, future in described.items():
            with suppress(_AbsentError):
                partitions = self._answer(name, future).partitions
                resource = ConfigResource("topic", name)
                configs = self._admin.describe_configs([resource], request_timeout=self._timeout)
                found[name] = Found(
                    partitions=len(partitions),
                    replication={len(each.replicas) for each in partitions},
                    leaderless=[each.id for each in partitions if each.leader is None],
                    config={key: entry.value for key, entry in self._answer(name, configs[resource]).items()},
                )
        return found

    def apply(self, action: Action, *, dry_run: bool = False) -> None:
        """Do it, or with `dry_run` only let Kafka say whether it would."""
        name, partitions, replication, config = action.topic
        options: dict[str, Any] = {"request_timeout": self._timeout, "validate_only": dry_run}
        futures: dict[Any, Future[None]]
        if action.event == "topic created":
            topic = NewTopic(name, partitions, replication, config=dict(config))
            futures = self._admin.create_topics([topic], **options)
        elif action.event == "partitions added":
            futures = self._admin.create_partitions([NewPartitions(name, partitions)], **options)
        else:
            entries = [ConfigEntry(*item, incremental_operation=AlterConfigOpType.SET) for item in config.items()]
            resource = ConfigResource("topic", name, incremental_configs=entries)
            futures = self._admin.incremental_alter_configs([resource], **options)
        for future in futures.values():
            self._answer(name, future)

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Let users come in with these passwords, and with no earlier ones."""
        stirred = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
        wanted: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(name, stirred, text.encode()) for name, text in passwords.items()
        ]
        futures = self._admin.alter_user_scram_credentials(wanted, request_timeout=self._timeout)
        for name, future in futures.items():
            self._answer(f"user {name}", future)

    def rights(self) -> set[Right]:
        """Return what anybody may do. What could not stand in an access file has its own words for it."""
        found = self._answer("rights", self._admin.describe_acls(ALL_RIGHTS, request_timeout=self._timeout))
        return {_right(binding) for binding in found}

    def give(self, rights: Iterable[Right]) -> None:
        """Allow it."""
        bindings = [_binding(right) for right in rights]
        # Asked for nothing, the client raises an error.
        futures = self._admin.create_acls(bindings, request_timeout=self._timeout) if bindings else {}
        for binding, future in futures.items():
            self._answer(str(_right(binding)), future)

    def take(self, rights: Iterable[Right]) -> None:
        """Allow it no longer."""
        filters = [_filter(right) for right in rights]
        futures = self._admin.delete_acls(filters, request_timeout=self._timeout) if filters else {}
        for each, future in futures.items():
            self._answer(f"{each.principal} on {each.name}", future)

    def _answer(self, name: str, future: Future[Any]) -> Any:  # noqa: ANN401 - each request has its own
        try:
            return future.result()
        except KafkaException as exception:
            error: Any = exception.args[0]
            problem = f"{name}: {error.str()}"
            if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise _AbsentError(problem) from exception
            if error.code() in _REFUSALS:
                raise FinalError(problem) from exception
            if error.code() == KafkaError._TIMED_OUT:  # noqa: SLF001 - that is its public name
                self._admin.poll(0)  # runs the callback
                problem = f"no answer from Kafka at {self._servers}: {self._fault}"
            raise NotYetError(problem) from exception

    def _remember(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - says less than the error before it
            self._fault = error.str()


def _right(binding: Any) -> Right:  # noqa: ANN401 - a binding, or a filter like it
    return Right(
        binding.principal.removeprefix("User:"),
        binding.operation.name,
        binding.restype.name,
        binding.name,
        binding.resource_pattern_type == ResourcePatternType.PREFIXED,
    )


def _binding(right: Right) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if right.is_prefix else ResourcePatternType.LITERAL
    return AclBinding(
        ResourceType[right.resource], right.name, pattern, f"User:{right.user}", "*", AclOperation[right.operation],
        AclPermissionType.ALLOW,
    )  # fmt: skip


def _filter(right: Right) -> AclBindingFilter:
    """Return what finds a right, from wherever it may be used."""
    pattern = ResourcePatternType.PREFIXED if right.is_prefix else ResourcePatternType.LITERAL
    return AclBindingFilter(
        ResourceType[right.resource], right.name, pattern, f"User:{right.user}", _ANY,
        AclOperation[right.operation], AclPermissionType.ALLOW,
    )  # fmt: skip
