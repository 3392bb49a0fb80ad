"""Tables and native records as cohorts: Parquet, CSV with a row a patient, NDJSON of native records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from caveat.adapters import table
from caveat.adapters.cohort.base import Cohort
from caveat.adapters.cohort.tables_check import checked
from caveat.adapters.cohort.tables_csv import ColumnarCsv
from caveat.adapters.cohort.tables_files import SEALED, is_encrypted
from caveat.adapters.cohort.tables_native import NativeCohort
from caveat.adapters.cohort.tables_parquet import ParquetCohort
from caveat.adapters.documents import is_ndjson
from caveat.adapters.fhir.glance import heading
from caveat.adapters.files import is_marker
from caveat.adapters.reject import Reject
from caveat.adapters.sources import DAMAGE, HEAD, Source, expand, other_kind, start
from caveat.columns import schema
from caveat.columns.write import write_parquet
from caveat.errors import InputError

__all__ = ["ColumnarCsv", "NativeCohort", "ParquetCohort", "checked", "sniff", "write_parquet"]

Kind = Literal["parquet", "csv", "native"]
_PARQUET: Final = b"PAR1"


def sniff(paths: Sequence[Path | str]) -> Cohort | None:
    """The cohort that the paths hold, told by content; None when they hold something else as well.

    Files without records beside them (a README, an empty marker) are set aside by name. Raises
    InputError for Parquet that lies together with other records, and for folders named by a column
    (`sex=female`), whose values no file holds.
    """
    found: dict[Kind, list[str]] = {}
    others: list[Reject] = []
    for source in expand(tuple(str(path) for path in paths)):
        if isinstance(source, Reject) or source.path is None:
            return None
        try:
            kind = _kind(source)
        except (InputError, *DAMAGE):
            return None
        if kind is None:
            return None
        if isinstance(kind, Reject):
            others.append(kind)
        else:
            found.setdefault(kind, []).append(str(source.path))
    if "parquet" in found:
        _must_stand_alone(found)
        return ParquetCohort(tuple(found["parquet"]), others=tuple(others))
    if found.keys() == {"csv"}:
        return ColumnarCsv(tuple(found["csv"]), others=tuple(others))
    if found.keys() == {"native"}:
        return NativeCohort(tuple(found["native"]), others=tuple(others))
    return None


def _must_stand_alone(found: dict[Kind, list[str]]) -> None:
    other = next((files[0] for kind, files in found.items() if kind != "parquet"), None)
    if other is not None:
        raise InputError(
            f"it lies together with Parquet ({found['parquet'][0]})",
            code="mixed",
            source=other,
            hint="Screen them one kind at a time",
        )
    names = schema.patients().names
    for file in found["parquet"]:
        keys = [part.partition("=")[0] for part in Path(file).parts if "=" in part]
        lost = next((key for key in keys if key in names), None)
        if lost is not None:
            raise InputError(
                f"the column {lost!r} stands in the name of a folder and in no file",
                code="partitioned",
                source=file,
                hint="Write the files without partitions, the column in each",
            )


def _kind(source: Source) -> Kind | Reject | None:
    """What a file is; a Reject when it holds no record, None when it is another reader's."""
    assert source.path is not None
    with source.path.open("rb") as raw:
        if raw.read(4) in (_PARQUET, SEALED):
            return _of_parquet(source, source.path)
    with source.open() as packed:
        head, _ = start(packed)
    plain = head.lstrip()
    if not plain:
        return Reject(source.label, "empty", "the file is empty", harmless=source.found and is_marker(source))
    if plain[:1] in (b"{", b"["):
        return _of_json(head)
    kind = other_kind(head)
    if kind is not None:
        name, hint = kind
        message = f"{name} holds no record that can be read"
        return Reject(source.label, "not-a-record", message, hint=hint or "", harmless=hint is None)
    if table.is_table(head):
        return "csv" if _has_patient_id(head) else None
    if b"\x00" in head:
        return None
    if is_ndjson(head, complete=len(head) < HEAD):
        return _of_json(head)
    return Reject(
        source.label,
        "not-a-record",
        "neither JSON nor a table with a patient_id column",
        hint="" if source.found else "Give Parquet, CSV or NDJSON",
        harmless=source.found,
    )


def _of_parquet(source: Source, path: Path) -> Kind | Reject | None:
    """`parquet`, unless its columns are those of an OMOP table, or its rows lie in other files."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        metadata = parquet.read_metadata(path)
        names = {name.lower() for name in metadata.schema.to_arrow_schema().names}
        if is_encrypted(path, metadata.serialized_size):
            return "parquet"  # likewise
    except (pa.ArrowException, OSError):
        return "parquet"  # said when it is opened, with what is wrong
    if metadata.num_row_groups and metadata.num_columns and metadata.row_group(0).column(0).file_path:
        message = "an index of other Parquet files, which are read themselves"
        return Reject(source.label, "index", message, harmless=source.found)
    omop = "person_id" in names or any(name.endswith("concept_id") for name in names)
    return None if omop and "id" not in names else "parquet"


def _of_json(head: bytes) -> Kind | None:
    """`native` for a record a line, the first of which that is JSON says so."""
    if not is_ndjson(head, complete=len(head) < HEAD):
        return None
    for line in head.splitlines():
        if line.strip():
            try:
                return "native" if heading(line).shape == "native" else None
            except InputError:
                continue
    return None


def _has_patient_id(head: bytes) -> bool:
    first = next((line for line in head.decode("utf-8", "replace").splitlines() if line.strip()), "")
    return "patient_id" in first.lower().replace(" ", "_")
