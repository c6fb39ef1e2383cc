"""Where checkpoints are: a folder of this machine, or one on any file system that Hadoop knows (S3, HDFS, …)."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

FILE_MANAGER = "spark.sql.streaming.checkpointFileManagerClass"
"""Spark's option for what makes a checkpoint's files, so that each is whole or not there."""


def storage_at(location: str, jvm: Any) -> "StoragePath":  # noqa: ANN401 - py4j's view of Java
    """Return a folder of this machine, or the place at an address like s3a://bucket/folder."""
    return HadoopStoragePath(jvm, location.rstrip("/")) if "://" in location else LocalStoragePath(Path(location))


class StoragePath(Protocol):
    """A file or a folder. The methods raise OSError."""

    def __str__(self) -> str:
        """Return what Spark is told."""

    def __truediv__(self, name: str) -> Self:
        """Return what has that name in this folder."""

    @property
    def name(self) -> str:
        """The last part of where it is."""

    def exists(self) -> bool:
        """Return whether it is there."""

    def names(self) -> list[str]:
        """Return what is in the folder; nothing if there is none."""

    def read(self) -> bytes:
        """Return what the file holds. Raises FileNotFoundError."""

    def write(self, text: str) -> None:
        """Make or replace the file in one step: a crash on the way leaves the old one, whole, or the new one."""

    def remove(self) -> None:
        """Remove it with all that is in it."""


@dataclass(frozen=True)
class LocalStoragePath:
    """On this machine's own file system."""

    path: Path

    def __str__(self) -> str:
        """Return its path."""
        return str(self.path)

    def __truediv__(self, name: str) -> Self:
        """Return what has that name in this folder."""
        return type(self)(self.path / name)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.name

    def exists(self) -> bool:
        """Return whether it is there."""
        return self.path.exists()

    def names(self) -> list[str]:
        """Return what is in the folder; nothing if there is none."""
        return [each.name for each in self.path.iterdir()] if self.path.is_dir() else []

    def read(self) -> bytes:
        """Return what the file holds."""
        return self.path.read_bytes()

    def write(self, text: str) -> None:
        """Make or replace the file in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        with new.open("w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        new.replace(self.path)

    def remove(self) -> None:
        """Remove it with all that is in it."""
        if self.path.is_dir():
            shutil.rmtree(self.path)
        else:
            self.path.unlink()


@dataclass(frozen=True)
class HadoopStoragePath:
    """On a file system of Hadoop's, with the settings, keys and libraries with which Spark writes there.

    `jvm` is py4j's view of Java.
    """

    jvm: Any
    address: str

    def __str__(self) -> str:
        """Return its address."""
        return self.address

    def __truediv__(self, name: str) -> Self:
        """Return what has that name in this folder."""
        return type(self)(self.jvm, f"{self.address}/{name}")

    @property
    def name(self) -> str:
        """The last part of its address."""
        return self.address.rsplit("/", 1)[1]

    def exists(self) -> bool:
        """Return whether it is there; on an object store, whether anything has its name or is in it."""
        with self._files() as (files, path):
            return bool(files.exists(path))

    def names(self) -> list[str]:
        """Return what is in the folder; nothing if there is none."""
        try:
            with self._files() as (files, path):
                return [str(each.getPath().getName()) for each in files.listStatus(path)]
        except FileNotFoundError:
            return []

    def read(self) -> bytes:
        """Return what the file holds."""
        with self._files() as (files, path), closing(files.open(path)) as stream:
            return bytes(self.jvm.org.apache.commons.io.IOUtils.toByteArray(stream))

    def write(self, text: str) -> None:
        """Make or replace the file in one step, as an object store does and a rename elsewhere."""
        with self._files() as (_, path):
            checkpointing = self.jvm.org.apache.spark.sql.execution.streaming.checkpointing
            manager = checkpointing.CheckpointFileManager.create(path, self._settings())
            manager.mkdirs(path.getParent())
            out = manager.createAtomic(path, True)
            out.write(bytearray(text.encode()))
            out.close()

    def remove(self) -> None:
        """Remove it with all that is in it."""
        with self._files() as (files, path):
            files.delete(path, True)

    def _settings(self) -> Any:  # noqa: ANN401 - Hadoop's Configuration
        """Return Hadoop's settings, as Spark makes them of its own, and what makes files in one step."""
        spark = self.jvm.org.apache.spark
        conf = spark.SparkConf()
        settings = spark.deploy.SparkHadoopUtil.get().newConfiguration(conf)
        if conf.contains(FILE_MANAGER):
            settings.set(FILE_MANAGER, conf.get(FILE_MANAGER))
        return settings

    @contextmanager
    def _files(self) -> Iterator[tuple[Any, Any]]:
        """Yield Hadoop's file system and path of this place. Raises FileNotFoundError, or ConnectionError."""
        try:
            path = self.jvm.org.apache.hadoop.fs.Path(self.address)
            yield path.getFileSystem(self._settings()), path
        except Py4JJavaError as error:
            what = error.java_exception.toString()
            kind = FileNotFoundError if "FileNotFoundException" in what else ConnectionError
            raise kind(f"{self.address}: {what}") from error
