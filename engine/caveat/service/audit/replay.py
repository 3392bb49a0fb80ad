"""An evaluation done again from its sealed question: the same bytes, or what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caveat.service.audit import trail
from caveat.service.store.entry import digest
from caveat.service.store.keys import Keys

if TYPE_CHECKING:
    from caveat.service.live import Live
    from caveat.service.question import Answer
    from caveat.service.store.database import Database


@dataclass(frozen=True, slots=True)
class Replayed:
    """`needs` is the digest of the ruleset that is needed, where another was given: nothing was replayed.

    `differences` are empty for the same bytes. `body` is the answer as it is now.
    """

    evaluation: str
    needs: str = ""
    differences: tuple[str, ...] = ()
    body: bytes = b""


def replay(database: Database, keys: Keys, evaluation: str, live: Live) -> Replayed:
    """Answer a stored question again.

    Raises LookupError where there is no such evaluation, CaveatError where its input is not kept or
    was altered, Refused where the question is refused now, StoreAway.
    """
    from caveat.service.answers import answer
    from caveat.service.store.entry import canonical

    row = trail.one(database, evaluation)
    question = trail.question(database, keys, row)
    if live.rules.digest != row["ruleset"]:
        return Replayed(evaluation, needs=row["ruleset"])
    found = answer(question, live)
    differences = [*_differences(row, found, keys)]
    if digest(canonical(question)) != row["input_digest"]:
        differences.insert(0, "the sealed input is not the one that was answered")
    return Replayed(evaluation, differences=tuple(differences), body=found.body)


def _differences(row: Mapping[str, Any], found: Answer, keys: Keys) -> list[str]:
    if (found.status, digest(found.body)) == (row["status"], row["output_digest"]):
        return []
    said = []
    if found.status != row["status"]:
        said.append(f"status {row['status']} then, {found.status} now")
    then = [_named(item) for one in row["findings"] for item in one["findings"]]
    now = [
        (item.finding, item.rule, item.status, item.severity, item.tier)
        for one in found.judged
        for item in one.findings
    ]
    said += [f"only then: {' '.join(item)}" for item in then if item not in now]
    said += [f"only now: {' '.join(item)}" for item in now if item not in then]
    hashes = [keys.patient(one.patient, row["tenant"]) for one in found.judged]
    if hashes != row["patients"]:
        said.append("the patients are others")
    if digest(found.body) != row["output_digest"]:
        said.append(f"sha256 of the body {row['output_digest']} then, {digest(found.body)} now")
    return said


def _named(item: Mapping[str, str]) -> tuple[str, str, str, str, str]:
    return item["id"], item["rule"], item["status"], item["severity"], item["tier"]
