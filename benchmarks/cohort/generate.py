"""A seeded cohort in the published schema: the same seed gives the same rows, whatever the batch size.

`python -m benchmarks.cohort.generate OUT.parquet --patients N --seed S --baclofen SHARE`. Patients
are drawn in blocks of a fixed size, each from its own state of the random generator, and a cohort
of fewer patients is the start of one of more. Same bytes are promised for one version of numpy.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.cohort.clinical import allergies, conditions, observations
from benchmarks.cohort.draw import (
    TODAY_NUMBER,
    Words,
    booleans,
    chance,
    dates,
    empty,
    lists,
    numbered,
    numbers,
    struct,
    take,
    texts,
)
from benchmarks.cohort.orders import orders
from benchmarks.cohort.settings import BLOCK, DEFAULT, Shares
from caveat.columns import schema

_SEXES = texts(["female", "male"])
_CLASSES = Words((None, 996), ("A", 2), ("B", 1), ("C", 1))
_SETTINGS = Words((None, 70), ("ambulatory", 20), ("inpatient", 6), ("home", 2), ("long-term-care", 2))
LISTS = ("orders", "conditions", "allergies", "observations")


def block(number: int, *, seed: int, shares: Shares = DEFAULT) -> pa.RecordBatch:
    """The `BLOCK` patients of that block."""
    random = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, number])))
    known = {name: ~chance(random, shares.no_list, BLOCK) for name in LISTS}
    known["allergies"] &= ~chance(random, 0.2, BLOCK)
    columns = _person(random, number * BLOCK, shares)
    columns["orders"] = orders(random, BLOCK, shares, known["orders"])
    columns["conditions"] = conditions(random, BLOCK, shares, known["conditions"])
    columns["allergies"] = allergies(random, BLOCK, shares, known["allergies"])
    columns["observations"] = observations(random, BLOCK, shares, known["observations"])
    columns |= _about(random, shares)
    published = schema.patients()
    arrays = [columns.get(f.name) for f in published]
    whole = [empty(BLOCK, f.type) if a is None else a for f, a in zip(published, arrays, strict=True)]
    return pa.RecordBatch.from_arrays(whole, schema=published)


def batches(
    patients: int, *, seed: int, shares: Shares = DEFAULT, size: int = BLOCK
) -> Iterator[pa.RecordBatch]:
    """`patients` rows in batches of `size` (the last one may be shorter)."""
    held: list[pa.RecordBatch] = []
    there = 0
    for number in range(-(-patients // BLOCK)):
        rest = block(number, seed=seed, shares=shares).slice(0, min(BLOCK, patients - number * BLOCK))
        while rest.num_rows >= size - there:
            yield _joined([*held, rest.slice(0, size - there)])
            rest = rest.slice(size - there)
            held, there = [], 0
        if rest.num_rows:
            held.append(rest)
            there += rest.num_rows
    if held:
        yield _joined(held)


def _joined(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    return parts[0] if len(parts) == 1 else pa.concat_batches(parts)


def _person(random: np.random.Generator, first: int, shares: Shares) -> dict[str, pa.Array]:
    count = BLOCK
    male = chance(random, 0.46, count)
    has_sex = ~chance(random, shares.no_sex, count)
    # more old people than young ones, as among those who take medicines
    age = np.where(
        chance(random, 0.06, count),
        random.random(count) * 18,
        np.clip(60 + 18 * random.standard_normal(count, dtype=np.float32), 18, 101),
    )
    born = TODAY_NUMBER - (age * 365.25).astype(np.int32) - 1
    dated = ~chance(random, shares.no_birth_date, count)
    by_age = ~dated & chance(random, 0.3, count)
    fertile = ~male & has_sex & (age >= 15) & (age < 50)
    pregnant = fertile & chance(random, 0.02, count)
    weighed = chance(random, shares.stated, count)
    return {
        "id": numbered(first, count),
        "birth_date": dates(random, born, shares.partial, dated),
        "age": struct(
            schema.quantity(), count, by_age, value=numbers(np.floor(age)), unit=_constant("a", count)
        ),
        "sex": take(_SEXES, male.astype(np.int32), has_sex),
        "pregnant": booleans(pregnant, fertile & (pregnant | chance(random, 0.4, count))),
        "lactating": booleans(fertile & chance(random, 0.02, count), fertile & chance(random, 0.3, count)),
        "gestation": struct(
            schema.quantity(),
            count,
            pregnant & chance(random, 0.6, count),
            value=numbers(np.floor(4 + random.random(count) * 36)),
            unit=_constant("wk", count),
        ),
        "deceased": booleans(chance(random, 0.01, count), chance(random, 0.4, count)),
        "weight": struct(
            schema.measurement(),
            count,
            weighed,
            value=struct(
                schema.quantity(),
                count,
                value=numbers(np.round(50 + random.random(count) * 50, 1)),
                unit=_constant("kg", count),
            ),
            at=dates(random, TODAY_NUMBER - random.integers(0, 400, count, dtype=np.int32), 0),
        ),
        "child_pugh": _CLASSES.draw(random, count),
    }


def _about(random: np.random.Generator, shares: Shares) -> dict[str, pa.Array]:
    """Circumstances, how complete the lists are, and what the reader said."""
    count = BLOCK
    rest = 1 - shares.closed - shares.unknown
    said = Words(("closed", shares.closed), ("unknown", shares.unknown), ("open", rest / 2), (None, rest / 2))
    asked = {
        name: booleans(chance(random, share, count), chance(random, 0.1, count))
        for name, share in (
            ("specialist_oversight", 0.5),
            ("hazardous_work", 0.2),
            ("fall_risk", 0.3),
            ("alcohol_use", 0.4),
        )
    }
    refilled = TODAY_NUMBER - random.integers(1, 200, count, dtype=np.int32)
    types = {field.name: field.type for field in schema.patients()}
    return {
        "context": struct(
            types["context"],
            count,
            **asked,
            care_setting=_SETTINGS.draw(random, count),
            pump_refilled=dates(random, refilled, shares.partial, chance(random, 0.01, count)),
        ),
        "complete": struct(types["complete"], count, **{name: said.draw(random, count) for name in LISTS}),
        "notes": _told(random, types["notes"], count, 0.02),
        "problems": _told(random, types["problems"], count, shares.problem),
    }


def _told(random: np.random.Generator, kind: pa.DataType, count: int, share: float) -> pa.Array:
    """Lists with one note or problem in that share of the patients."""
    there = chance(random, share, count)
    total = int(there.sum())
    given = {"code": "value-without-unit", "message": "a value has no unit", "path": "$.observations[0]"}
    columns = {name: _constant(text, total) for name, text in given.items()}
    if kind.value_type.get_field_index("count") >= 0:
        columns["count"] = pa.array(np.ones(total, dtype=np.int64))
    return lists(there.astype(np.int32), struct(kind.value_type, total, **columns))


def _constant(text: str, count: int) -> pa.Array:
    return take(texts([text]), np.zeros(count, dtype=np.int32))


def write(path: Path, patients: int, *, seed: int, shares: Shares = DEFAULT) -> None:
    """A Parquet file with a row group a block."""
    with pq.ParquetWriter(path, schema.patients(), compression="snappy") as writer:
        for batch in batches(patients, seed=seed, shares=shares):
            writer.write_batch(batch)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a cohort and say how long it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cohort.generate", description=__doc__)
    parser.add_argument("out", type=Path, help="the Parquet file to write")
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--baclofen", type=float, default=DEFAULT.baclofen, help="share of the patients who take baclofen"
    )
    chosen = parser.parse_args(arguments)
    shares = dataclasses.replace(DEFAULT, baclofen=chosen.baclofen)
    before = time.perf_counter()
    write(chosen.out, chosen.patients, seed=chosen.seed, shares=shares)
    took = time.perf_counter() - before
    rate = chosen.patients / max(took, 1e-9)
    print(
        f"{chosen.out}: {chosen.patients:,} patients in {took:.1f} s, {rate:,.0f} a second", file=sys.stderr
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
