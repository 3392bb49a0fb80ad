"""Whether an override may be recorded, and what is recorded: pure, so that every store does the same."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from caveat.findings.reasons import REASONS, Reason, reason_of
from caveat.service.problems import Fault, Refused
from caveat.service.question import FollowUp, Override, Shown
from caveat.service.store.base import Wanted

DAYS: Final = {"contraindicated": 7, "major": 30, "moderate": 90, "minor": 180, "info": 180}
"""How long an override lasts by the severity of the finding, where nothing else was asked."""
LONGEST_DAYS: Final = 365
GRACE_DAYS: Final = 30
"""How long an override outlasts what was promised, so that a promise not kept is still shown."""
LONGEST_COMMENT: Final = 8_000
TITLE: Final = "this override cannot be recorded"
FACT: Final = "$.follow_up.fact"
NO_FACT: Final = "no-such-fact"
CORRECTIONS: Final = "/v1/corrections"
_UNFIT: Final = frozenset(("is-a-correction", "unknown-reason", "too-long", "not-a-day"))
"""Faults of the request itself; the others contradict what was shown or the day."""
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def recorded(wanted: Wanted, shown: Shown, name: str, at: str) -> Override:
    """The override of that name (its id), made at `at` (ISO instant in UTC).

    Raises Refused with every fault: 422 for a correction given as an override and for what cannot be
    read, 404 for a fact that nothing measures, else 409: a reason that the rule's kind does not have,
    what the reason asks for and is not there, days that do not fit, a finding that was no alert.
    """
    faults: list[Fault] = []
    reason = _reason(wanted, shown, faults)
    if shown.status != "fires":
        faults.append(
            Fault(
                "not-an-alert",
                f"{shown.rule} could not be assessed, and what is not known cannot be overridden",
                "$.finding",
                wanted.finding,
                f"Record what is missing, or send a correction to {CORRECTIONS}",
            )
        )
    comment = wanted.comment.strip()
    if len(comment) > LONGEST_COMMENT:
        said = f"the comment has {len(comment)} characters; at most {LONGEST_COMMENT} are kept"
        faults.append(Fault("too-long", said, "$.comment"))
    if reason is not None and "comment" in reason.asks and not comment:
        faults.append(
            Fault("comment-needed", f"the reason {reason.code} needs a comment that says why", "$.comment")
        )
    now = instant(at)
    assert now is not None
    follow_up = _follow_up(wanted, reason, now, faults)
    expires = _expires(wanted, shown.severity, follow_up, now, faults)
    if faults:
        raise Refused(_status({one.code for one in faults}), TITLE, tuple(faults))
    return Override(
        id=name,
        finding=shown.finding,
        rule=shown.rule,
        kind=shown.kind,
        severity=shown.severity,
        drugs=shown.drugs,
        reason=wanted.reason,
        comment=comment,
        by=wanted.by,
        created=at,
        expires=expires,
        facts=shown.facts,
        follow_up=follow_up,
    )


def _status(codes: set[str]) -> int:
    if codes & _UNFIT:
        return 422
    return 404 if NO_FACT in codes else 409


def _reason(wanted: Wanted, shown: Shown, faults: list[Fault]) -> Reason | None:
    found = reason_of(shown.kind, wanted.reason)
    if found is None:
        listed = [r.code for r in REASONS.get(shown.kind, ()) if r.category == "override"]
        elsewhere = any(r.code == wanted.reason for rs in REASONS.values() for r in rs)
        said = "is of another kind of rule" if elsewhere else "is not a reason that is known here"
        faults.append(
            Fault(
                "reason" if elsewhere else "unknown-reason",
                f"{wanted.reason[:80]!r} {said}; {shown.rule} is of the kind {shown.kind}",
                "$.reason",
                wanted.reason[:80],
                f"One of: {', '.join(listed)}",
            )
        )
        return None
    if found.category == "correction":
        faults.append(
            Fault(
                "is-a-correction",
                f"{found.code!r} says that the record is wrong or old: that is a correction, not an override",
                "$.reason",
                found.code,
                f"Send it with the record to {CORRECTIONS}, where the record is judged again at once",
            )
        )
        return None
    return found


def _follow_up(
    wanted: Wanted, reason: Reason | None, now: dt.datetime, faults: list[Fault]
) -> FollowUp | None:
    asked = reason is not None and "fact" in reason.asks
    found = wanted.follow_up
    if found is None:
        if asked:
            said = "will-monitor needs follow_up: what will be looked at (fact) and the last day (by)"
            faults.append(
                Fault(
                    "follow-up-needed", said, "$.follow_up", hint='{"fact": "potassium", "by": "2026-02-01"}'
                )
            )
        return None
    if reason is not None and not asked:
        said = f"the reason {reason.code} takes no follow-up"
        faults.append(Fault("follow-up", said, "$.follow_up", hint="Give the reason will-monitor"))
        return None
    if not found.fact:
        faults.append(Fault(NO_FACT, "nothing measures this, so it could never be seen to be done", FACT))
        return None
    by = day(found.by)
    # the site may be a day behind UTC
    first, last = now.date() - dt.timedelta(days=1), now.date() + dt.timedelta(days=LONGEST_DAYS)
    if by is None:
        faults.append(
            Fault(
                "not-a-day", "by must be one whole day", "$.follow_up.by", found.by[:40], "Such as 2026-02-01"
            )
        )
        return None
    if not first <= by <= last:
        said = "by lies in the past" if by < first else f"by lies more than {LONGEST_DAYS} days ahead"
        faults.append(Fault("date", said, "$.follow_up.by", found.by))
        return None
    return found


def _expires(
    wanted: Wanted, severity: str, follow_up: FollowUp | None, now: dt.datetime, faults: list[Fault]
) -> str | None:
    due = day(follow_up.by) if follow_up is not None else None
    if wanted.expires is None:
        end = now + dt.timedelta(days=DAYS.get(severity, min(DAYS.values())))
        if due is not None:
            end = max(end, _end_of(due) + dt.timedelta(days=GRACE_DAYS))
        return stamp(end)
    whole = day(wanted.expires)
    asked = _end_of(whole) if whole is not None else instant(wanted.expires)
    if asked is None:
        said, hint = "expires must be a day or an instant with its zone", "Such as 2026-02-01"
        faults.append(Fault("not-a-day", said, "$.expires", wanted.expires[:40], hint))
        return None
    if asked <= now:
        faults.append(Fault("date", "expires lies in the past", "$.expires", wanted.expires))
    elif asked > now + dt.timedelta(days=LONGEST_DAYS + 1):
        said = f"expires lies more than {LONGEST_DAYS} days ahead"
        faults.append(Fault("date", said, "$.expires", wanted.expires, "Override again when it has expired"))
    elif due is not None and asked < _end_of(due):
        said = "the override would end before what was promised is due"
        faults.append(Fault("date", said, "$.expires", wanted.expires, f"Give {due} or later"))
    return stamp(asked)


def day(text: str) -> dt.date | None:
    """The day that the text is, None for anything but YYYY-MM-DD."""
    try:
        return dt.date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def instant(text: str) -> dt.datetime | None:
    """The instant that the text is, None for anything but an ISO instant with its zone."""
    try:
        found = dt.datetime.fromisoformat(text)
        return found.astimezone(dt.UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def stamp(at: dt.datetime) -> str:
    """As ISO text in UTC with milliseconds: texts of this form sort as the instants do."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _end_of(whole: dt.date) -> dt.datetime:
    return dt.datetime.combine(whole, dt.time(23, 59, 59), dt.UTC)
