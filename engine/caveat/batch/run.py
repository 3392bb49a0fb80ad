"""A run from beginning to end: started or taken up again, screened in parts, assembled, reported."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from caveat.adapters.cohort.base import Cohort
from caveat.batch import edges
from caveat.batch.assemble import assemble
from caveat.batch.counts import Counts
from caveat.batch.folder import KEYS, Folder, Lock
from caveat.batch.identity import identity, must_agree
from caveat.batch.ids import Doubled, find_doubled
from caveat.batch.judge import Settings
from caveat.batch.manifest import manifest
from caveat.batch.part import Job
from caveat.batch.pool import screen_parts
from caveat.batch.problems import RunError, disk_problem
from caveat.batch.progress import Progress, Quiet, stated_patients
from caveat.batch.safe import read_json, sync_folder, write_json
from caveat.batch.schemas import FILES
from caveat.compile.ruleset import Ruleset
from caveat.errors import InputError

WAIT_FOR_WORKERS = 15.0
"""Seconds that processes of a killed run are given to notice that it is gone."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: its folder, its manifest, and whether there was anything left to do."""

    folder: Folder
    manifest: dict[str, Any]
    did_anything: bool = True


def run(
    cohort: Cohort,
    rules: Ruleset,
    settings: Settings,
    *,
    out: Path,
    resume: bool = False,
    jobs: int | None = None,
    title: str | None = None,
    say: Callable[[str], None] = lambda text: None,
    progress: Progress | None = None,
    report: bool = True,
) -> Outcome:
    """Screen a cohort into the folder `out`; `resume` takes up what is unfinished there.

    `jobs` is the number of processes, one a core where it is None; 1 needs none beside this one.
    `report` writes report.html.

    Raises InputError for input that cannot be read, and RunError, with what to do, for a folder,
    disk or process that fails, for inputs or settings that changed, and for sums that do not agree.
    """
    folder = Folder(out)
    watcher = progress or Quiet()
    lock = Lock(folder)
    there = out.exists()
    lock.take(WAIT_FOR_WORKERS if resume else 0.0)
    try:
        return _locked(
            Run(cohort, rules, settings, folder, lock, jobs or cores(), title, say, watcher, report), resume
        )
    except OSError as error:
        raise disk_problem(error, out) from error
    finally:
        watcher.close()
        if not folder.start.exists():
            # Nothing was begun, or all is done: no trace of this call stays.
            folder.clean()
            if not there:
                folder.drop()
        lock.give_back()


def recorded(out: Path) -> dict[str, Any] | None:
    """How the run in a folder was started, finished or not; None when there is none."""
    folder = Folder(out)
    found: dict[str, Any] | None = read_json(folder.manifest) or read_json(folder.start)
    return found


def cores() -> int:
    """How many processes this one may use."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(slots=True)
class Run:
    """What a run needs from beginning to end."""

    cohort: Cohort
    rules: Ruleset
    settings: Settings
    folder: Folder
    lock: Lock
    jobs: int
    title: str | None
    say: Callable[[str], None]
    watcher: Progress
    report: bool


def _locked(run: Run, resume: bool) -> Outcome:
    folder = run.folder
    begun = edges.ticks()
    timings: dict[str, Any] = {"started": edges.now(), "jobs": run.jobs, "seconds": {}}
    seconds: dict[str, float] = timings["seconds"]
    _refuse(folder, resume)
    with _timed(seconds, "inputs"):
        now = identity(run.cohort, run.rules, run.settings)
        stood = _stamps(now)
    done: dict[str, Any] | None = read_json(folder.manifest)
    before: dict[str, Any] | None = done or read_json(folder.start)
    if before is not None:
        must_agree(before, now, folder.path)
        start = {name: before[name] for name in (*now, "title")}
    else:
        start = {**now, "title": run.title}
        write_json(folder.start, start)
    if done is not None:
        _report(run, start["title"], seconds)
        folder.clean()
        return Outcome(folder, done, did_anything=False)
    with _timed(seconds, "prepare"):
        run.cohort.prepare(folder.source, run.watcher.note)
    parts = run.cohort.parts()
    with _timed(seconds, "check"):
        todo = [part for part in range(parts) if folder.finished(part) is None]
    if len(todo) < parts:
        run.say(f"{parts - len(todo)} of {parts} parts are finished already")
    memory = 0
    if todo:
        run.watcher.begin(parts, parts - len(todo), run.cohort.about())
        job = Job(run.cohort, run.rules, run.settings, folder)
        with _timed(seconds, "screen"):
            memory = screen_parts(job, todo, jobs=run.jobs, watcher=run.watcher, lock=run.lock.handle)
        run.watcher.close()
    doubled = _doubled(run, parts, seconds)
    counts = _sum(folder, parts, doubled.parts)
    about = run.cohort.about()
    _check(counts, about)
    _unchanged(stood, _stamps(now))
    with _timed(seconds, "assemble"):
        files = assemble(folder, parts, doubled.parts, run.watcher.tick)
    _check_files(files, counts)
    timings |= {
        "parts_done_before": parts - len(todo),
        "peak_memory_bytes": edges.peak_memory() + memory,
        "total_seconds": round(edges.ticks() - begun, 3),
        "finished": edges.now(),
    }
    whole = manifest(
        start,
        rules=run.rules,
        parts=parts,
        counts=counts,
        doubled=doubled,
        files=files,
        about=about,
        timings=timings,
    )
    write_json(folder.manifest, whole)
    _report(run, start["title"], seconds)
    folder.clean()
    sync_folder(folder.path)
    return Outcome(folder, whole)


@contextlib.contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    begun = edges.ticks()
    yield
    seconds[name] = round(edges.ticks() - begun, 3)


def _refuse(folder: Folder, resume: bool) -> None:
    """RunError when the folder holds something that this call would spoil."""
    if resume:
        return
    if folder.manifest.exists():
        raise RunError(
            f"{folder.path}: this folder holds a finished run. Name another folder with --out, or remove it"
        )
    if folder.start.exists():
        raise RunError(
            f"{folder.path}: this folder holds a run that was not finished. Run the same command with "
            "--resume to finish it, or name another folder with --out"
        )
    for path in (*(folder.final(name) for name in FILES), folder.report):
        if path.exists():
            raise RunError(
                f"{path}: this file would be overwritten and is of no run that is known here. "
                "Name another folder with --out"
            )


def _doubled(run: Run, parts: int, seconds: dict[str, float]) -> Doubled:
    """Ids that stand in more than one record; parts that hold such records are judged again, marked."""
    folder = run.folder
    with _timed(seconds, "ids"):
        doubled = find_doubled([folder.of_part(part, KEYS) for part in range(parts)], folder.doubled)
    todo = [part for part in doubled.parts if folder.finished(part, again=True) is None]
    if todo:
        run.say(
            f"{doubled.ids:,} ids stand in more than one record ({doubled.records:,} records). These are "
            f"judged again, so that none is called clear: {len(todo)} of {parts} parts"
        )
        run.watcher.begin(parts, parts - len(todo), {})
        job = Job(run.cohort, run.rules, run.settings, folder, again=True)
        with _timed(seconds, "again"):
            screen_parts(job, todo, jobs=run.jobs, watcher=run.watcher, lock=run.lock.handle)
        run.watcher.close()
    return doubled


def _sum(folder: Folder, parts: int, again: Collection[int]) -> Counts:
    """Counts over all parts, in their order."""
    counts = Counts()
    for part in range(parts):
        record = read_json(folder.record(part, part in again))
        if record is None:
            raise RunError(
                f"{folder.record(part, part in again)}: it is gone. Run the same command with --resume"
            )
        counts.add(Counts.of(record["counts"]))
    return counts


def _stamps(now: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Size and time of each input that is a file here."""
    found = {}
    for one in now["inputs"]:
        with contextlib.suppress(OSError, ValueError):
            status = Path(one["path"]).stat()
            found[one["path"]] = (status.st_size, status.st_mtime_ns)
    return found


def _unchanged(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> None:
    """InputError for a file that was written to while it was read: what was read may be of both."""
    for path, stamp in before.items():
        if after.get(path) != stamp:
            raise InputError(
                "it changed while it was read",
                code="changed",
                source=path,
                hint="Start anew in another folder once nothing writes to it any more",
            )


def _check(counts: Counts, about: dict[str, Any]) -> None:
    """RunError unless each patient that went in is among the screened or the rejected."""
    if counts.entered != counts.patients + counts.rejected:
        raise RunError(
            f"{counts.entered} patients entered, but {counts.patients} were screened and {counts.rejected} "
            "rejected. Nothing of this run can be relied on; report it as a fault"
        )
    stated = stated_patients(about)
    if stated is not None and stated != counts.entered:
        raise RunError(
            f"the source holds {stated} patients, but {counts.entered} were met. Nothing of this run can be "
            "relied on; report it as a fault"
        )


def _check_files(files: dict[str, Any], counts: Counts) -> None:
    if files["patients"]["rows"] != counts.patients:
        raise RunError(
            f"{counts.patients} patients were screened, but {files['patients']['rows']} were written. "
            "Nothing of this run can be relied on; report it as a fault"
        )


def _report(run: Run, title: str | None, seconds: dict[str, float]) -> None:
    """Write report.html, unless it is there. RunError when that fails; the run is finished all the same."""
    if run.folder.report.exists() or not run.report:
        return
    write = getattr(import_module("caveat.batch.report"), "write", None)
    if write is None:
        run.say("report.html was not written: this installation has no cohort report")
        return
    try:
        with _timed(seconds, "report"):
            write(run.folder.path, title=run.title or title)
    except Exception as error:
        raise RunError(
            f"{run.folder.report}: not written ({type(error).__name__}: {str(error)[:200]}). "
            "All other files are complete: the same command with --resume tries the report again"
        ) from error
