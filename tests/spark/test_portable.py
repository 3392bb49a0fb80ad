"""A ruleset carried as bytes is the same ruleset, and bytes that were changed are refused."""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from caveat.adapters import read_records
from caveat.compile import portable, ruleset
from caveat.errors import CaveatError
from caveat.evaluators.screen import screen
from caveat.facts.patient import Patient
from caveat.render.json import report_line


@pytest.fixture(scope="module")
def rules() -> Any:
    return ruleset.load()


@pytest.fixture(scope="module")
def raw(rules: Any) -> bytes:
    return portable.dumps(rules)


def test_everything_but_the_folder_comes_back(rules: Any, raw: bytes) -> None:
    found = portable.loads(raw)
    for name in ("program", "tiers", "open_tiers", "rule_tiers", "policy", "sources", "digest", "covered"):
        assert getattr(found, name) == getattr(rules, name), name
    assert found.terminology.tables == rules.terminology.tables
    assert found.root == Path()
    assert portable.dumps(found) == raw


def test_every_story_is_judged_the_same(rules: Any, raw: bytes, fixtures_dir: Path) -> None:
    found = portable.loads(raw)
    stories = [p for p in read_records([fixtures_dir / "fhir/stories"]) if isinstance(p, Patient)]
    assert len(stories) > 50
    alerts = 0
    for patient in stories:
        here = screen(patient, rules, as_of="2026-01-15")
        there = screen(patient, found, as_of="2026-01-15")
        assert report_line(there) == report_line(here), patient.id
        alerts += len(here.alerts)
    assert alerts > 50


def test_another_policy_and_another_rule_are_carried(tmp_path: Path, rules: Any) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "format: 1\nid: quiet\nowner: test\nreason: test\n"
        "tiers: {contraindicated: silent-log, major: silent-log, moderate: silent-log, "
        "minor: silent-log, info: silent-log}\n",
        "utf-8",
    )
    quiet = ruleset.load(policy=policy)
    assert quiet.digest != rules.digest
    found = portable.loads(portable.dumps(quiet))
    assert found.digest == quiet.digest
    assert (
        found.tier("any", "contraindicated")
        == quiet.tier("any", "contraindicated")
        != rules.tier("any", "contraindicated")
    )


def test_it_is_built_once_in_a_process(raw: bytes) -> None:
    assert portable.loads(bytes(bytearray(raw))) is portable.loads(raw)


@pytest.mark.parametrize("place", [0, 5, 40, 79, 82, 1000, -1])
def test_a_changed_byte_is_refused(raw: bytes, place: int) -> None:
    changed = bytearray(raw)
    changed[place] ^= 1
    with pytest.raises(CaveatError):
        portable.loads(bytes(changed))


@pytest.mark.parametrize("length", [0, 10, 82, 83, 5000])
def test_bytes_cut_off_are_refused(raw: bytes, length: int) -> None:
    with pytest.raises(CaveatError):
        portable.loads(raw[:length])


def _forged(raw: bytes, **changes: Any) -> bytes:
    """Other content under a right checksum, as another release may write it."""
    content = json.loads(zlib.decompress(raw.partition(b"\n")[2])) | changes
    body = zlib.compress(json.dumps(content).encode())
    return portable.FORMAT + b" " + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def test_rules_that_have_not_the_digest_they_state_are_refused(raw: bytes) -> None:
    with pytest.raises(CaveatError, match=r"have the digest sha256:[0-9a-f]{64}, not sha256:"):
        portable.loads(_forged(raw, tiers=[["major", "passive"]]))


@pytest.mark.parametrize(
    "changes", [{"program": "[]"}, {"terminology": "{}"}, {"tiers": 3}, {"digest": None}]
)
def test_other_content_is_refused_in_words(raw: bytes, changes: dict[str, Any]) -> None:
    with pytest.raises(CaveatError):
        portable.loads(_forged(raw, **changes))


def test_messages(raw: bytes) -> None:
    with pytest.raises(CaveatError) as other:
        portable.loads(b"PK\x03\x04")
    assert str(other.value) == (
        "these bytes are no ruleset of the form 'caveat-ruleset 1'. Write them with "
        "caveat.compile.portable.dumps, by the same release of caveat that reads them"
    )
    with pytest.raises(CaveatError) as cut:
        portable.loads(raw[:-1])
    assert str(cut.value) == "the bytes of this ruleset were changed or cut off on their way. Send them again"
