"""What the manifest of a Bulk Data export promises, held against what was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from caveat.adapters.reject import Reject

_OUTCOME = "OperationOutcome"


class _Output(msgspec.Struct):
    type: str = ""
    count: int | None = None


class _Manifest(msgspec.Struct):
    output: list[_Output] = []
    error: list[Any] = []


@dataclass(slots=True)
class Promised:
    """Resources by type, of the types that each output of a manifest counts, and files of errors it lists."""

    label: str
    counts: Counter[str] = field(default_factory=Counter)
    errors: int = 0


def promised(data: bytes, label: str) -> Promised:
    """What a manifest says; nothing of one whose fields are of other types."""
    try:
        found = msgspec.json.decode(data, type=_Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Promised(label)
    counts: Counter[str] = Counter()
    for one in found.output:
        counts[one.type] += one.count or 0
    uncounted = {one.type for one in found.output if one.count is None}
    kept = {kind: count for kind, count in counts.items() if kind not in uncounted}
    return Promised(label, Counter(kept), len(found.error))


def lacking(manifests: Sequence[Promised], read: Mapping[str, int]) -> Iterator[Reject]:
    """A Reject for each thing that the manifests promise and that was not read."""
    sums: Counter[str] = Counter()
    for one in manifests:
        sums.update(one.counts)
    short = sorted(kind for kind, count in sums.items() if read.get(kind, 0) < count)
    if short:
        listed = ", ".join(f"{read.get(kind, 0):,} of {sums[kind]:,} {kind}" for kind in short)
        yield Reject(
            manifests[0].label,
            "export-incomplete",
            f"fewer resources were read than the manifest of the export counts: {listed}",
            hint="Fetch the files of the export that are missing",
        )
    errors = sum(one.errors for one in manifests)
    if errors and not read.get(_OUTCOME):
        yield Reject(
            next(one.label for one in manifests if one.errors),
            "export-errors",
            f"the manifest lists {errors} files of errors, and no report of errors was read",
            hint="Fetch them too, so that everybody they concern is told",
        )
