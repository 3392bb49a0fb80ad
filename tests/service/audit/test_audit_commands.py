"""`caveat audit`: what it prints and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from caveat.cli import run as run_command
from caveat.compile.ruleset import load
from caveat.service.audit import trail
from caveat.service.audit.export import audit_event
from caveat.service.audit.verify import verify
from caveat.service.live import Live
from caveat.service.store.base import Caller
from caveat.service.store.entry import event
from service.audit.calls import kept, options, order_sign
from service.store.making import AT, KEYS, database, filled, unguarded


@dataclass(frozen=True)
class Called:
    code: int
    out: str
    err: str


Call = Callable[..., Called]


@pytest.fixture
def call(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Call:
    def called(*arguments: str) -> Called:
        code = run_command(["audit", *arguments])
        out, err = capfdbinary.readouterr()
        return Called(code, out.decode(), err.decode())

    return called


@pytest.fixture(scope="module")
def live() -> Live:
    return Live.of(load())


def test_verify(call: Call, tmp_path: Path, live: Live) -> None:
    kept(tmp_path, live, order_sign(), order_sign())
    base = database(tmp_path)
    head = verify(base, KEYS).head
    told = call("verify", *options(tmp_path))
    assert (told.code, told.out, told.err) == (0, f"2 rows, nothing altered\nhead {head}\n", "")
    assert call("verify", *options(tmp_path), "--head", str(head)).code == 0
    unguarded(base, "UPDATE audit SET status = 204 WHERE sequence = 2")
    base.close()
    told = call("verify", *options(tmp_path), "--head", str(head), "--head", f"{'0' * 64}:1")
    assert told.code == 1
    assert told.out == (
        "row 1: is not the row it was when that head was written down\n"
        "row 2: was altered: its hash does not fit its columns\n"
        "THE AUDIT TRAIL IS NOT AS IT WAS WRITTEN (2 rows read)\n"
    )


def test_replay_says_the_same_bytes(call: Call, tmp_path: Path, live: Live, rulesets_dir: Path) -> None:
    fires, clear, view = order_sign(), order_sign(0.8), order_sign(at="2026-01-15T23:59:59.000Z")
    kept(tmp_path, live, fires, clear, view)
    for one in (fires, clear, view):
        told = call("replay", one.id, *options(tmp_path))
        assert (told.code, told.out) == (0, "same bytes\n"), told
    told = call("replay", fires.id, *options(tmp_path), "--rules", str(rulesets_dir))
    assert told.code == 0
    told = call("replay", fires.id, *options(tmp_path), "--body")
    assert json.loads(told.out)["cards"]
    assert told.err == "same bytes\n"


def test_replay_with_other_rules(call: Call, tmp_path: Path, live: Live) -> None:
    asked = order_sign()
    kept(tmp_path, live, asked)
    policy = tmp_path / "site.policy.yaml"
    policy.write_text(
        "format: 1\nid: other\nowner: pharmacy\nreason: a test\n"
        "tiers: {contraindicated: passive, major: passive, moderate: passive, minor: passive, "
        "info: passive}\n"
    )
    told = call("replay", asked.id, *options(tmp_path), "--policy", str(policy))
    assert told.code == 2, told
    assert told.err.startswith(
        f"evaluation {asked.id} was judged by rules {live.rules.digest}; these are sha256:"
    )


def test_replay_shows_what_differs(
    call: Call, tmp_path: Path, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    from caveat.service import answers

    asked = order_sign()
    kept(tmp_path, live, asked)
    original = answers.answer

    def other(question: object, live: Live) -> object:
        found = original(question, live)  # type: ignore[arg-type]
        judged = replace(found.judged[0], findings=found.judged[0].findings[1:], patient="p2")
        return replace(found, status=500, body=b"other", judged=(judged,))

    monkeypatch.setattr(answers, "answer", other)
    told = call("replay", asked.id, *options(tmp_path))
    assert told.code == 1
    lines = told.out.splitlines()
    assert lines[0] == "status 200 then, 500 now"
    first = original(asked, live).judged[0].findings[0]
    assert lines[1] == f"only then: {first.finding} {first.rule} {first.status} {first.severity} {first.tier}"
    assert lines[2] == "the patients are others"
    assert lines[3].startswith("sha256 of the body ")


def test_replay_of_what_is_not_there(call: Call, tmp_path: Path, live: Live) -> None:
    asked = order_sign(at="2025-01-15T10:00:00.000Z")
    kept(tmp_path, live, asked, order_sign())
    told = call("replay", "no-such-id", *options(tmp_path))
    assert (told.code, told.err) == (3, "Error: there is no evaluation no-such-id in the audit trail\n")
    told = call("prune-inputs", *options(tmp_path), "--older-than", "36500d")
    assert told.out.startswith("0 inputs and 0 shown findings older than ")
    told = call("prune-inputs", *options(tmp_path), "--older-than", "30d")
    assert told.code == 0
    assert not told.out.startswith("0 inputs")
    told = call("replay", asked.id, *options(tmp_path))
    assert told.code == 2
    assert told.err == (
        f"Error: the input of evaluation {asked.id} was pruned, so it cannot be replayed any more\n"
    )
    told = call("verify", *options(tmp_path))
    assert told.code == 0
    assert "4 rows, nothing altered; " in told.out


def test_list(call: Call, tmp_path: Path, live: Live) -> None:
    asked = [order_sign(at=f"2026-01-{day:02d}T10:00:00.000Z") for day in (5, 6, 7)]
    kept(tmp_path, live, *asked)
    lines = call("list", *options(tmp_path)).out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    assert lines[0].endswith(f"{KEYS.patient('p1')[:12]}  https://ehr.example  {asked[0].id}")

    def ids(*more: str) -> list[str]:
        told = call("list", *options(tmp_path), "--format", "json", *more)
        assert told.code == 0, told.err
        return [json.loads(line)["evaluation"] for line in told.out.splitlines()]

    first, second, third = (one.id for one in asked)
    assert ids() == [first, second, third]
    assert ids("--from", "2026-01-06") == [second, third]
    assert ids("--to", "2026-01-06") == [first, second]
    assert ids("--from", "2026-01-06T10:00:00Z", "--to", "2026-01-07T11:00:00+01:00") == [second]
    assert ids("--last", "2") == [second, third]
    assert ids("--patient", "Patient/p1", "--last", "1") == [third]
    assert ids("--patient", "p2") == []
    assert ids("--patient", "p1", "--tenant", "other") == []
    assert "p1" not in call("list", *options(tmp_path), "--format", "json").out.replace("app-1", "")


def test_export_is_valid_fhir(call: Call, tmp_path: Path, live: Live) -> None:
    import fhirkit

    kept(tmp_path, live, order_sign(), order_sign(overrides=None), order_sign(0.8))
    call("prune-inputs", *options(tmp_path), "--older-than", "1d")
    told = call("export", *options(tmp_path))
    assert told.code == 0
    events = [json.loads(line) for line in told.out.splitlines()]
    assert [one["resourceType"] for one in events] == ["AuditEvent"] * 4
    for one in events:
        assert [str(issue.message) for issue in fhirkit.validate(one)] == []
        assert _empty(one, "$") == []
    assert "p1" not in told.out.replace("app-1", "")
    first, second, _, pruned = events
    assert first["type"]["code"] == "rest"
    assert first["subtype"][1] == {"system": "urn:caveat:audit-kind", "code": "order-sign"}
    assert first["entity"][0]["what"]["identifier"]["value"] == KEYS.patient("p1")
    details = {detail["type"]: detail["valueString"] for detail in first["entity"][1]["detail"]}
    assert details["hook_instance"] == "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
    assert first["entity"][2]["what"]["identifier"]["value"] == live.rules.digest
    assert {"type": "overrides", "valueString": "not considered"} in second["entity"][1]["detail"]
    assert (pruned["type"]["code"], pruned["outcome"]) == ("110100", "0")


def _empty(value: object, path: str) -> list[str]:
    """Paths of values that FHIR has no place for: null, empty text, list or object."""
    if value is None or value in ("", [], {}):
        return [path]
    if isinstance(value, dict):
        return [p for key, one in value.items() for p in _empty(one, f"{path}.{key}")]
    if isinstance(value, list):
        return [p for index, one in enumerate(value) for p in _empty(one, f"{path}[{index}]")]
    return []


@pytest.mark.parametrize(("status", "outcome"), [(200, "0"), (400, "4"), (412, "4"), (500, "8")])
def test_outcomes(status: int, outcome: str) -> None:
    import fhirkit

    made = event("order-sign", Caller(""), AT, ["", "a", "a"])
    found = audit_event(
        {**trail.plain(made.row), "status": status, "sequence": 1, "hash": "h", "previous": "p"}
    )
    assert found["outcome"] == outcome
    assert [entity["what"]["identifier"]["value"] for entity in found["entity"]][:-1] == ["a"]
    assert fhirkit.validate(found) == []


def test_export_of_any_row(tmp_path: Path) -> None:
    import fhirkit

    filled(tmp_path, 6)
    base = database(tmp_path)
    for row in trail.rows(base):
        found = audit_event(row)
        assert fhirkit.validate(found) == []
        assert _empty(found, "$") == []
    base.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify"], "name the store with --config FILE, or with --store URL and --key FILE"),
        (
            ["verify", "--store", "sqlite:///x"],
            "--store goes with --key FILE, the secret the trail is chained with",
        ),
        (["verify", "--store", "sqlite:///x", "--key", "nowhere"], "nowhere: no such file"),
        (
            ["verify", "--store", "sqlite:///nowhere.sqlite", "--key", "KEY"],
            "nowhere.sqlite: no such database file",
        ),
        (
            ["verify", "--store", "sqlite:///EMPTY", "--key", "KEY"],
            "the database is of revision none, and this release",
        ),
        (["verify", "--store", "postgresql://u@127.0.0.1:1/d", "--key", "KEY"], "Nothing was read"),
        (["verify", "--store", "sqlite:///EMPTY", "--key", "KEY", "--head", "x"], "--head takes what"),
        (["list", "--store", "sqlite:///EMPTY", "--key", "KEY", "--from", "soon"], "'soon' is no day"),
        (
            ["prune-inputs", "--store", "sqlite:///EMPTY", "--key", "KEY", "--older-than", "0d"],
            "'0d' is not a number of days such as 30d",
        ),
    ],
)
def test_what_is_wrong_is_said(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "KEY").write_text("k" * 40)
    (tmp_path / "EMPTY").write_bytes(b"")
    told = call(*arguments)
    assert told.code == 2
    assert said in told.err
    assert "Traceback" not in told.err
    assert not (tmp_path / "nowhere.sqlite").exists()


def test_another_key_is_said(call: Call, tmp_path: Path) -> None:
    filled(tmp_path, 2)
    (tmp_path / "audit.key").write_text("another secret of at least 32 bytes")
    told = call("verify", *options(tmp_path))
    assert told.code == 1
    assert "this is not the key the chain was begun with" in told.out
