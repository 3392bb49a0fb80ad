"""One part of a cohort: read, judged, written, and recorded as finished."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caveat.adapters.cohort.base import Chunk, Cohort, Rejected
from caveat.batch import schemas
from caveat.batch.counting import count
from caveat.batch.counts import Counts
from caveat.batch.folder import KEYS, Folder
from caveat.batch.ids import Marker, already_marked, write_keys
from caveat.batch.ids import keys as keys_of
from caveat.batch.judge import Judge, Settings, judge_of, screened
from caveat.batch.problems import RunError
from caveat.batch.safe import sha256, sync_folder, whole, write_json
from caveat.batch.sink import Sink
from caveat.compile.ruleset import Ruleset

if TYPE_CHECKING:
    import pyarrow as pa

Tell = Callable[[int, int, int], None]
"""Takes what the part came to so far: patients that entered, alerts, patients with something left open."""


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that is the same for every part; goes to each process once."""

    cohort: Cohort
    rules: Ruleset
    settings: Settings
    folder: Folder
    again: bool = False

    def tools(self) -> Tools:
        """What each process builds once."""
        marker = Marker(self.folder.doubled) if self.again else None
        return Tools(judge_of(self.rules, self.settings), marker)


@dataclass(frozen=True, slots=True)
class Tools:
    """Who judges, and who marks the ids that stand in several records, where they are known."""

    judge: Judge
    marker: Marker | None


def screen_part(job: Job, part: int, tools: Tools, tell: Tell) -> None:
    """Write the files of a part and its record; without the record the part counts as not done.

    RunError when a patient that entered is neither screened nor rejected.
    """
    folder = job.folder
    counts = Counts()
    keys: list[Any] = []
    with (
        whole(folder.of_part(part, "findings", job.again)) as findings,
        whole(folder.of_part(part, "patients", job.again)) as patients,
        whole(folder.of_part(part, "rejects", job.again)) as rejects,
        whole(folder.of_part(part, KEYS, job.again)) as ids,
    ):
        paths = {"findings": findings, "patients": patients, "rejects": rejects}
        sinks = {name: Sink(path, schemas.schema_of(name)) for name, path in paths.items()}
        try:
            for chunk in job.cohort.read(part):
                keys += _screen_chunk(job, part, chunk, tools, counts, sinks)
                tell(counts.entered, counts.of_status("fires"), counts.with_any["open"])
        finally:
            for sink in sinks.values():
                sink.close()
        rows = {name: sink.rows for name, sink in sinks.items()}
        rows[KEYS] = sum(len(some) for some in keys)
        write_keys(ids, keys)
    if counts.entered != counts.patients + counts.rejected or rows["patients"] != counts.patients:
        raise RunError(
            f"part {part}: {counts.entered} patients entered, but {counts.patients} were screened and "
            f"{counts.rejected} rejected. Nothing of this run can be relied on; report it as a fault"
        )
    sync_folder(folder.parts)
    files: dict[str, Any] = {}
    for name in (*schemas.FILES, KEYS):
        path = folder.of_part(part, name, job.again)
        files[name] = {"rows": rows[name], "bytes": path.stat().st_size, "sha256": sha256(path)}
    record = {"part": part, "files": files, "counts": counts.plain()}
    write_json(folder.record(part, job.again), record, compact=True)
    _give_back()


def _give_back() -> None:
    """Return what the part needed to the system, since the allocators would keep it beside the next one's."""
    import ctypes

    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def _screen_chunk(
    job: Job, part: int, chunk: Chunk, tools: Tools, counts: Counts, sinks: dict[str, Sink]
) -> list[Any]:
    """Screen a batch into the sinks; returns the keys of the ids of its patients, rejected ones too."""
    import numpy as np
    import pyarrow as pa

    first = counts.patients
    counts.entered += chunk.entered
    keys = []
    if chunk.batch.num_rows:
        keys.append(keys_of(chunk.batch.column("id"), already_marked(chunk.batch)))
        batch = tools.marker.marked(chunk.batch) if tools.marker else chunk.batch
        found, failure = screened(tools.judge, batch, job.rules, job.settings)
        if failure is not None:
            counts.again += batch.num_rows
            counts.failures[failure] += 1
        count(counts, found)
        sinks["findings"].write(_placed(found.findings, part, first, schemas.findings()))
        sinks["patients"].write(_placed(found.patients, part, first, schemas.patients()))
    for one in chunk.rejected:
        counts.rejected += one.patient is not None
        (counts.harmless if one.reject.harmless else counts.rejects)[one.reject.code] += 1
    if chunk.rejected:
        sinks["rejects"].write(_rejects(chunk.rejected, part))
        names = pa.array([one.patient for one in chunk.rejected if one.patient], pa.string())
        keys.append(keys_of(names, np.ones(len(names), dtype=bool)))
    return keys


def _placed(found: pa.RecordBatch, part: int, first: int, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with its part, and rows that count from the first patient of the part."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = dict(zip(found.schema.names, found.columns, strict=True))
    columns["part"] = pa.array(np.full(found.num_rows, part, dtype=np.int32))
    if "row" in columns:
        columns["row"] = pc.add(columns["row"], pa.scalar(first, pa.int32()))
    else:
        columns["row"] = pa.array(np.arange(first, first + found.num_rows, dtype=np.int32))
    settled = [columns[field.name].cast(field.type) for field in schema]
    return pa.RecordBatch.from_arrays(settled, schema=schema)


def _rejects(rejected: tuple[Rejected, ...], part: int) -> pa.RecordBatch:
    import pyarrow as pa

    rows = [
        {
            "part": part,
            "file": one.reject.source,
            "line": one.reject.line,
            "field": one.reject.path or None,
            "code": one.reject.code,
            "message": one.reject.message,
            "value": one.reject.value or None,
            "hint": one.reject.hint or None,
            "also": list(one.reject.also),
            "harmless": one.reject.harmless,
            "patient": one.patient,
        }
        for one in rejected
    ]
    return pa.RecordBatch.from_pylist(rows, schema=schemas.rejects())
