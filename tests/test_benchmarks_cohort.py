"""The cohort generator, the rules, the peers and the runner of `make bench-cohort`."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="cohorts need the batch packages: `make bench-cohort` installs them")
pytest.importorskip("numpy")
pytest.importorskip("duckdb", reason="cohorts need the batch packages: `make bench-cohort` installs them")

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.cohort import __main__ as cli
from benchmarks.cohort import bundled, compare, files, generate, kernel, pairs, records, speed
from benchmarks.cohort.catalogue import BACLOFEN, all_products, catalogue
from benchmarks.cohort.flat import Flat
from benchmarks.cohort.rules import SEVERITIES, draw_pairs, of_baclofen, with_pairs
from benchmarks.cohort.settings import AS_OF, BLOCK, DEFAULT, PLAIN
from benchmarks.cohort.timing import Run, in_turn, one_core, rate
from benchmarks.measure import Timing
from benchmarks.peers import missing
from benchmarks.same_rules import Disagreement
from caveat.columns import schema
from caveat.columns.records import to_patient
from caveat.compile.ruleset import load
from caveat.compile.serial import canonical, load_program
from caveat.evaluators.columnar import Columnar
from caveat.evaluators.columnar.onebyone import finding_rows
from caveat.evaluators.screen import screen

FEW = 1_000
MANY = 6_000
HAS_POLARS = find_spec("polars") is not None
needs_polars = pytest.mark.skipif(not HAS_POLARS, reason="polars is a peer: `make bench-cohort` installs it")


def rows(batches: list[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.fixture(scope="module")
def drawn() -> pa.RecordBatch:
    return generate.block(0, seed=1)


@pytest.fixture(scope="module")
def read(drawn: pa.RecordBatch) -> list[dict[str, Any]]:
    return rows([drawn.slice(0, MANY)])


@pytest.fixture(scope="module")
def plain() -> pa.RecordBatch:
    return generate.block(0, seed=1, shares=PLAIN).slice(0, FEW)


@pytest.fixture(scope="module")
def flat(plain: pa.RecordBatch) -> Flat:
    made = Flat(pa.Table.from_batches([plain]), load())
    made.flatten()
    return made


# the generator


def test_a_block_is_in_the_published_schema(drawn: pa.RecordBatch) -> None:
    assert drawn.schema.equals(schema.patients(), check_metadata=True)
    assert drawn.num_rows == BLOCK
    drawn.validate(full=True)


def test_every_record_is_valid(drawn: pa.RecordBatch, plain: pa.RecordBatch) -> None:
    for batch in (drawn, plain):
        for row in range(FEW):
            to_patient(batch, row)
    dense = generate.block(1, seed=2, shares=dataclasses.replace(DEFAULT, baclofen=1, intrathecal=0.5))
    for row in range(FEW):
        to_patient(dense, row)


def test_the_same_seed_gives_the_same_rows_whatever_the_batch_size() -> None:
    count = BLOCK + 700
    whole = list(generate.batches(count, seed=3))
    assert [batch.num_rows for batch in whole] == [BLOCK, 700]
    expected = pa.Table.from_batches(whole).combine_chunks()
    for size in (5_000, BLOCK, BLOCK + 1, 10 * BLOCK):
        found = list(generate.batches(count, seed=3, size=size))
        assert [batch.num_rows for batch in found[:-1]] == [size] * (len(found) - 1)
        assert pa.Table.from_batches(found).combine_chunks().equals(expected), size


def test_a_smaller_cohort_is_the_start_of_a_larger_one_and_another_seed_is_another() -> None:
    (few,) = generate.batches(90, seed=4)
    (more,) = generate.batches(200, seed=4)
    (other,) = generate.batches(90, seed=5)
    assert more.slice(0, 90).equals(few)
    assert not other.equals(few)


def test_the_file_holds_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("one.parquet", "two.parquet"):
        assert (
            generate.main([str(tmp_path / name), "--patients", "300", "--seed", "7", "--baclofen", "0.5"])
            == 0
        )
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    read = pq.read_table(tmp_path / "one.parquet")
    assert read.num_rows == 300
    assert read.schema.equals(schema.patients())
    takers = sum(any(is_baclofen(o) for o in row["orders"] or ()) for row in read.to_pylist())
    assert 110 < takers < 190


def is_baclofen(order: dict[str, Any]) -> bool:
    text = order["text"] or ""
    return any(name in text for name in ("baclofen", "Lioresal", "Gablofen"))


def test_a_cohort_holds_what_is_said_of_it(read: list[dict[str, Any]]) -> None:
    found = read
    orders = [order for row in found for order in row["orders"] or ()]
    ended = Counter(len([o for o in row["orders"] or () if o["status"] in ENDED]) for row in found)
    current = [
        len(row["orders"]) - sum(o["status"] in ENDED for o in row["orders"])
        for row in found
        if row["orders"]
    ]
    assert 7.5 < sum(current) / MANY < 8.5
    assert max(current) == 25
    assert ended[0] > ended[1] > ended[2] > 0
    takers = sum(
        any(is_baclofen(o) and o["status"] not in ENDED for o in row["orders"] or ()) for row in found
    )
    assert 0.007 < takers / MANY < 0.013
    named = {p.text for p in catalogue(DEFAULT).unrecognised}
    assert 0.003 < sum(o["text"] in named for o in orders) / len(orders) < 0.007
    assert {o["status"] for o in orders} >= {"active", "proposed", "on-hold", "stopped", "completed", None}
    assert {code["system"] for o in orders for code in o["codes"]} == {"rxnorm", "atc"}
    assert any(o["start"] and len(o["start"]) == 7 for o in orders)
    assert any(o["start"] and o["start"] > AS_OF for o in orders)
    assert any(o["ingredients"] for o in orders)
    measured = [o for row in found for o in row["observations"] or ()]
    creatinine = [o for o in measured if any(c["code"] == "2160-0" for c in o["codes"])]
    units = Counter(o["value"]["unit"] for o in creatinine if o["value"])
    assert units["mg/dL"] > units["umol/L"] > 0
    assert units[""] > 0
    assert {o["value"]["comparator"] for o in measured if o["value"]} == {None, "<", "<=", ">", ">="}
    assert any(o["value"]["upper"] for o in measured if o["value"])
    assert any(o["value"] is None for o in measured)
    systems = {code["system"] for row in found for c in row["conditions"] or () for code in c["codes"]}
    assert systems == {"icd10cm", "snomed"}
    for column in ("birth_date", "sex", "orders", "conditions", "allergies", "observations"):
        assert 0 < sum(row[column] is None for row in found) < MANY / 4, column


ENDED = ("completed", "stopped", "cancelled", "entered-in-error")


def test_ingredients_are_skewed_as_stated(read: list[dict[str, Any]]) -> None:
    """The share of the first ingredient is what Zipf-Mandelbrot gives; few draws are repeats."""
    found = catalogue(DEFAULT)
    assert len(found.ingredients) == len(set(found.ingredients)) == DEFAULT.ingredients
    weights = [(rank + DEFAULT.offset) ** -DEFAULT.exponent for rank in range(1, DEFAULT.ingredients + 1)]
    written = {(p.text, p.codes, p.named) for p in found.singles[0]}
    orders = [o for row in read for o in row["orders"] or ()]
    first = sum(written_as(o) in written for o in orders) / len(orders)
    assert 0.85 < first / (weights[0] / sum(weights)) < 1.05
    assert BACLOFEN not in found.ingredients


def written_as(order: dict[str, Any]) -> tuple[Any, ...]:
    codes = tuple((c["system"], c["code"], c["display"]) for c in order["codes"])
    return order["text"], codes, tuple(order["ingredients"]) if order["ingredients"] else None


def test_every_product_is_recognised_as_the_catalogue_says(drawn: pa.RecordBatch) -> None:
    found = catalogue(DEFAULT)
    said = {(p.text, p.codes, p.named): p.ingredients for p in all_products(found)}
    flat = Flat(pa.Table.from_batches([drawn.slice(0, FEW)]), load())
    names = {number: name for name, number in flat.numbers.items()}
    query = "SELECT DISTINCT key, ingredient FROM names"
    recognised: dict[str, set[str]] = {}
    for key, number in flat.connection.execute(query).fetchall():
        recognised.setdefault(key, set()).add(names[number])
    seen = 0
    for row in rows([drawn.slice(0, FEW)]):
        for order in row["orders"] or ():
            codes = ",".join(f"{c['system']}:{c['code']}" for c in order["codes"])
            key = f"{order['text'] or ''}|{codes}|{','.join(order['ingredients'] or ())}"
            assert recognised.get(key, set()) == set(said[written_as(order)])
            seen += 1
    assert seen > 5 * FEW


# rules


def test_pairs_are_different_and_begin_alike() -> None:
    few, many = draw_pairs(50), draw_pairs(3_000)
    assert many[:50] == few
    assert len({rule[1:] for rule in many}) == 3_000
    assert all(rule.first < rule.second for rule in many)
    with pytest.raises(ValueError, match="500500 pairs, not 600000"):
        draw_pairs(600_000)


def test_a_made_program_is_like_any_other() -> None:
    made = with_pairs(200)
    program = made.ruleset.program
    assert len(program.rules) == len(of_baclofen().program.rules) + 200
    assert load_program(canonical(program.version, program.rules)) == program
    assert {rule.severity for rule in program.rules[-200:]} == set(SEVERITIES)
    assert made.ruleset.covered >= {made.pairs[0].first, made.pairs[0].second, BACLOFEN}


# what is measured is right


@pytest.mark.parametrize("share", [0.01, 1.0])
def test_a_generated_cohort_is_screened_as_one_patient_at_a_time(share: float) -> None:
    """Gaps, odd units, partial dates and all: what is timed gives what the default evaluator gives."""
    rules = with_pairs(20_000).ruleset if share < 1 else load()
    shares = dataclasses.replace(DEFAULT, baclofen=share, intrathecal=0.2, baclofen_ended=0.2)
    (batch,) = generate.batches(250, seed=8, shares=shares)
    found = Columnar(rules, as_of=AS_OF).screen(batch).findings.to_pylist()
    reports = [screen(to_patient(batch, row), rules, as_of=AS_OF) for row in range(batch.num_rows)]
    assert found == [line for row, report in enumerate(reports) for line in finding_rows(report, row)]
    assert {line["status"] for line in found} >= {"fires", "cannot-assess"}


# peers


def brute(plain: pa.RecordBatch, made: Any) -> set[tuple[int, int, int, int]]:
    """The pair alerts by the default evaluator, one patient at a time."""
    numbers = {rule.id: n for n, rule in enumerate(made.pairs)}
    found = set()
    for row in range(plain.num_rows):
        for finding in screen(to_patient(plain, row), made.ruleset, as_of=AS_OF).findings:
            if finding.rule.id in numbers and finding.status.value == "fires":
                one, other = sorted(int(name[1:]) for name in finding.orders)
                found.add((row, numbers[finding.rule.id], one, other))
    return found


@pytest.mark.parametrize("count", [300, 20_000])
def test_peers_find_the_pairs_that_caveat_finds(plain: pa.RecordBatch, flat: Flat, count: int) -> None:
    made = with_pairs(count)
    few = plain.slice(0, 300)
    expected = brute(few, made)
    ways = {"duck": pairs.duck, "bare": pairs.bare}
    if HAS_POLARS:
        ways["frames"] = pairs.frames
    for name, way in ways.items():
        found = {tuple(row) for row in pairs.as_columns(way(made.pairs, flat)()).tolist() if row[0] < 300}
        assert found == expected, name
    ids = [rule.id for rule in made.pairs]
    ours = kernel.alerts(made.ruleset, [few.slice(0, 100), few.slice(100)], ids, unordered=True)
    assert {tuple(row) for row in ours.tolist()} == expected
    assert len(expected) > (100 if count > 1_000 else 0)


def test_no_pairs_give_no_alerts(flat: Flat) -> None:
    for way in (pairs.duck, pairs.bare):
        assert len(pairs.as_columns(way((), flat)())) == 0


def test_the_twelve_rules_in_sql_find_what_caveat_finds(plain: pa.RecordBatch, flat: Flat) -> None:
    found = {tuple(row) for row in pairs.as_columns(bundled.duck(flat, load())()).tolist()}
    expected = {tuple(row) for row in kernel.alerts(load(), [plain], bundled.RULES, unordered=False).tolist()}
    assert found == expected
    assert len(bundled.RULES) == 12
    assert len({rule for _, rule, _, _ in expected}) > 8


def test_engines_of_one_record_find_what_caveat_finds(
    plain: pa.RecordBatch, flat: Flat, tmp_path: Path
) -> None:
    from benchmarks.neutral import load_rules

    given = records.rules(300)
    ids = [rule.id for rule in given]
    ours = kernel.alerts(load_rules(given, tmp_path), [plain], ids, unordered=False)
    patients = records.sample(flat, 700)
    assert len(patients) == 700
    asked = {int(patient.id) for patient in patients}
    expected = {(int(row), ids[rule]) for row, rule in ours[:, :2].tolist() if row in asked}
    assert len(expected) > 50
    meant = records.meanings(flat)
    told = [records.facts(row, n, meant) for n, row in enumerate(plain.to_pylist()) if n in asked]
    for one, other in zip(told, patients, strict=True):
        assert (one.id, one.ingredients) == (other.id, other.ingredients)
        assert dict(one.numbers) == pytest.approx(dict(other.numbers))
    for kind in records.installed():
        assert records.hits(kind, given, patients) == expected, kind.name
        assert records.hits(kind, given, told) == expected, kind.name
    if not records.installed():
        pytest.skip("; ".join(missing(kind) or "" for kind in records.PEERS))


@needs_polars
def test_a_difference_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "_SQL", pairs._SQL.replace("a.nth < b.nth", "a.nth < b.nth - 1"))
    sizes = dataclasses.replace(cli.QUICK, patients=400, batch=400, pairs=(20_000,))
    with pytest.raises(
        Disagreement, match=r"DuckDB, SQL by hand, 20,000 pair rules: caveat has \d+ alerts more"
    ):
        compare.measure(sizes, {20_000: with_pairs(20_000)})


# timing and files


def test_runs_take_turns_and_are_counted_by_patient() -> None:
    calls: list[str] = []
    runs = {"one": Run(lambda: calls.append("one"), 10), "two": Run(lambda: calls.append("two"), 10)}
    timings = in_turn(runs, 3)
    assert calls == ["one", "two", "one", "two", "two", "one", "one", "two"]
    assert [len(timing.cpu) for timing in timings.values()] == [3, 3]
    assert rate(Timing(cpu=[[4.0], [2.0], [2.0]])) == 500_000


def test_one_core_is_one_core_and_is_given_back() -> None:
    before = os.sched_getaffinity(0), pa.cpu_count()
    with one_core():
        assert len(os.sched_getaffinity(0)) == 1
        assert pa.cpu_count() == 1
    assert (os.sched_getaffinity(0), pa.cpu_count()) == before


def test_memory_is_that_of_all_processes() -> None:
    import subprocess

    alone = files.memory(os.getpid())
    assert alone > 30e6
    code = "import sys; x = b'1' * 300_000_000; print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as child:
        assert child.stdout
        child.stdout.readline()
        assert files.memory(os.getpid()) > alone + 250e6
        child.communicate(b"")
    assert files.memory(2**22 + 1) == 0


def test_a_file_is_screened_and_nobody_is_lost() -> None:
    with files.cohort(40, DEFAULT) as path:
        found = files.screened(path)
        assert not path.with_name("out").exists()
    assert not path.exists()
    assert found.patients == 40
    assert found.findings >= 0
    assert found.memory > 30e6
    assert found.seconds > 0.1


def test_a_run_that_fails_is_told_and_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "AS_OF", "soon")
    with files.cohort(20, DEFAULT) as path, pytest.raises(files.NotScreened, match="exit code 2"):
        files.screened(path)
    section = speed.measure_files(20, 1)
    assert [aim.met for aim in section.aims] == [None, None]
    assert "not measured: exit code 2" in section.aims[0].measured


@pytest.mark.parametrize("name", ["kernel", pytest.param("peers", marks=needs_polars)])
def test_small_run(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAVEAT_CACHE", "")
    tiny = dataclasses.replace(cli.QUICK, patients=300, batch=200, neutral=20)
    monkeypatch.setattr(cli, "QUICK", tiny)
    before = cli.RESULTS.read_bytes() if cli.RESULTS.exists() else None
    assert cli.main(["--quick", "--only", name]) == 0
    told = capsys.readouterr().out
    assert "## Aims" in told
    assert "500,000 patients a second" in told if name == "kernel" else "ahead of DuckDB SQL" in told
    assert (cli.RESULTS.read_bytes() if cli.RESULTS.exists() else None) == before
