"""What a call asks and what it is answered: plain data, so that an answer can be had again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "patient-view", "order-select", "order-sign", "screen", "stream", "explain", "what-if", "correction"
]


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What was promised with "will monitor": the fact to look at, and the last day to have done so."""

    fact: str
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Override:
    """A clinician's reason to go on despite one finding.

    `facts` are the deciding facts at that time (fact, value, at, source); `expires` and `created`
    are ISO instants in UTC. `lapses` when a deciding fact differs now.
    """

    id: str
    finding: str
    rule: str
    kind: str
    severity: str
    drugs: tuple[str, ...]
    reason: str
    comment: str
    by: str
    created: str
    expires: str | None = None
    facts: tuple[tuple[str, str, str | None, str | None], ...] = ()
    follow_up: FollowUp | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """What of the configuration decides an answer; kept with the audit record."""

    public_url: str
    label: str = "caveat"
    url: str | None = None
    icon: str | None = None
    cannot_assess: str = "one-card"
    detected_issue: bool = False
    suppress_repeats: bool = False
    most: int = 20
    orders: int = 300
    entries: int = 5_000
    depth: int = 40


@dataclass(frozen=True, slots=True)
class Question:
    """One call, whole: the same question to the same rules has the same answer, byte for byte.

    `id` names the evaluation (a UUID, also the base of the ids of cards). `body` is what was sent,
    without any access token. `fetched` holds what a FHIR server added, by prefetch key. `as_of` is
    the day to judge for and `at` the instant of the call, both of the site. `overrides` are those
    of this patient, None when the store was away and they could not be considered; `shown` are the
    findings that this hook instance or user was shown before.
    """

    id: str
    kind: Kind
    body: bytes
    as_of: str
    at: str
    site: Site
    form: str = "application/json"
    content: str = "application/json"
    parameters: tuple[tuple[str, str], ...] = ()
    fetched: tuple[tuple[str, bytes], ...] = ()
    overrides: tuple[Override, ...] | None = ()
    shown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Shown:
    """One finding of an answer, as the audit trail keeps it; `card` is empty where it made none."""

    finding: str
    rule: str
    kind: str
    status: str
    severity: str
    tier: str
    drugs: tuple[str, ...] = ()
    card: str = ""
    override: str = ""
    facts: tuple[tuple[str, str, str | None, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """One patient of an answer. `patient` is the id as given: hashed before it is kept, and never logged."""

    patient: str
    findings: tuple[Shown, ...]
    alerts: int = 0
    cannot_assess: int = 0
    unrecognised: int = 0
    errors: int = 0
    is_clear: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes a client is told, and what they rest on.

    `headers` are further response headers. A `status` of 400 and more is an answer too: what was
    wrong with the question is in the body.
    """

    status: int
    media_type: str
    body: bytes
    judged: tuple[Judged, ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=())
