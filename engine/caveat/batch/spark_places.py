"""Files where Spark sees them: a local disk, HDFS, an object store. Through Hadoop, as Spark itself does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from caveat.batch.problems import RunError
from caveat.errors import InputError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HEAD: Final = 8
LOOKED_AT: Final = 20
"""Files whose first bytes are looked at to tell what an input is."""

_BESIDE: Final = ("_success", "_metadata", "_common_metadata", "_committed_", "_started_", "_delta_log")


@dataclass(frozen=True, slots=True)
class Found:
    """One file: its address, its bytes, and when it was last written, in milliseconds."""

    path: str
    size: int
    written: int

    def plain(self) -> dict[str, Any]:
        """As the manifest has it; Spark reads from many machines, so there is no hash of the bytes."""
        return {"path": self.path, "size": self.size, "sha256": None, "written": self.written}


class Places:
    """Looks at and writes single files from the driver."""

    def __init__(self, spark: SparkSession) -> None:
        context: Any = spark.sparkContext
        self._jvm, self._hadoop = context._jvm, context._jsc.hadoopConfiguration()

    def files(self, paths: Sequence[str]) -> tuple[Found, ...]:
        """Every file of the paths, below folders too, by address. InputError when there is none.

        Raises InputError for a file that Spark would leave out because of its name.
        """
        found: dict[str, Found] = {}
        for path in paths:
            before = len(found)
            for one in self._below(path):
                name = one.path.rpartition("/")[2]
                if name.startswith((".", "_")):
                    if name.startswith("_") and not name.lower().startswith(_BESIDE):
                        raise InputError(
                            "Spark leaves out files whose names begin with an underscore",
                            code="hidden-file",
                            source=one.path,
                            hint="Rename it, or take it out of the folder",
                        )
                    continue
                found[one.path] = one
            if len(found) == before:
                raise InputError("a folder without any file", code="no-records", source=path)
        return tuple(found[path] for path in sorted(found))

    def head(self, path: str) -> bytes:
        """The first bytes of a file."""
        stream = self._system(path).open(self._path(path))
        try:
            return bytes(stream.readNBytes(HEAD))
        finally:
            stream.close()

    def new_folder(self, path: str) -> str:
        """The address of a folder that is made, or is there and empty. RunError for any other."""
        system, place = self._system(path), self._path(path)
        if system.exists(place):
            if not system.getFileStatus(place).isDirectory():
                raise RunError(f"{path}: it is a file. --out takes a folder; name another")
            if len(list(system.listStatus(place))):
                raise RunError(
                    f"{path}: this folder is not empty. A run on Spark is not taken up again: name a new "
                    "folder with --out, or empty this one"
                )
        elif not system.mkdirs(place):
            raise RunError(f"{path}: it cannot be made. Name another folder with --out")
        return str(system.makeQualified(place).toString())

    def write(self, path: str, text: str) -> None:
        """A new file with this text, under another name until it is whole."""
        system = self._system(path)
        system.setWriteChecksum(False)
        unfinished = self._path(path + ".tmp")
        stream = system.create(unfinished, True)
        try:
            stream.write(bytearray(text.encode()))
        finally:
            stream.close()
        if not system.rename(unfinished, self._path(path)):
            raise RunError(f"{path}: it cannot be written. Nothing else is missing from the folder")

    def remove(self, path: str) -> None:
        """Take a folder away with all in it."""
        self._system(path).delete(self._path(path), True)

    def _below(self, path: str) -> Iterator[Found]:
        system, place = self._system(path), self._path(path)
        if not system.exists(place):
            raise InputError(
                "there is no such file or folder",
                code="not-found",
                source=path,
                hint="Check the spelling of the path, and that the machines of Spark see it too",
            )
        listed = system.listFiles(place, True)
        while listed.hasNext():
            one = listed.next()
            yield Found(str(one.getPath().toString()), int(one.getLen()), int(one.getModificationTime()))

    def _path(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(path)

    def _system(self, path: str) -> Any:
        return self._path(path).getFileSystem(self._hadoop)


def kind_of(places: Places, files: Sequence[Found]) -> str:
    """`omop`, `parquet` or `lines`, by names of tables and first bytes. InputError for a mixture."""
    from caveat.adapters.spark.tables import tables_among

    if "person" in tables_among(one.path for one in files):
        return "omop"
    heads = {one.path: places.head(one.path) for one in files[:LOOKED_AT]}
    parquet = [path for path, head in heads.items() if head.startswith(b"PAR1")]
    if not parquet:
        return "lines"
    if len(parquet) < len(heads):
        other = next(path for path in heads if path not in parquet)
        raise InputError(
            "Parquet files and others stand together",
            code="mixed",
            source=other,
            hint="Name the Parquet files and the others in two runs",
        )
    return "parquet"
