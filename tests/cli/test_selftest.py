"""`caveat selftest must-fire`: what a site's configuration makes of rules that must fire."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from caveat.authoring import selftest
from caveat.authoring.selftest import Proof, prove, read_items, sanity
from caveat.compile.ruleset import Ruleset, load
from caveat.errors import RulesetError
from cli.conftest import Caller
from cli.small import write_rules

RENAL, PAIR = "baclofen.renal.crcl-below-30", "baclofen.interaction.sedative"
ITEMS = """\
format: 1
title: What must alert
as_of: "2026-01-15"
base:
  orders: [{id: o1, text: baclofen 10 mg tablet, status: active}]
items:
- id: renal
  rule: baclofen.renal.crcl-below-30
  tier: interruptive
  severity: contraindicated
  given: {creatinine_clearance: 24 mL/min}
- id: sedatives
  rule: baclofen.interaction.sedative
  tier: interruptive
  pair: {order: {ingredient: baclofen}, with: {class: sedative}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = write_rules(tmp_path / "rules")
    return write_items(found, ITEMS)


def write_items(folder: Path, text: str) -> Path:
    (folder / "must-fire").mkdir(exist_ok=True)
    (folder / "must-fire" / "site.yaml").write_text(text)
    return folder


def overlay(folder: Path, **lists: Any) -> Path:
    file = folder.parent / "ward.yaml"
    head = "format: 1\nid: ward\ntitle: Ward\nowner: Committee\n"
    item = {"reason": "On trial.", "owner": "Dr. A", "date": "2026-11-01"}
    file.write_text(
        head + "".join(f"{k}: {json.dumps([{**item, **x} for x in v])}\n" for k, v in lists.items())
    )
    return file


def failures(rules: Ruleset) -> dict[str, list[str]]:
    found = prove(rules, read_items(rules.root))
    return {p.item: [f"{f.subject}: {f.why}" for f in p.failures] for p in found}


def test_the_shipped_rules_fire_under_each_shipped_policy(call: Caller) -> None:
    for policy in ("default", "passive"):
        called = call("selftest", "must-fire", "--policy", policy)
        assert called.code == 0, called.out
        assert "FAILS" not in called.out


def test_each_contraindication_of_baclofen_must_fire() -> None:
    """An item for each contraindicated rule, but for the one that another supersedes on every record."""
    rules = load()
    grave = (rule for rule in rules.program.rules if rule.severity == "contraindicated")
    wanted = {rule.id for rule in grave if rule.id.startswith("baclofen.")}
    assert wanted <= {placed.item.rule for placed in read_items(rules.root)}


def test_what_fires_is_shown_with_its_tier(call: Caller, folder: Path) -> None:
    called = call("selftest", "must-fire", "--rules", folder)
    assert called.code == 0
    assert called.out.splitlines() == [
        "item       rule                           at least      came as       records",
        "renal      baclofen.renal.crcl-below-30   interruptive  hard-stop     1        fires",
        "sedatives  baclofen.interaction.sedative  interruptive  interruptive  2        fires",
    ]


def test_a_disabled_rule_fails_with_reason_and_owner(call: Caller, folder: Path) -> None:
    file = overlay(folder, disabled=[{"rule": RENAL}])
    called = call("selftest", "must-fire", "--rules", folder, "--overlay", file)
    assert called.code == 1
    assert "FAILS" in called.out
    assert "its record: disabled by the site (ward.yaml:5): On trial. Dr. A, 2026-11-01\n" in called.out
    assert f"disabled by the site: {RENAL}: On trial. (Dr. A)\n" in called.out
    assert "1 of 2 items fire as they must" in called.err


def test_a_silenced_rule_fails_with_reason_and_owner(call: Caller, folder: Path) -> None:
    file = overlay(folder, tiers=[{"rule": RENAL, "tier": "silent-log", "until": "2999-12-31"}])
    called = call("selftest", "must-fire", "--rules", folder, "--overlay", file, "--format", "json")
    assert called.code == 1
    found = json.loads(called.out)
    assert (found["ok"], found["overlay"]) == (False, "ward")
    assert found["items"][0]["failures"] == [
        {
            "subject": "its record",
            "why": "alerts as silent-log only: tier hard-stop made silent-log by the site (ward.yaml:5): "
            "On trial. Dr. A, 2026-11-01 until 2999-12-31",
            "by_site": True,
        }
    ]
    assert found["items"][1]["ok"] is True


def test_a_milder_severity_fails_even_where_it_is_loud_enough(folder: Path) -> None:
    file = overlay(folder, severities=[{"rule": RENAL, "severity": "major"}])
    [why] = failures(load(folder, overlay=file, cache=False))["renal"]
    assert why.startswith("its record: alerts as major only: severity contraindicated made major by the site")


def test_a_quiet_policy_fails_by_its_name(call: Caller, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "quiet.yaml"
    file.write_text(
        "format: 1\nid: quiet\nowner: o\nreason: r\ntiers: {contraindicated: passive, major: interruptive}\n"
    )
    called = call("selftest", "must-fire", "--rules", folder, "--policy", file)
    assert called.code == 1
    assert "alerts as passive only: policy quiet gives contraindicated this tier" in called.out


def test_every_pair_of_the_classes_is_judged(folder: Path) -> None:
    """A member the rule was not written for is a pair that does not alert."""
    file = folder / "baclofen" / "baclofen.rules.yaml"
    file.write_text(file.read_text().replace("with: {class: sedative}", "with: {class: opioid}"))
    assert failures(load(folder, cache=False))["sedatives"] == [
        "baclofen with diazepam: does not alert: the rule is not met"
    ]


def test_a_pair_without_a_rule_takes_any_alert_on_both(folder: Path) -> None:
    rules = load(
        write_items(folder, ITEMS.replace("  rule: baclofen.interaction.sedative\n", "")), cache=False
    )
    assert failures(rules) == {"renal": [], "sedatives": []}
    file = overlay(folder, disabled=[{"rule": PAIR}])
    found = failures(load(folder, overlay=file, cache=False))["sedatives"]
    assert found[0] == "baclofen with diazepam: no rule alerts (1 rules are disabled by overlay ward)"


WRONG = {
    "no such rule": (
        "rule: baclofen.renal.crcl-below-30",
        "rule: baclofen.renal.crcl-below-3",
        "Did you mean",
    ),
    "no such class": (
        "class: sedative",
        "class: sedatives",
        "there is no class 'sedatives'. Did you mean sedative?",
    ),
    "no such ingredient": ("ingredient: baclofen}", "ingredient: baclofn}", "no ingredient 'baclofn'"),
    "itself only": ("class: sedative", "ingredient: baclofen", "no pair of ingredients"),
    "record that does not fit": ("24 mL/min", "-3 mL/min", "must not be negative"),
    "medicine not recognised": ("text: baclofen 10 mg tablet", "text: baclofn", "not recognised: baclofn"),
    "fact missing": ("given: {creatinine_clearance: 24 mL/min}", "given: {}", "missing creatinine_clearance"),
    "not met": ("24 mL/min", "80 mL/min", "does not alert: the rule is not met"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_item_that_cannot_hold_fails_and_says_why(folder: Path, name: str) -> None:
    before, after, why = WRONG[name]
    assert before in ITEMS
    rules = load(write_items(folder, ITEMS.replace(before, after)), cache=False)
    proofs = prove(rules, read_items(rules.root))
    assert sum(not proof.ok for proof in proofs) == 1
    [failed] = [failure for proof in proofs for failure in proof.failures]
    assert why in failed.why
    assert not failed.by_site


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("id: sedatives", "id: renal", "C008"),
        ("tier: interruptive", "tier: loud", "C013"),
        ("title: What", "titel: What", "C011"),
        ('as_of: "2026-01-15"', "as_of: 2026-02-30", "C015"),
        ("  rule: baclofen.renal.crcl-below-30\n", "", "C015"),
    ],
)
def test_a_file_that_is_wrong_is_told_with_its_place(
    call: Caller, folder: Path, before: str, after: str, code: str
) -> None:
    assert before in ITEMS
    write_items(folder, ITEMS.replace(before, after))
    with pytest.raises(RulesetError, match=code):
        read_items(folder)
    called = call("selftest", "must-fire", "--rules", folder)
    assert called.code == 2
    assert "must-fire/site.yaml:" in called.err


def test_an_item_that_judged_nothing_does_not_hold() -> None:
    assert not Proof("a", "r", "passive", "", 0, (), "x").ok
    assert Proof("a", "r", "passive", "passive", 1, (), "x").ok


def test_nothing_declared_is_no_proof(call: Caller, folder: Path) -> None:
    shutil.rmtree(folder / "must-fire")
    called = call("selftest", "must-fire", "--rules", folder)
    assert (called.code, called.out) == (2, "")
    assert "nothing is declared that must fire" in called.err


def test_options_of_two_ways_are_not_mixed(call: Caller, folder: Path) -> None:
    called = call("selftest", "must-fire", "--config", "x.yaml", "--rules", folder)
    assert called.code == 2
    assert "give one or the other" in called.err


def test_a_configuration_is_proved_as_it_would_be_served(call: Caller, folder: Path, tmp_path: Path) -> None:
    overlay(folder, disabled=[{"rule": RENAL}])
    call("bundle", "keygen", "--out", tmp_path / "site")
    from caveat.compile.bundle import build_bundle
    from caveat.rules.bundle import write_bundle

    write_bundle(build_bundle(folder), tmp_path / "rules.bundle")
    config = tmp_path / "caveat.yaml"
    (tmp_path / "audit.key").write_text("x" * 64)
    (tmp_path / "audit.key").chmod(0o600)
    public = ECKey.generate_key("P-384", {"kid": "k1", "alg": "ES384", "use": "sig"}).as_dict(private=False)
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [public]}))
    config.write_text(
        json.dumps(
            {
                "format": 1,
                "public_url": "https://cds.example.org",
                "audit": {"key_file": "audit.key"},
                "trust": {"issuers": [{"iss": "https://ehr.example.org", "jwks": "jwks.json"}]},
                "rules": {"bundle": "rules.bundle", "keys": ["site.pub.pem"], "overlay": "ward.yaml"},
            }
        )
    )
    unsigned = call("selftest", "must-fire", "--config", config)
    assert unsigned.code == 2
    assert "only signed rules are taken" in unsigned.err
    call("bundle", "sign", tmp_path / "rules.bundle", "--key", tmp_path / "site.pem")
    called = call("selftest", "must-fire", "--config", config)
    assert called.code == 1, called.err
    assert "disabled by the site (ward.yaml:5): On trial. Dr. A" in called.out


def test_the_basic_promises_hold_and_can_fail(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = load(folder, cache=False)
    assert sanity(rules, "2026-01-15") == ()
    from dataclasses import replace

    from caveat.authoring import selftest
    from caveat.compile.serial import seal

    assert sanity(replace(rules, program=seal("0", ())), "2026-01-15") == ("there is no rule in it",)
    whole = selftest.screen

    def blind(*arguments: Any, **named: Any) -> Any:
        return replace(whole(*arguments, **named), findings=(), unrecognised=())

    monkeypatch.setattr(selftest, "screen", blind)
    assert sanity(rules, "2026-01-15") == (
        "a medicine that no table knows is not shown as unrecognised",
        "a record without a list of medicines is clear",
    )


def test_an_alert_that_the_reference_evaluator_does_not_give_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = load(folder, cache=False)
    assert failures(rules) == {"renal": [], "sedatives": []}
    monkeypatch.setattr(selftest, "build", lambda name, program: Silent())
    found = failures(rules)
    assert all(
        "the evaluators differ: reference does not fire" in why for whys in found.values() for why in whys
    )
    assert [len(whys) > 0 for whys in found.values()] == [True, True]


class Silent:
    """An evaluator that concludes nothing."""

    def outcomes(self, chart: object) -> list[object]:
        return []
