"""Findings on one patient, and the report that holds them.

Nothing that was judged and not cleared is missing from a report: alerts, what could not be
assessed, what was excepted or suppressed and by what, what was not recognised, and errors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from caveat.findings.basis import NO_DETAILS, Detailed, Explained, Medicine, medicines_of
from caveat.findings.severity import RANK, Status


class RuleFacts(Protocol):
    """What a finding needs to know of its rule."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def covers(self) -> tuple[str, ...]: ...
    @property
    def texts(self) -> Any: ...
    @property
    def evidence(self) -> tuple[Any, ...]: ...
    @property
    def interaction(self) -> tuple[tuple[str, str], ...]: ...


Taken = Callable[[tuple[Medicine, ...]], tuple[Medicine, ...]]


@dataclass(frozen=True, init=False)
class Finding(Detailed):
    """One rule judged for one subject.

    `subject` holds the ids of the orders and then of the allergy it was judged for. `because` are
    the facts that decided it, `missing` those that left it open, `unchecked` the exceptions that
    could not be judged. `fill` completes a text of the rule with this patient's values. `drugs` are
    the ingredients of its orders in the rule's scope. A finding on the patient has neither orders nor
    drugs; `medicines` are the orders it rests on, which `taken` makes of those that its facts are of.
    """

    rule: RuleFacts
    status: Status
    orders: tuple[str, ...]
    allergies: tuple[str, ...]
    drugs: tuple[str, ...]
    details: Explained = NO_DETAILS
    suppressed_by: str | None = None
    error: str | None = None
    tier: str = ""
    fill: Callable[[str], str] | None = None
    taken: Taken | None = None

    def __init__(
        self,
        rule: RuleFacts,
        status: Status,
        orders: tuple[str, ...],
        allergies: tuple[str, ...],
        drugs: tuple[str, ...],
        details: Explained = NO_DETAILS,
        suppressed_by: str | None = None,
        error: str | None = None,
        tier: str = "",
        fill: Callable[[str], str] | None = None,
        taken: Taken | None = None,
    ) -> None:
        # as the dataclass would, in less than half the time: a report makes one for each thing it found
        own = self.__dict__
        own["rule"], own["status"], own["orders"], own["allergies"] = rule, status, orders, allergies
        own["drugs"], own["details"], own["suppressed_by"], own["error"] = (
            drugs,
            details,
            suppressed_by,
            error,
        )
        own["tier"], own["fill"], own["taken"] = tier, fill, taken

    @property
    def subject(self) -> tuple[str, ...]:
        """Order ids, then the allergy id."""
        return self.orders + self.allergies

    @property
    def medicines(self) -> tuple[Medicine, ...]:
        """Of a finding without orders, the medicines it rests on; they are no part of what it is."""
        if self.orders:
            return ()
        known: tuple[Medicine, ...] | None = self.__dict__.get("_medicines")
        if known is None:
            known = medicines_of((*self.because, *self.missing))
            if self.taken is not None:
                known = self.taken(known)
            self.__dict__["_medicines"] = known
        return known

    @property
    def named(self) -> tuple[str, ...]:
        """The ingredients to name: `drugs`, or of a finding on the patient those of its medicines."""
        return self.drugs or tuple(dict.fromkeys(name for one in self.medicines for name in one.drugs))

    @property
    def severity(self) -> str:
        """The severity of the rule."""
        return self.rule.severity

    @property
    def id(self) -> str:
        """The same for the same rule, subject and deciding facts, on any machine and day."""
        known: str | None = self.__dict__.get("_id")
        if known is not None:
            return known
        facts = [[b.fact, b.value, b.at, b.source] for b in self.because]
        missing = [[m.fact, m.reason] for m in self.missing]
        content = [self.rule.id, self.status.value, self.orders, self.allergies, facts, missing]
        raw = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        found = self.__dict__["_id"] = hashlib.sha256(raw).hexdigest()[:20]
        return found

    @property
    def summary(self) -> str:
        """The alert's summary for this patient; at most 139 characters."""
        text = self.text("summary") or self.rule.title
        return text if len(text) < 140 else text[:138].rstrip() + "…"

    def text(self, name: str) -> str | None:
        """The text `consequence`, `action`, `monitoring` or `advice`, completed; None when there is none."""
        template: str | None = getattr(self.rule.texts, name)
        if template is None or self.fill is None or "{" not in template:
            return template
        return self.fill(template)


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """A name or code that no table knows, with close names, best first; none was taken."""

    text: str
    candidates: tuple[str, ...] = ()
    kind: str = "medication"
    id: str = ""
    partly: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordError:
    """A value that was not used, or a rule that failed: never silent, never clear."""

    code: str
    message: str
    path: str = ""
    value: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class RecordNote:
    """An oddity of the data that did not stop the record."""

    code: str
    message: str
    path: str = ""
    count: int = 1


UNSETTLED = frozenset({Status.FIRES, Status.CANNOT_ASSESS, Status.ERROR})
"""What a report with any finding of is not clear."""


@dataclass(frozen=True)
class Report:
    """Everything concluded on one patient at `as_of` (ISO date).

    `uncovered` are recognised ingredients that no rule of the ruleset is about: about them the
    report says nothing, clear or not.
    """

    patient: str
    as_of: str
    version: str
    digest: str
    findings: tuple[Finding, ...]
    rules_checked: int
    unrecognised: tuple[Unrecognised, ...] = ()
    errors: tuple[RecordError, ...] = ()
    notes: tuple[RecordNote, ...] = ()
    evaluator: str = ""
    uncovered: tuple[str, ...] = ()

    @classmethod
    def of(cls, build: Callable[[], tuple[Finding, ...]], *, settled: bool, **fields: Any) -> Report:
        """A report whose findings are made from what was judged when they are first asked for.

        `settled` says that none of them fires, is open or failed; `fields` are all the others.
        """
        report = object.__new__(cls)
        report.__dict__.update(fields, _build=build, _settled=settled)
        return report

    def __getattr__(self, name: str) -> tuple[Finding, ...]:
        """The findings, made once; every asker has the same."""
        own = self.__dict__
        build = own.get("_build") if name == "findings" else None
        if build is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        found: tuple[Finding, ...] = own.setdefault("findings", build())
        return found

    def __getstate__(self) -> dict[str, Any]:
        whole = {"findings": self.findings, **self.__dict__}
        return {name: value for name, value in whole.items() if name[0] != "_"}

    def _of(self, status: Status) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.status is status and f.suppressed_by is None)

    @property
    def alerts(self) -> tuple[Finding, ...]:
        """Findings that fired and that nothing supersedes, gravest first."""
        return tuple(sorted(self._of(Status.FIRES), key=lambda f: (RANK[f.severity], f.rule.id, f.subject)))

    @property
    def cannot_assess(self) -> tuple[Finding, ...]:
        """Findings left open by missing facts, gravest first."""
        return tuple(
            sorted(self._of(Status.CANNOT_ASSESS), key=lambda f: (RANK[f.severity], f.rule.id, f.subject))
        )

    @property
    def excepted(self) -> tuple[Finding, ...]:
        """Findings that an exception excuses."""
        return self._of(Status.EXCEPTED)

    @property
    def suppressed(self) -> tuple[Finding, ...]:
        """Findings that fired and that another finding supersedes."""
        return tuple(f for f in self.findings if f.suppressed_by is not None)

    @property
    def is_clear(self) -> bool:
        """TRUE only with no alert, nothing unassessed, nothing unrecognised and no error."""
        if self.unrecognised or self.errors:
            return False
        own = self.__dict__
        if "findings" not in own:
            return bool(own["_settled"])
        return not any(f.status in UNSETTLED for f in self.findings)
