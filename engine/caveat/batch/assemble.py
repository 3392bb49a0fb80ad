"""The files of a run from those of its parts, in the order of the parts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from caveat.batch.folder import Folder
from caveat.batch.safe import sync_folder, whole
from caveat.batch.schemas import FILES, schema_of
from caveat.batch.sink import Sink
from caveat.batch.splice import splice


def assemble(
    folder: Folder, parts: int, again: Collection[int], tick: Callable[[], object]
) -> dict[str, Any]:
    """Write each file of the run; returns rows, bytes and hash of each. `again` were judged twice.

    What is there already from an earlier attempt is written again: the bytes are the same.
    """
    files: dict[str, Any] = {}
    for name in FILES:
        sources = [folder.of_part(part, name, part in again) for part in range(parts)]
        if not sources:
            sources = [folder.hidden / f"nobody.{name}"]
            Sink(sources[0], schema_of(name)).close()
        with whole(folder.final(name)) as unfinished, unfinished.open("wb") as out:
            rows, size, digest = splice(sources, out, tick)
        files[name] = {"rows": rows, "bytes": size, "sha256": digest}
    sync_folder(folder.path)
    return files
