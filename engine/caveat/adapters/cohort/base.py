"""What every source of a cohort gives a run: fixed parts, batches of valid records, what was set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from caveat.adapters.reject import Reject

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Input:
    """One input as the manifest names it; `sha256` is of the bytes, or of what a server says of itself."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """One thing that was set aside; `patient` is its id where it is a whole patient record."""

    reject: Reject
    patient: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some patients of a part: valid rows in the published schema, and what was set aside beside them.

    `entered` counts the patient records that were met, without looking at either: a run fails
    unless it equals the rows of `batch` and the rejected patients together.
    """

    batch: pa.RecordBatch
    rejected: tuple[Rejected, ...]
    entered: int


class Cohort(Protocol):
    """A source of many records. Can be pickled: parts are read by several processes.

    The same inputs and settings give the same parts, each with the same rows in the same order, so
    that a run can be taken up again. Memory stays bounded whatever the size.
    """

    @property
    def kind(self) -> str:
        """`parquet`, `csv`, `native`, `fhir` or `omop`."""
        ...

    def inputs(self) -> tuple[Input, ...]:
        """Every input with its hash, in a fixed order. InputError when one cannot be read."""
        ...

    def prepare(self, work: Path, say: Callable[[str], None]) -> None:
        """Write what `parts` and `read` need below `work`; safe to be killed and called again."""
        ...

    def parts(self) -> int:
        """How many parts there are; after `prepare`."""
        ...

    def read(self, part: int) -> Iterator[Chunk]:
        """The patients of a part, in batches."""
        ...

    def about(self) -> dict[str, Any]:
        """What the manifest and the report say of the source: counts, shares that could not be mapped."""
        ...
