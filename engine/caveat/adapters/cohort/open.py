"""The cohort that paths name: what they hold decides which reader takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Final

from caveat.adapters.cohort.base import Cohort
from caveat.errors import InputError
from caveat.terminology.codes import Code

READERS: Final = ("omop", "tables", "bulk")
"""Modules beside this one, asked in this order; `records` takes what none of them knows."""


def open_cohort(paths: Sequence[str], *, bound: Callable[[Code], bool] | None = None) -> Cohort:
    """The cohort of the paths; nothing is read but what tells its kind.

    `bound` says which observation codes any concept knows; it must be picklable. Raises InputError
    for standard input and for a path that does not exist.
    """
    for path in paths:
        if path == "-":
            raise InputError(
                "a run over standard input could not be taken up again",
                code="stdin",
                source="-",
                hint="Write the records to a file and name it",
            )
        if "://" not in path and not path.startswith("postgresql:") and not Path(path).exists():
            raise InputError(
                "there is no such file or folder",
                code="not-found",
                source=path,
                hint="Check the spelling of the path",
            )
    for name in READERS:
        place = f"{__package__}.{name}"
        if find_spec(place) is None:
            continue
        sniff = import_module(place).sniff
        more = {"bound": bound} if "bound" in signature(sniff).parameters else {}
        found: Cohort | None = sniff(tuple(paths), **more)
        if found is not None:
            return found
    from caveat.adapters.cohort.records import RecordsCohort

    return RecordsCohort(tuple(paths), bound=bound)
