"""What is kept of one evaluation: a row of the audit trail, the sealed question, and what was shown.

An entry is plain data without a patient's id or values in the clear, so that the same entry can wait
in the spool and be stored later.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import msgspec

from caveat.render.clean import encodable
from caveat.render.json import dump
from caveat.service.question import Answer, Judged, Question, Shown
from caveat.service.store.base import Caller
from caveat.service.store.keys import Keys

FORMAT: Final = 1
FIELDS: Final[Mapping[int, tuple[str, ...]]] = {
    1: (
        *("sequence", "format", "evaluation", "at", "kind", "issuer", "tenant", "subject", "hook_instance"),
        *("patients", "ruleset", "policy", "as_of", "input_digest", "output_digest", "status", "findings"),
        *("counts", "overrides", "microseconds", "sealed_digest", "shown_digest", "previous"),
    )
}
"""By format, every column that the hash of a row covers, in the order it is hashed."""
SHOWN_FIELDS: Final = (
    *("sequence", "position", "evaluation", "at", "tenant", "card", "patient", "finding", "rule", "kind"),
    *("status", "severity", "tier", "drugs", "facts"),
)
NOT_CONSIDERED: Final = "not considered"
_ON_SCREEN: Final = frozenset(("fires", "cannot-assess", "error"))
_LONGEST: Final = 200
_CANONICAL: Final = msgspec.msgpack.Encoder(order="deterministic")
_QUESTION: Final = msgspec.msgpack.Decoder(tuple[int, Question])
_FACTS: Final = msgspec.msgpack.Decoder(tuple[tuple[str, str, str | None, str | None], ...])

Facts = tuple[tuple[str, str, str | None, str | None], ...]


class _Hook(msgspec.Struct):
    hookInstance: str = ""


_HOOK: Final = msgspec.json.Decoder(_Hook)


@dataclass(frozen=True, slots=True)
class Entry:
    """`row` lacks what the place in the chain decides; `sealed` is empty where no question is kept."""

    row: dict[str, Any]
    sealed: bytes = b""
    shown: tuple[dict[str, Any], ...] = ()


def canonical(question: Question) -> bytes:
    """The question as bytes, the same for the same question on any machine.

    What no UTF-8 can carry (lone surrogates) becomes U+FFFD, as it does in every answer.
    """
    return _encoded((FORMAT, question))


def question_of(keys: Keys, evaluation: str, sealed: bytes) -> Question:
    """A sealed question again. Raises Unsealable."""
    return _QUESTION.decode(zlib.decompress(keys.open("input", evaluation, sealed)))[1]


def facts_of(keys: Keys, evaluation: str, position: int, sealed: bytes) -> Facts:
    """The deciding facts (fact, value, at, source) of a row of `shown`, none where it did not fire.

    Raises Unsealable.
    """
    if not sealed:
        return ()
    return _FACTS.decode(keys.open("facts", f"{evaluation}/{position}", sealed))


def row_bytes(row: Mapping[str, Any]) -> bytes:
    """The canonical form of an audit row: every column but its own hash, with names and types."""
    form = row["format"]
    names = FIELDS.get(form, ()) if isinstance(form, int) else ()
    return b"caveat audit row\0" + _CANONICAL.encode([(name, row[name]) for name in names])


def shown_digest(rows: Sequence[Mapping[str, Any]]) -> str:
    """The digest of what was shown by one evaluation, in order; empty for nothing."""
    if not rows:
        return ""
    names = SHOWN_FIELDS[1:]  # the sequence is known only once the row has its place
    return hashlib.sha256(_CANONICAL.encode([[row[name] for name in names] for row in rows])).hexdigest()


def digest(data: bytes) -> str:
    """SHA-256 in hex; empty for nothing."""
    return hashlib.sha256(data).hexdigest() if data else ""


def entry_of(
    question: Question,
    answer: Answer,
    caller: Caller,
    keys: Keys,
    *,
    ruleset: str,
    policy: str,
    microseconds: int,
    sealed: bool,
) -> Entry:
    """What is kept of an evaluation; with `sealed` also the question, encrypted."""
    whole = canonical(question)
    patients = [keys.patient(one.patient, caller.tenant) for one in answer.judged]
    shown = [
        _shown(keys, question, caller, patient, item)
        for patient, one in zip(patients, answer.judged, strict=True)
        for item in one.findings
        if item.status in _ON_SCREEN
    ]
    row = _row(
        evaluation=question.id,
        at=question.at,
        kind=question.kind,
        caller=caller,
        hook_instance=_hook_instance(question),
        patients=patients,
        ruleset=ruleset,
        policy=policy,
        as_of=question.as_of,
        input_digest=digest(whole),
        output_digest=digest(answer.body),
        status=answer.status,
        findings=[_judged(h, one) for h, one in zip(patients, answer.judged, strict=True)],
        counts=_counts(answer.judged),
        overrides=NOT_CONSIDERED if question.overrides is None else [o.id for o in question.overrides],
        microseconds=microseconds,
    )
    kept = keys.seal("input", question.id, zlib.compress(whole, 1)) if sealed else b""
    rows = tuple(_sealed_facts(keys, question.id, index, one) for index, one in enumerate(shown))
    return Entry({**row, "sealed_digest": digest(kept), "shown_digest": shown_digest(rows)}, kept, rows)


def event(kind: str, caller: Caller, at: str, patients: Sequence[str] = (), details: Any = None) -> Entry:
    """Something that was done rather than asked: `patients` are hashes, `details` plain data without PHI."""
    row = _row(
        evaluation=str(uuid4()),
        at=at,
        kind=kind,
        caller=caller,
        patients=list(patients),
        findings=[] if details is None else [details],
    )
    return Entry({**row, "sealed_digest": "", "shown_digest": ""})


def _row(
    *,
    evaluation: str,
    at: str,
    kind: str,
    caller: Caller,
    patients: list[str],
    findings: list[Any],
    hook_instance: str = "",
    ruleset: str = "",
    policy: str = "",
    as_of: str = "",
    input_digest: str = "",
    output_digest: str = "",
    status: int = 0,
    counts: Mapping[str, int] | None = None,
    overrides: Any = (),
    microseconds: int = 0,
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "evaluation": _text(evaluation, 64),
        "at": _text(at, 32),
        "kind": _text(kind, 32),
        "issuer": _text(caller.iss),
        "tenant": _text(caller.tenant),
        "subject": _text(caller.subject),
        "hook_instance": _text(hook_instance, 100),
        "patients": _json(patients),
        "ruleset": _text(ruleset, 80),
        "policy": _text(policy),
        "as_of": _text(as_of, 10),
        "input_digest": input_digest,
        "output_digest": output_digest,
        "status": status,
        "findings": _json(findings),
        "counts": _json(counts or {}),
        "overrides": _json(overrides),
        "microseconds": microseconds,
    }


def _judged(patient: str, one: Judged) -> dict[str, Any]:
    return {
        "patient": patient,
        "is_clear": one.is_clear,
        "alerts": one.alerts,
        "cannot_assess": one.cannot_assess,
        "unrecognised": one.unrecognised,
        "errors": one.errors,
        "findings": [
            {
                "id": f.finding,
                "rule": f.rule,
                "status": f.status,
                "severity": f.severity,
                "tier": f.tier,
                "card": f.card,
                "override": f.override,
            }
            for f in one.findings
        ],
    }


def _counts(judged: Sequence[Judged]) -> dict[str, int]:
    return {
        "patients": len(judged),
        "clear": sum(one.is_clear for one in judged),
        "alerts": sum(one.alerts for one in judged),
        "cannot_assess": sum(one.cannot_assess for one in judged),
        "unrecognised": sum(one.unrecognised for one in judged),
        "errors": sum(one.errors for one in judged),
    }


def _shown(keys: Keys, question: Question, caller: Caller, patient: str, one: Shown) -> dict[str, Any]:
    return {
        "evaluation": _text(question.id, 64),
        "at": _text(question.at, 32),
        "tenant": _text(caller.tenant),
        "card": _text(one.card, 64),
        "patient": patient,
        "finding": _text(one.finding, 64),
        "rule": _text(one.rule),
        "kind": _text(one.kind, 32),
        "status": _text(one.status, 32),
        "severity": _text(one.severity, 32),
        "tier": _text(one.tier, 32),
        "drugs": _json(one.drugs),
        "facts": one.facts,
    }


def _sealed_facts(keys: Keys, evaluation: str, position: int, row: dict[str, Any]) -> dict[str, Any]:
    """With its place, and its facts sealed where there are some and it can be overridden: where it fired."""
    told = row["facts"] if row["status"] == "fires" else ()
    facts = keys.seal("facts", f"{evaluation}/{position}", _encoded(told)) if told else b""
    return {**row, "position": position, "facts": facts}


def _hook_instance(question: Question) -> str:
    """The hookInstance of a hook's body; empty where there is none that can be read."""
    if question.kind not in ("patient-view", "order-select", "order-sign"):
        return ""
    try:
        return _HOOK.decode(question.body).hookInstance
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _text(value: str, longest: int = _LONGEST) -> str:
    """As a database takes it: no NUL, no lone surrogate, not too long."""
    if not value.isascii() or "\x00" in value:
        value = encodable(value).replace("\x00", "\ufffd")
    return value[:longest]


def _json(value: Any) -> str:
    return dump(value).decode()


def _encoded(value: Any) -> bytes:
    try:
        return _CANONICAL.encode(value)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value, builtin_types=(bytes,), order="deterministic")
        return _CANONICAL.encode(_encodable(plain))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {key: _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, (list, tuple)) else value
