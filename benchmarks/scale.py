"""What Spark costs: `python -m benchmarks.scale [EXPORT]` measures on local[2] for docs/scale.md.

Seconds are processor seconds of the JVM and of the Python workers, read from the system for all of
their processes, so that other work on the machine changes them little; each figure is the least of
the rounds. EXPORT is a folder of Bulk Data NDJSON, which is copied under other ids.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.cohort.generate import batches
from benchmarks.cohort.rules import with_pairs
from benchmarks.cohort.settings import AS_OF
from caveat.columns.check import checked, conform
from caveat.compile import portable
from caveat.compile.ruleset import Ruleset, assemble, load
from caveat.compile.serial import canonical
from caveat.evaluators.columnar import Columnar
from caveat.evaluators.spark import Screened, screen
from caveat.evaluators.spark.work import reread
from caveat.terminology.load import to_json

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TICKS = os.sysconf("SC_CLK_TCK")


class Spent(NamedTuple):
    """Processor seconds of the JVM and of its Python workers, and seconds on the clock."""

    jvm: float
    python: float
    wall: float

    def less(self, other: Spent) -> Spent:
        """What was spent since."""
        return Spent(self.jvm - other.jvm, self.python - other.python, self.wall - other.wall)

    def each(self, count: int) -> str:
        """Microseconds apiece."""
        jvm, python, wall = (1e6 * one / count for one in self)
        return f"JVM {jvm:.1f}, Python {python:.1f}, clock {wall:.1f} us apiece"


def _below(parent: int) -> Iterator[int]:
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in task.read_text().split():
            yield int(child)
            yield from _below(int(child))


def spent() -> Spent:
    """Processor seconds so far of everything below this process, those that have ended included."""
    sums = {"java": 0.0, "python": 0.0}
    for process in {*_below(os.getpid())}:
        try:
            text = Path(f"/proc/{process}/stat").read_text()
        except OSError:
            continue
        name, fields = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
        kind = "java" if name == "java" else "python"
        own, ended = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
        sums[kind] += (own + (ended if kind == "python" else 0)) / TICKS
    return Spent(sums["java"], sums["python"], time.perf_counter())


def least(call: Callable[[], object], rounds: int = 3) -> Spent:
    """The least that a call took, after one that is not counted."""
    call()
    found = []
    for _ in range(rounds):
        before = spent()
        call()
        found.append(spent().less(before))
    return Spent(*(min(one[place] for one in found) for place in range(3)))


def session(log: str, workers: int = 2) -> SparkSession:
    """Spark with its events logged."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "2g",
        "spark.sql.shuffle.partitions": "8",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": log,
    }
    builder = SparkSession.builder.master(f"local[{workers}]").appName("caveat benchmark")
    for name, value in settings.items():
        builder = builder.config(name, value)
    found = builder.getOrCreate()
    found.sparkContext.setLogLevel("ERROR")
    return found


def shuffled(log: str) -> tuple[int, int]:
    """Bytes and records written to shuffles so far."""
    written = records = 0
    for line in _events(log):
        if '"SparkListenerTaskEnd"' in line:
            metrics = json.loads(line).get("Task Metrics", {}).get("Shuffle Write Metrics", {})
            written += metrics.get("Shuffle Bytes Written", 0)
            records += metrics.get("Shuffle Records Written", 0)
    return written, records


def tasks(log: str) -> list[float]:
    """Seconds of each task so far, in the order in which they ended."""
    found = []
    for line in _events(log):
        if '"SparkListenerTaskEnd"' in line:
            found.append(json.loads(line).get("Task Metrics", {}).get("Executor Run Time", 0) / 1000)
    return found


def _events(log: str) -> Iterator[str]:
    for file in sorted(Path(log).rglob("*")):
        if file.is_file() and not file.name.startswith("."):
            yield from file.read_text("utf-8", "replace").splitlines()


def of_rules(rules: Ruleset) -> Ruleset:
    """The ruleset with the digest that its content has."""
    content = {
        "program": canonical(rules.program.version, rules.program.rules).decode(),
        "terminology": to_json(rules.terminology).decode(),
        **{name: getattr(rules, name) for name in ("tiers", "open_tiers", "rule_tiers", "policy", "sources")},
    }
    return assemble(content, Path())


def rules_in_bytes(rulesets: dict[str, Ruleset]) -> None:
    """Size of the rules on their way, and what a worker process spends on them once."""
    for name, rules in rulesets.items():
        raw = portable.dumps(rules)
        before, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = portable.loads(raw)
        middle = time.process_time()
        Columnar(found, as_of=AS_OF)
        after = time.process_time()
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
        print(
            f"rules, {name}: {len(found.program.rules):,} rules, {len(raw) / 1e3:,.0f} kB on their way, "
            f"read in {1e3 * (middle - before):,.0f} ms, prepared in "
            f"{1e3 * (after - middle):,.0f} ms, {grown:,.0f} MB more"
        )


def alone(cohort: str, rules: Ruleset, patients: int, size: int) -> None:
    """One process without Spark: read, checked, judged."""
    steps = {"read": 0.0, "checked": 0.0, "judged": 0.0}
    columnar = Columnar(rules, as_of=AS_OF)
    best = dict(steps)
    for number in range(3):
        steps = dict.fromkeys(steps, 0.0)
        before = time.process_time()
        for batch in pq.ParquetFile(cohort).iter_batches(size, use_threads=False):
            first = time.process_time()
            seen = checked(conform(batch), reread)
            second = time.process_time()
            columnar.screen(seen.batch)
            after = time.process_time()
            steps["read"] += first - before
            steps["checked"] += second - first
            steps["judged"] += after - second
            before = after
        best = steps if not number else {name: min(best[name], steps[name]) for name in steps}
    shown = ", ".join(f"{name} {1e6 * one / patients:.1f}" for name, one in best.items())
    print(f"one process without Spark, batches of {size:,}: {shown} us a patient")


def past(spark: SparkSession, cohort: str, rulesets: dict[str, Ruleset], patients: int, work: str) -> None:
    """The steps of Spark one on top of the other, and the whole of it."""
    frame = spark.read.parquet(cohort)

    print("read by Spark:", least(_drained(frame)).each(patients))
    passed = frame.mapInArrow(_through, frame.schema)
    print("read and sent to Python and back unchanged:", least(_drained(passed)).each(patients))
    print("read and sent to Python:", least(_drained(frame.mapInArrow(_counted, "n long"))).each(patients))
    for name, rules in rulesets.items():
        found = screen(frame, rules, as_of=AS_OF)
        print(f"screened, {name}:", least(_drained(found.all)).each(patients))
    for size in (1_000, 10_000, 50_000):
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(size))
        found = screen(frame, rulesets["bundled"], as_of=AS_OF)
        print(f"screened, bundled, batches of {size:,}:", least(_drained(found.all)).each(patients))
    spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    place = iter(range(100))
    stored: list[Screened] = []
    found = screen(frame, rulesets["bundled"], as_of=AS_OF)
    took = least(lambda: stored.append(found.store(f"{work}/stored-{next(place)}")), 2)
    size_of = sum(file.stat().st_size for file in Path(f"{work}/stored-0").iterdir())
    print("screened and stored, bundled:", took.each(patients), f"{size_of / patients:,.0f} bytes a patient")
    print("findings read back from the store:", least(_drained(stored[0].findings)).each(patients))
    workers = {int(row.n) for row in frame.mapInArrow(_peak, "n long").collect()}
    print("peak memory of a Python worker:", f"{max(workers) / 1024:,.0f} MB")


def _drained(found: DataFrame) -> Callable[[], None]:
    return lambda: found.write.format("noop").mode("overwrite").save()


def _through(given: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from given


def _counted(given: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in given:
        yield pa.RecordBatch.from_pydict({"n": pa.array([batch.num_rows], pa.int64())})


def _peak(given: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for _ in given:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield pa.RecordBatch.from_pydict({"n": pa.array([peak], pa.int64())})


def spread(spark: SparkSession, cohort: str, rules: Ruleset, log: str) -> None:
    """Even and uneven partitions, and the cost of a task with nothing to do."""
    from pyspark.sql.functions import expr

    frame = spark.read.parquet(cohort)
    kinds = {
        "even, 8 partitions": frame.repartition(8, "id"),
        "half in one of 8": frame.withColumn("x_k", expr(f"if({_N} % 2 = 0, 0, {_N} % 7 + 1)")).repartition(
            8, "x_k"
        ),
        "nine tenths in one of 8": frame.withColumn(
            "x_k", expr(f"if({_N} % 10 > 0, 0, {_N} % 7 + 1)")
        ).repartition(8, "x_k"),
    }
    for name, found in kinds.items():
        screened = screen(found, rules, as_of=AS_OF)
        drain = _drained(screened.all)
        drain()
        seen = len(tasks(log))
        before = spent()
        drain()
        took = spent().less(before)
        times = tasks(log)[seen:]
        print(
            f"{name}: longest of {len(times)} tasks {max(times):.1f} s, together {sum(times):.1f} s, "
            f"on the clock {took.wall:.1f} s"
        )
    spark.conf.set("spark.sql.adaptive.enabled", "false")
    nothing = screen(frame.where("id = 'none'").repartition(100, "id"), rules, as_of=AS_OF)
    took = least(_drained(nothing.all), 2)
    spark.conf.unset("spark.sql.adaptive.enabled")
    print("a task without records:", took.each(100))


_N = "cast(substring(id, 2) AS bigint)"


def grouped(spark: SparkSession, export: Path, copies: int, work: Path, log: str, rules: Ruleset) -> None:
    """Bulk Data put together by patient."""
    from caveat.adapters.spark import fhir

    folder = work / "export"
    folder.mkdir()
    size = lines = 0
    for file in sorted(export.rglob("*.ndjson*")):
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        names = re.compile(rb'("reference":\s*"Patient/|"resourceType":\s*"Patient",\s*"id":\s*")')
        with (folder / file.name.removesuffix(".gz")).open("wb") as opened:
            for copy in range(copies):
                opened.write(names.sub(rb"\g<1>c%d-" % copy, raw))
        size += len(raw) * copies
        lines += raw.count(b"\n") * copies
    before, written = spent(), shuffled(log)
    built = fhir(spark, str(folder), work=str(work / "lines"), terminology=rules.terminology)
    first = spent().less(before)
    count = built.records
    kept = sum(file.stat().st_size for file in (work / "lines").iterdir())
    middle, staged = spent(), shuffled(log)
    built.patients.write.parquet(str(work / "patients"))
    second = spent().less(middle)
    after = shuffled(log)
    print(
        f"export: {count:,} patients, {lines / count:,.0f} lines and {size / count / 1e3:,.0f} kB a patient; "
        f"kept {kept / count:,.0f} bytes a patient; "
        f"shuffled {(after[0] - staged[0]) / count:,.0f} bytes and "
        f"{(after[1] - staged[1]) / count:,.0f} rows a patient when grouping, "
        f"{(staged[0] - written[0]) / count:,.0f} bytes before"
    )
    print(
        "lines read and cut:",
        first.each(count),
        f"= {size / 1e6 / (first.jvm + first.python):.1f} MB a second",
    )
    print("grouped and written:", second.each(count))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("export", nargs="?", type=Path, help="a folder of Bulk Data NDJSON")
    parser.add_argument("--patients", type=int, default=131_072)
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--parts", default="rules,alone,past,spread,grouped", help="which parts, by comma")
    given = parser.parse_args(arguments)
    parts = given.parts.split(",")
    bundled = load()
    rulesets = {"bundled": bundled, "10,000 pairs more": of_rules(with_pairs(10_000).ruleset)}
    if "rules" in parts:
        rules_in_bytes(rulesets | {"100,000 pairs more": of_rules(with_pairs(100_000).ruleset)})
    with tempfile.TemporaryDirectory() as folder:
        cohort, log = f"{folder}/cohort.parquet", f"{folder}/log"
        Path(log).mkdir()
        with pq.ParquetWriter(cohort, next(batches(1, seed=1)).schema) as writer:
            for batch in batches(given.patients, seed=1, size=16_384):
                writer.write_batch(batch)
        if "alone" in parts:
            alone(cohort, bundled, given.patients, 10_000)
            alone(cohort, bundled, given.patients, 65_536)
        spark = session(log)
        if "past" in parts:
            past(spark, cohort, rulesets, given.patients, folder)
        if "spread" in parts:
            spread(spark, cohort, bundled, log)
        if "grouped" in parts and given.export is not None:
            grouped(spark, given.export, given.copies, Path(folder), log, bundled)
        spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
