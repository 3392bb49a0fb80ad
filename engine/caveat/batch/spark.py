"""A run past one machine: judged by Spark once, stored, and laid out as findings, patients and rejects.

Everything that is counted is counted on what Spark's committer made lasting, so that a task that was
run twice, or two at once, counts once. `run.json` is written last: a folder without it holds no
finished run.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from caveat.adapters.spark.lines import plain_path
from caveat.batch import edges
from caveat.batch.counting import count
from caveat.batch.counts import CHECK_FAILED, Counts
from caveat.batch.identity import FORMAT, policy_digest, versions
from caveat.batch.ids import Doubled
from caveat.batch.judge import Settings
from caveat.batch.manifest import manifest
from caveat.batch.problems import RunError
from caveat.batch.spark_places import Found, Places, kind_of
from caveat.compile.ruleset import Ruleset
from caveat.errors import CaveatError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from caveat.adapters.spark import Built
    from caveat.evaluators.columnar import Screened as OfBatch
    from caveat.evaluators.spark import Screened

MANIFEST: Final = "run.json"
WORK: Final = "_work"
FOLDERS: Final = ("findings", "patients", "rejects")
REJECTS: Final = (
    "patient string, file string, field string, code string, message string, value string, hint string, "
    "also array<string>, harmless boolean, line bigint"
)
LOCAL: Final = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}
"""Settings where driver and workers are on one machine: nothing of it is open to others."""


@dataclass(frozen=True, slots=True)
class SparkOutcome:
    """A finished run: the address of its folder, and its manifest."""

    folder: str
    manifest: dict[str, Any]


class Tally:
    """Counts what the batches of a partition gave, on the worker that judged them."""

    def __init__(self) -> None:
        self.counts = Counts()

    def add(self, screened: OfBatch) -> None:
        """Add a batch."""
        count(self.counts, screened)

    def text(self) -> str:
        """The counts as JSON."""
        return json.dumps(self.counts.plain(), ensure_ascii=False)


def run(
    paths: Sequence[str],
    rules: Ruleset,
    settings: Settings,
    *,
    master: str,
    out: str,
    title: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> SparkOutcome:
    """Screen Parquet in the published schema, Bulk Data or native NDJSON, or OMOP tables, on Spark.

    `master` is as Spark takes it: `local[4]`, `spark://host:7077`, `yarn`. Paths and `out` are seen
    by every machine of Spark. Writes the folders findings, patients and rejects, and run.json.
    Raises InputError for input that cannot be read or changed while it was, and RunError for a
    folder that is not empty, a job that Spark gives up, and sums that do not agree.
    """
    if settings.evaluator != "columnar" or settings.second_opinion is not None:
        raise CaveatError(
            "on Spark the columnar evaluator judges: leave --evaluator and --second-opinion out"
        )
    begun, started = edges.ticks(), edges.now()
    with _session(master) as spark:
        places = Places(spark)
        files = places.files(paths)
        kind = kind_of(places, files)
        folder = places.new_folder(out)
        work = f"{folder}/{WORK}"
        seconds: dict[str, float] = {}
        try:
            with _timed(seconds, "read"):
                built = _built(spark, kind, paths, rules, work)
            say(f"{len(files):,} files of {kind}, {built.records:,} patient records")
            with _timed(seconds, "screen"):
                stored, doubled = _screened(built, rules, settings, work)
            with _timed(seconds, "write"):
                counts, written, parts = _laid_out(spark, built, stored, folder)
        except CaveatError:
            raise
        except Exception as error:
            raise _given_up(error, folder) from error
        _check(counts, built, written)
        if places.files(paths) != files:
            raise RunError(
                "the input changed while it was read. Nothing of this run can be relied on: start anew"
            )
        start = _start(kind, files, rules, settings, title)
        timings = {
            "started": started,
            "finished": edges.now(),
            "jobs": spark.sparkContext.defaultParallelism,
            "seconds": seconds,
            "total_seconds": round(edges.ticks() - begun, 3),
        }
        whole = manifest(
            start,
            rules=rules,
            parts=parts,
            counts=counts,
            doubled=Doubled(len(doubled), sum(doubled.values())),
            files=written,
            about=built.about,
            timings=timings,
        )
        whole["spark"] = {"master": master, "version": spark.version}
        places.remove(work)
        places.write(f"{folder}/{MANIFEST}", json.dumps(whole, ensure_ascii=False, indent=1) + "\n")
    return SparkOutcome(plain_path(folder), whole)


@contextmanager
def _session(master: str) -> Iterator[SparkSession]:
    """The session that is there, else one of our own, which is stopped at the end."""
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        yield active
        return
    builder = SparkSession.builder.master(master).appName("caveat screen")
    if master.startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        for name, value in LOCAL.items():
            builder = builder.config(name, value)
    try:
        spark = builder.getOrCreate()
    except (PySparkException, OSError, RuntimeError) as error:
        raise RunError(
            f"Spark does not start as {master!r} ({_first_line(error)}). It needs Java 17 or later, and a "
            "master such as local[4], spark://host:7077 or yarn"
        ) from None
    spark.sparkContext.setLogLevel("ERROR")
    try:
        yield spark
    finally:
        spark.stop()


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    begun = edges.ticks()
    yield
    seconds[name] = round(edges.ticks() - begun, 3)


def _built(spark: SparkSession, kind: str, paths: Sequence[str], rules: Ruleset, work: str) -> Built:
    """The patients of the input, in one way for every kind."""
    from caveat.adapters.spark import Built, fhir, omop

    if kind == "omop":
        if len(paths) > 1:
            raise CaveatError("an OMOP database is screened on its own: name one folder of tables a run")
        return omop(spark, paths[0], work=f"{work}/cohort", terminology=rules.terminology)
    if kind == "lines":
        return fhir(spark, list(paths), work=f"{work}/cohort", terminology=rules.terminology)
    # One schema for all files: without it Spark would take that of one file and drop what others have more.
    reader = spark.read.option("mergeSchema", "true").option("recursiveFileLookup", "true")
    found = reader.parquet(*paths)
    records = found.count()
    return Built(
        found, spark.createDataFrame([], REJECTS), records, {"reader": "parquet", "patients": records}
    )


def _screened(built: Built, rules: Ruleset, settings: Settings, work: str) -> tuple[Screened, dict[str, int]]:
    """Every patient judged, once, and stored; and the ids that stand in several records."""
    from caveat.evaluators.spark import conforming, doubled_ids, screen

    conforming(built.patients)
    doubled = doubled_ids(built.patients)
    found = screen(
        built.patients,
        rules,
        as_of=settings.day,
        selection=settings.selection,
        because=settings.because,
        doubled=doubled,
        tally=Tally,
    )
    return found.store(f"{work}/screened"), doubled


def _laid_out(
    spark: SparkSession, built: Built, stored: Screened, folder: str
) -> tuple[Counts, dict[str, Any], int]:
    """The folders of the run; counts over all partitions, rows that were written, and partitions."""
    from pyspark.sql.functions import col, lit

    counts, parts = Counts(), 0
    for row in stored.entered.toLocalIterator():
        one = Counts.of(json.loads(row.counts))
        one.entered = row.entered
        counts.add(one)
        parts += 1
    own = stored.rejects.withColumn("harmless", lit(False)).withColumn("line", lit(None).cast("long"))
    rejects = own.unionByName(built.rejects.select(*own.columns))
    tables: dict[str, DataFrame] = {
        "findings": stored.findings,
        "patients": stored.patients,
        "rejects": rejects,
    }
    written: dict[str, Any] = {}
    for name in FOLDERS:
        tables[name].write.parquet(f"{folder}/{name}")
        there = spark.read.schema(tables[name].schema).parquet(f"{folder}/{name}")
        written[name] = {"rows": there.count()}
    there = spark.read.schema(rejects.schema).parquet(f"{folder}/rejects")
    for row in there.groupBy("code", "harmless", col("patient").isNotNull().alias("whole")).count().collect():
        number = int(row["count"])
        counts.rejected += number if row.whole else 0
        (counts.harmless if row.harmless else counts.rejects)[row.code] += number
        if row.code in CHECK_FAILED:
            counts.faults[row.code] += number
    # A builder rejects whole records before a worker is given them: they entered too.
    counts.entered += built.rejects.where(col("patient").isNotNull()).count()
    return counts, written, parts


def _check(counts: Counts, built: Built, written: dict[str, Any]) -> None:
    """RunError unless every record that went in is among the screened or the rejected, and was written."""
    doubt = "Nothing of this run can be relied on; report it as a fault"
    if counts.entered != counts.patients + counts.rejected:
        raise RunError(
            f"{counts.entered} patients entered, but {counts.patients} were screened and {counts.rejected} "
            f"rejected. {doubt}"
        )
    if built.records != counts.entered:
        raise RunError(
            f"the input has {built.records} patient records, but {counts.entered} were met. {doubt}"
        )
    found = sum(by.total() for by in counts.findings.values()) + counts.suppressed
    for name, number in (("patients", counts.patients), ("findings", found)):
        if written[name]["rows"] != number:
            raise RunError(f"{number} {name} were judged, but {written[name]['rows']} were written. {doubt}")


def _start(
    kind: str, files: Sequence[Found], rules: Ruleset, settings: Settings, title: str | None
) -> dict[str, Any]:
    """What the run is, as on one machine; inputs have their time instead of a hash."""
    return {
        "format": FORMAT,
        "kind": kind,
        "inputs": [one.plain() for one in files],
        "ruleset": {"version": rules.version, "digest": rules.digest},
        "policy": {"id": rules.policy, "digest": policy_digest(rules)},
        **settings.plain(),
        "versions": versions(),
        "title": title,
    }


def _given_up(error: Exception, folder: str) -> RunError:
    return RunError(
        f"Spark gave the run up: {_first_line(error)}. {folder} holds no finished run and no run.json: "
        "remove it, and start anew when the cause is mended"
    )


_RAISED: Final = re.compile(r"(?:Caused by: |: )?([A-Za-z_][\w.]*(?:Error|Exception)): ")


def _first_line(error: BaseException) -> str:
    """What went wrong, without a stack: our own error, else the last that is named, else the first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = [line for line in lines if _RAISED.match(line)]
    own = [_RAISED.sub("", line, count=1) for line in raised if "caveat.errors." in line]
    chosen = own[-1] if own else raised[-1] if raised else lines[0] if lines else type(error).__name__
    return chosen.removeprefix("Caused by: ").removeprefix(": ")[:300].rstrip(".")


def summary(outcome: SparkOutcome) -> str:
    """The lines that close a run."""
    counts = outcome.manifest["counts"]
    fires = sum(counts["findings"]["fires"].values())
    lines = [
        f"{counts['entered']:,} patients entered · {counts['screened']:,} screened as of "
        f"{outcome.manifest['as_of']} · {counts['rejected']:,} rejected · {counts['clear']:,} clear · "
        f"{fires:,} alerts · {sum(counts['findings']['cannot-assess'].values()):,} could not be assessed · "
        f"{outcome.manifest['unrecognised']['mentions']:,} not recognised · "
        f"{Counter(counts['set_aside']).total():,} things set aside",
    ]
    if counts["checks_failed"]:
        lines.append(f"{counts['checks_failed']:,} checks FAILED, review manually")
    same = outcome.manifest["same_id"]
    if same["ids"]:
        lines.append(
            f"WARNING: {same['ids']:,} ids stand in more than one record ({same['records']:,} records). They "
            "were judged apart and none is clear: join the records of a patient and screen again"
        )
    lines += outcome.manifest["source"].get("warnings", [])
    took = outcome.manifest["timings"]["total_seconds"]
    lines.append(f"{took:,.1f} s on {outcome.manifest['spark']['master']}; results in {outcome.folder}")
    return "\n".join(lines)
