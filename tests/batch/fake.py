"""A cohort made up from a seed: any number of parts, with rejects, and slow where a test wants it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from caveat.adapters.cohort.base import Chunk, Input, Rejected
from caveat.adapters.native import read_native
from caveat.adapters.reject import Reject
from caveat.columns.records import to_batch
from caveat.columns.schema import patients as schema
from cli.small import record

NAMES = ("Lioresal 10 mg tablet", "diazepam", "morphine", "simvastatin", "warfrin 5 mg", "baclofen")


def made_up(number: int) -> dict[str, Any]:
    """The native record of patient `number`."""
    dice = random.Random(number)
    orders = [
        {
            "id": f"o{n}",
            "text": dice.choice(NAMES),
            "route": "oral",
            "status": "active",
            "start": "2025-11-03",
        }
        for n in range(dice.randrange(4))
    ]
    clearance = {"value": f"{dice.randrange(10, 120)} mL/min", "at": "2026-01-10"}
    return record(
        id=f"p{number}",
        age=f"{dice.randrange(20, 95)} a",
        creatinine_clearance=clearance if dice.random() < 0.7 else None,
        orders=orders,
    )


@dataclass
class FakeCohort:
    """`sizes` are the patients of each part; patient `n` is rejected where `n % reject_each == 3`.

    `doubled` maps numbers to the id they carry instead of their own. `inputs` are files of `folder`.
    """

    sizes: tuple[int, ...]
    a_batch: int = 7
    reject_each: int = 0
    pause: float = 0.0
    lost: int = -1
    fail_part: int = -1
    folder: Path | None = None
    stated: int | None = None
    doubled: dict[int, str] = field(default_factory=dict)
    dies_in: int = -1
    prepare_steps: int = 0
    kind: str = "fake"
    work: Path | None = None

    def inputs(self) -> tuple[Input, ...]:
        from caveat.adapters.cohort.records import file_input

        if self.folder is None:
            return (Input("made-up", sum(self.sizes), "0" * 64),)
        return tuple(file_input(path) for path in sorted(self.folder.iterdir()))

    def prepare(self, work: Path, say: Callable[[str], None]) -> None:
        self.work = work
        for step in range(self.prepare_steps):
            path = work / f"step-{step}.json"
            if not path.exists():
                time.sleep(self.pause)
                unfinished = path.with_suffix(".tmp")
                unfinished.write_text(json.dumps({"step": step}))
                unfinished.replace(path)

    def parts(self) -> int:
        return len(self.sizes)

    def about(self) -> dict[str, Any]:
        return {"reader": "fake"} | ({"patients": self.stated} if self.stated is not None else {})

    def read(self, part: int) -> Iterator[Chunk]:
        if self.work is not None:
            for step in range(self.prepare_steps):
                assert json.loads((self.work / f"step-{step}.json").read_bytes()) == {"step": step}
        if part == self.fail_part:
            from caveat.errors import InputError

            raise InputError("the page is torn", code="torn", source="made-up", line=part)
        if part == self.dies_in:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGKILL)
        first = sum(self.sizes[:part])
        numbers = range(first, first + self.sizes[part])
        for at in range(0, len(numbers), self.a_batch):
            time.sleep(self.pause)
            yield self._chunk(numbers[at : at + self.a_batch])

    def _chunk(self, numbers: range) -> Chunk:
        rejected, kept = [], []
        if self.reject_each and numbers.start == 0:
            rejected.append(Rejected(Reject("LICENCE", "not-a-record", "no record", harmless=True)))
        for number in numbers:
            name = self.doubled.get(number, f"p{number}")
            if self.reject_each and number % self.reject_each == 3:
                rejected.append(
                    Rejected(Reject("made-up", "torn", "it is torn", line=number, path="$.orders"), name)
                )
            elif number != self.lost:
                data = json.dumps(made_up(number) | {"id": name}).encode()
                kept.append(read_native(data).model_copy(update={"source": f"made-up:{number}"}))
        batch = to_batch(kept) if kept else pa.RecordBatch.from_pylist([], schema=schema())
        return Chunk(batch, tuple(rejected), len(numbers))
