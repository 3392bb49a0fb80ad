"""Whether paths hold FHIR."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from caveat.adapters.fhir.bulk.cohort import BulkCohort
from caveat.adapters.fhir.observations import Bound
from caveat.adapters.sources import DAMAGE, Source, expand, start
from caveat.errors import InputError

_MARK: Final = b'"resourceType"'


def sniff(paths: Sequence[str | Path], *, bound: Bound | None = None) -> BulkCohort | None:
    """A cohort when any file of the paths begins with FHIR resources or a Bundle, else None.

    All of the paths belong to it, whatever else they hold, so that nothing beside the FHIR files is
    lost. Only the first bytes of files are read. None for standard input and pipes.
    """
    if "-" in [str(path) for path in paths]:
        return None
    if any(one.exists() and not (one.is_file() or one.is_dir()) for one in map(Path, paths)):
        return None
    if any(isinstance(one, Source) and _speaks_fhir(one) for one in expand(paths)):
        return BulkCohort(paths, bound=bound)
    return None


def _speaks_fhir(source: Source) -> bool:
    try:
        with source.open() as raw:
            head, _ = start(raw)
    except (InputError, *DAMAGE):
        return False
    return head.lstrip()[:1] in (b"{", b"[") and _MARK in head
