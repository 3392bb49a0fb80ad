"""Dialysis recorded as a procedure, kept as a condition.

Rules ask for dialysis as a condition, while many records hold it only as procedures. Other
procedures are no facts and are not read.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from caveat.adapters.assemble import trusted
from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import values
from caveat.adapters.ledger import Ledger
from caveat.facts.clinical import Condition

# SNOMED CT, for codes sent without a display: peritoneal dialysis, dialysis procedure, continuous
# ambulatory peritoneal dialysis, renal dialysis, hemodialysis.
DIALYSIS: Final = frozenset(("71192002", "108241001", "238318009", "265764009", "302497006"))
_WORDS: Final = re.compile(
    r"dialy[sz]|dialitic|ha?emo(?:dia)?filtration|ultrafiltration|\bcapd\b|\bccpd\b|\bapd\b|\bcrrt\b|\bcvvhd?f?\b"
    r"|(?:renal|kidney) replacement",
    re.IGNORECASE,
)
_NOT_DONE: Final = frozenset(("not-done", "entered-in-error"))


def of_interest(resource: fhir.Procedure) -> bool:
    """Whether the procedure may be dialysis: by code or word, or because only a bare code is given."""
    return _speaks_of_dialysis(resource.code) or is_bare(resource.code)


def _speaks_of_dialysis(concept: fhir.Concept | None) -> bool:
    if concept is None:
        return False
    if concept.text and worded(concept.text):
        return True
    return any(
        coding.code in DIALYSIS or (coding.display is not None and worded(coding.display))
        for coding in concept.coding or ()
    )


@lru_cache(maxsize=4096)
def worded(text: str) -> bool:
    return _WORDS.search(text) is not None


def is_bare(concept: fhir.Concept | None) -> bool:
    """Whether there are codes without any word, and none of them is one of dialysis."""
    if concept is None or concept.text or not concept.coding:
        return False
    return all(coding.code not in DIALYSIS and not coding.display for coding in concept.coding)


def procedure(resource: fhir.Procedure, log: Ledger, path: str, identity: str | None) -> Condition | None:
    """The Condition that a dialysis procedure tells of, or None.

    Active while the procedure is in progress; one that is planned is provisional; for any other its
    status is unknown and it has no end, since a session that is over does not end the treatment.
    """
    if is_bare(resource.code):
        log.note(
            "procedures-not-read",
            "procedures with a code alone were not read; none is known as dialysis",
            path,
        )
        return None
    if not _speaks_of_dialysis(resource.code):
        return None
    if resource.status in _NOT_DONE:
        log.note(f"{resource.status}-procedure", f"Procedure with status {resource.status} left out", path)
        return None
    words = values.text(resource.code, log, path + ".code")
    period: fhir.Period | None = resource.performed_period
    onset = resource.performed_date_time or (None if period is None else period.start)
    fields: dict[str, Any] = {
        "id": identity,
        "codes": values.codes(resource.code, log, path + ".code"),
        "text": words,
        "clinical_status": "active" if resource.status == "in-progress" else None,
        "verification": "provisional" if resource.status == "preparation" else None,
        "onset": values.date(onset, log, path + ".performed"),
        "source": path,
    }
    log.note("procedure-as-condition", "dialysis recorded as a procedure was taken as a condition", path)
    return trusted(Condition, fields)
