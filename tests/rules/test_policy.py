"""What a site's policy and overlay make of the rules, and that none of it is silent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
import yamlcore
from hypothesis import given
from hypothesis import strategies as st

from caveat.authoring.schemas import schema
from caveat.compile import portable
from caveat.compile.ruleset import Ruleset, assemble, content_of, load
from caveat.compile.site import SiteChange
from caveat.errors import CaveatError, RulesetError
from caveat.evaluators.screen import screen
from caveat.facts.patient import Patient
from caveat.findings.report import Report
from caveat.render.json import report_json
from caveat.render.text import report_text
from caveat.render.view import view_of
from caveat.rules.policy import INDICATORS, TIERS, Policy
from cli.small import AS_OF, record, write_rules

RENAL, MILD = "baclofen.renal.crcl-below-30", "baclofen.renal.crcl-30-to-50"
PAIR, ELDERLY = "baclofen.interaction.sedative", "baclofen.age.elderly"
HEAD = "format: 1\nid: ward\ntitle: The ward\nowner: Committee\n"
DAY = "2026-11-20"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rules(tmp_path_factory.mktemp("site") / "rules")


Loader = Callable[..., Ruleset]


@pytest.fixture
def site(folder: Path, tmp_path: Path) -> Loader:
    """The small rules under an overlay of these lists."""

    def loaded(day: str | None = DAY, policy: Path | None = None, text: str = "", **lists: Any) -> Ruleset:
        file = tmp_path / "ward.yaml"
        file.write_text(text or HEAD + "".join(f"{k}: {json.dumps(v)}\n" for k, v in lists.items()))
        return load(folder, overlay=file, policy=policy, day=day, cache=False)

    return loaded


def item(rule: str, **more: str) -> dict[str, str]:
    return {"rule": rule, "reason": "Because so", "owner": "Dr. A", "date": "2026-11-01", **more}


def policy(tmp_path: Path, **parts: Any) -> Path:
    file = tmp_path / "policy.yaml"
    tiers = {
        "contraindicated": "hard-stop",
        "major": "interruptive",
        "moderate": "passive",
        "minor": "passive",
    }
    file.write_text(
        json.dumps({"format": 1, "id": "p", "owner": "o", "reason": "r", "tiers": tiers, **parts})
    )
    return file


def judged(rules: Ruleset, **facts: Any) -> Report:
    return screen(Patient.model_validate(record(**facts)), rules, as_of=AS_OF, second_opinion="reference")


def problems(call: Callable[[], object]) -> list[str]:
    with pytest.raises(RulesetError) as caught:
        call()
    return [str(problem) for problem in caught.value.problems]


# Policy


def test_rules_go_before_kinds_and_kinds_before_tiers(folder: Path, tmp_path: Path) -> None:
    file = policy(
        tmp_path,
        kinds={"precaution": {"moderate": "silent-log"}, "contraindication": {"major": "passive"}},
        rules=[{"rule": ELDERLY, "tier": "interruptive", "reason": "r", "owner": "o"}],
    )
    rules = load(folder, policy=file, cache=False)
    assert rules.tier(MILD, "moderate") == "silent-log"
    assert rules.tier(ELDERLY, "minor") == "interruptive"
    assert rules.tier(RENAL, "contraindicated") == "hard-stop"
    assert rules.tier(PAIR, "major") == "interruptive"


def test_a_severity_that_is_not_named_interrupts(folder: Path, tmp_path: Path) -> None:
    rules = load(folder, policy=policy(tmp_path, tiers={}), cache=False)
    assert {rules.tier(rule.id, rule.severity) for rule in rules.program.rules} == {"interruptive"}
    assert rules.tier("x", "major", open=True) == "interruptive"


def test_indicators_are_whole_whatever_the_policy_names(folder: Path, tmp_path: Path) -> None:
    rules = load(
        folder, policy=policy(tmp_path, indicators={"major": "warning", "open": "info"}), cache=False
    )
    assert dict(rules.indicators) == {**INDICATORS, "major": "warning", "open": "info"}


def test_a_quiet_policy_may_not_hide_what_a_loud_one_shows(folder: Path, tmp_path: Path) -> None:
    """The interaction supersedes the precaution of the elderly: made silent, it would silence both."""
    quiet = policy(tmp_path, rules=[{"rule": PAIR, "tier": "silent-log", "reason": "r", "owner": "o"}])
    [problem] = problems(lambda: load(folder, policy=quiet, cache=False))
    assert "C026 a quieter rule supersedes a louder one" in problem
    assert f"{PAIR} (silent-log here) supersedes {ELDERLY} (passive here)" in problem


def test_the_passive_policy_interrupts_only_where_it_is_serious() -> None:
    rules = load(policy="passive", cache=False)
    assert rules.policy == "passive"
    tiers = {(r.severity, rules.tier(r.id, r.severity)) for r in rules.program.rules}
    loud = {severity for severity, tier in tiers if tier in ("hard-stop", "interruptive")}
    assert loud == {"contraindicated", "major"}
    assert {tier for severity, tier in tiers if severity == "contraindicated"} == {"interruptive"}
    assert rules.tier("any", "contraindicated", open=True) == "passive"
    assert len({r.tier("x", "moderate") for r in (rules, load(cache=False))}) == 1


def test_a_policy_that_does_not_exist_is_named(folder: Path) -> None:
    with pytest.raises(
        CaveatError, match=r"pasive: no such policy\. Name a file, or one of: default, passive"
    ):
        load(folder, policy="pasive")
    with pytest.raises(CaveatError, match="no such policy"):
        load(folder, policy="../policies/default")


# Overlay: rules that are off


def test_a_disabled_rule_is_not_judged_and_never_silently_gone(site: Loader) -> None:
    rules = site(disabled=[item(RENAL)])
    report = judged(rules)
    assert report.alerts == ()
    assert report.rules_checked == 3
    assert rules.disabled == ((RENAL, "Because so", "Dr. A"),)
    [note] = report.notes
    assert (note.code, note.count) == ("rules-disabled", 1)
    assert note.message == f"1 rule disabled by site policy: {RENAL}"
    assert report_json(report)["notes"][0]["code"] == "rules-disabled"
    for verbose in (False, True):
        assert f"1 rule disabled by site policy: {RENAL}" in report_text(
            report, view_of(rules, verbose=verbose)
        ).replace("\n      ", " ")


def test_what_a_disabled_rule_hid_is_shown_again(site: Loader, folder: Path) -> None:
    diazepam = {"id": "o2", "text": "diazepam 5 mg tablet", "status": "active", "start": "2025-11-03"}
    facts = {"age": "80 a", "orders": [record()["orders"][0], diazepam]}
    before = judged(load(folder, cache=False), **facts)
    after = judged(site(disabled=[item(PAIR)]), **facts)
    assert [f.rule.id for f in before.alerts] == [RENAL, PAIR]
    assert [f.rule.id for f in after.alerts] == [RENAL, ELDERLY]


def test_a_medicine_whose_only_rules_are_off_is_not_covered(site: Loader, folder: Path) -> None:
    rules = site(disabled=[item(rule.id) for rule in load(folder).program.rules])
    assert judged(rules).uncovered == ("baclofen",)
    assert judged(rules).notes[0].count == 4


# Overlay: severity and tier


def test_a_local_severity_shows_the_rules_own(site: Loader) -> None:
    rules = site(severities=[item(MILD, severity="major")])
    [finding] = judged(rules, creatinine_clearance="40 mL/min").alerts
    assert (finding.severity, finding.tier) == ("major", "interruptive")
    compiled = rules.program.rule(MILD)
    assert compiled.regraded is not None
    assert (compiled.regraded.severity, compiled.regraded.owner) == ("moderate", "Dr. A")
    cited = finding.rule.evidence[-1]
    assert cited.section == "severity major at this site, moderate in the rule"
    assert (cited.says, cited.checked) == ("Because so (Dr. A)", "2026-11-01")
    assert dict(rules.sources)[cited.source] == "Site overlay ward: The ward. Committee"
    assert "severity major at this site, moderate in the rule" in report_text(
        judged(rules, creatinine_clearance="40 mL/min"), view_of(rules)
    ).replace("\n", " ").replace("  ", "")


def test_the_id_of_a_finding_does_not_hang_on_the_site(site: Loader, folder: Path) -> None:
    """So that an override given before a regrading is still recognised."""
    facts = {"creatinine_clearance": "40 mL/min"}
    [before] = judged(load(folder, cache=False), **facts).alerts
    [after] = judged(site(severities=[item(MILD, severity="major")]), **facts).alerts
    assert before.id == after.id


def test_a_local_tier_goes_before_the_policy(site: Loader, tmp_path: Path) -> None:
    file = policy(tmp_path, rules=[{"rule": MILD, "tier": "hard-stop", "reason": "r", "owner": "o"}])
    rules = site(policy=file, tiers=[item(MILD, tier="silent-log")])
    [finding] = judged(rules, creatinine_clearance="40 mL/min").alerts
    assert finding.tier == "silent-log"
    [change] = rules.changes
    assert (change.kind, change.written, change.local) == ("tier", "hard-stop", "silent-log")
    assert change.place == "ward.yaml:5"


# Overlay: what does not fit

FAULTS = {
    "unknown rule": (
        {"disabled": [item("baclofen.renal.crcl-below-3")]},
        "C020 unknown rule 'baclofen.renal.crcl-below-3'",
        f"Did you mean {RENAL}?",
    ),
    "twice": (
        {"tiers": [item(MILD, tier="passive"), item(MILD, tier="silent-log")]},
        f"C008 rule '{MILD}' stands twice under tiers",
        "Keep one of the two.",
    ),
    "milder than what it hides": (
        {"severities": [item(PAIR, severity="info")]},
        "C035 a milder rule supersedes a graver one",
        f"{PAIR} (info here) supersedes {ELDERLY} (minor here)",
    ),
    "graver than what hides it": (
        {"severities": [item(ELDERLY, severity="contraindicated")]},
        "C035 a milder rule supersedes a graver one",
        f"{PAIR} (major here) supersedes {ELDERLY} (contraindicated here)",
    ),
    "quieter than what it hides": (
        {"tiers": [item(PAIR, tier="silent-log")]},
        "C026 a quieter rule supersedes a louder one",
        f"{PAIR} (silent-log here) supersedes {ELDERLY} (passive here)",
    ),
    "no owner": ({"disabled": [{**item(MILD), "owner": " "}]}, "C014", ""),
    "no reason": ({"disabled": [{k: v for k, v in item(MILD).items() if k != "reason"}]}, "C012", "'reason'"),
    "no day": ({"disabled": [item(MILD, date="2026-13-01")]}, "C015", "2026-13-01 is no day of the calendar"),
    "over before it began": ({"disabled": [item(MILD, until="2026-01-01")]}, "C015", "lies before date"),
    "misspelt key": ({"disabeld": [item(MILD)]}, "C011 unknown key 'disabeld'", "Did you mean disabled?"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_an_overlay_are_told_with_their_place(site: Loader, name: str) -> None:
    lists, code, hint = FAULTS[name]
    [problem] = problems(lambda: site(**lists))
    assert "ward.yaml:" in problem
    assert code in problem
    assert hint in problem


def test_the_message_of_an_unknown_rule(site: Loader, tmp_path: Path) -> None:
    text = HEAD + (
        "disabled:\n- rule: baclofen.renal.crcl-below-3\n  reason: r\n  owner: o\n  date: 2026-11-01\n"
    )
    [problem] = problems(lambda: site(text=text))
    assert problem.removeprefix(f"{tmp_path}/") == (
        "ward.yaml:6:9: C020 unknown rule 'baclofen.renal.crcl-below-3'\n"
        "   6 | - rule: baclofen.renal.crcl-below-3\n"
        "     |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "The overlay changes a rule that does not exist.\n"
        "Did you mean baclofen.renal.crcl-below-30?"
    )


def test_every_fault_is_told_at_once(site: Loader) -> None:
    found = problems(
        lambda: site(disabled=[item("a.b.c"), item("d.e.f")], tiers=[item("g.h.i", tier="passive")])
    )
    assert len(found) == 3


def test_an_overlay_that_does_not_exist_is_named(folder: Path) -> None:
    with pytest.raises(CaveatError, match=r"none\.yaml: no such file"):
        load(folder, overlay="none.yaml")


SEVERITIES = ("contraindicated", "major", "moderate", "minor", "info")
IDS = (RENAL, MILD, PAIR, ELDERLY)
ORDERS = [
    record()["orders"][0],
    {"id": "o2", "text": "diazepam 5 mg tablet", "status": "active", "start": "2025-11-03"},
    {"id": "o3", "text": "morphine 10 mg tablet", "status": "active", "start": "2025-11-03"},
]


@given(
    st.sets(st.sampled_from(IDS)),
    st.dictionaries(st.sampled_from(IDS), st.sampled_from(SEVERITIES)),
    st.dictionaries(st.sampled_from(IDS), st.sampled_from(TIERS)),
)
def test_no_overlay_hides_more_than_it_says(
    folder: Path, off: set[str], grades: dict[str, str], tiers: dict[str, str]
) -> None:
    """Whatever a site writes: what is not switched off is found as before, and nothing graver or louder
    than what is shown in its place is suppressed."""
    file = folder.parent / "any.yaml"
    lists = {
        "disabled": [item(rule) for rule in sorted(off)],
        "severities": [item(rule, severity=to) for rule, to in sorted(grades.items())],
        "tiers": [item(rule, tier=to) for rule, to in sorted(tiers.items())],
    }
    file.write_text(HEAD + "".join(f"{k}: {json.dumps(v)}\n" for k, v in lists.items()))
    refused: tuple[object, ...] = ()
    try:
        rules = load(folder, overlay=file, cache=False)
    except RulesetError as error:
        refused = error.problems
    assert {str(problem).split(": ")[1][:4] for problem in refused} <= {"C035", "C026"}
    if refused:
        return
    facts = {"age": "80 a", "orders": ORDERS}
    before, after = judged(load(folder, cache=False), **facts), judged(rules, **facts)
    kept = [f.id for f in before.findings if f.rule.id not in off]
    assert [f.id for f in after.findings] == kept
    assert after.rules_checked + len(rules.disabled) == before.rules_checked
    assert not after.errors
    for found in after.suppressed:
        shown = [f for f in after.findings if f.rule.id == found.suppressed_by and f.suppressed_by is None]
        assert all(SEVERITIES.index(f.severity) <= SEVERITIES.index(found.severity) for f in shown)
        assert all(TIERS.index(f.tier) <= TIERS.index(found.tier) for f in shown)
        assert shown


# Overlay: what ends


def test_a_change_holds_on_its_last_day_and_ends_after_it(site: Loader) -> None:
    lists = {
        "disabled": [item(RENAL, until="2026-12-31")],
        "severities": [item(MILD, severity="major", until=DAY)],
    }
    held = site(day=DAY, **lists)
    assert held.disabled
    assert held.program.rule(MILD).severity == "major"
    after = site(day="2027-01-01", **lists)
    assert after.disabled == ()
    assert after.program.rule(MILD).severity == "moderate"
    assert judged(after).alerts[0].rule.id == RENAL
    [note] = judged(after).notes
    assert (note.code, note.count) == ("site-changes-over", 2)
    assert held.digest != after.digest


def test_a_change_that_ends_needs_a_day(site: Loader) -> None:
    with pytest.raises(CaveatError, match="needs the day to be read for"):
        site(day=None, disabled=[item(RENAL, until="2026-12-31")])
    assert site(day=None, disabled=[item(RENAL)]).disabled


# Digest


def test_whatever_decides_or_accompanies_an_answer_is_in_the_digest(folder: Path) -> None:
    """Each part of a ruleset, changed by itself, gives another digest."""
    content = content_of(load(folder, cache=False))
    digests = {assemble(content, folder).digest}
    change = [
        getattr(SiteChange("disabled", "r", "t", "major", "a", "b", "c", "d", "e"), f.name)
        for f in fields(SiteChange)
    ]
    for name, other in {
        "program": content["program"].replace("Baclofen builds up", "Nothing happens"),
        "terminology": content["terminology"].replace("lioresal", "lioresol"),
        "tiers": [["major", "passive"]],
        "open_tiers": [["major", "passive"]],
        "rule_tiers": [[RENAL, "passive"]],
        "policy": "other",
        "sources": [["book", "Another book"]],
        "indicators": [["major", "info"]],
        "overlay": "other",
        "changes": [change],
    }.items():
        if name == "terminology":
            tables = json.loads(content["terminology"])
            tables["tables"]["digest"] = "other"
            other = json.dumps(tables)
        assert other != content[name], name
        digests.add(assemble({**content, name: other}, folder).digest)
        assert content.keys() >= {name}
    assert len(digests) == 1 + len(content)
    stated = {f.name for f in fields(Ruleset) if f.init} - {"root", "digest", "covered"}
    assert stated == set(content)


def test_plain_content_makes_the_same_ruleset(site: Loader) -> None:
    rules = site(disabled=[item(PAIR)], severities=[item(MILD, severity="major")])
    again = assemble(content_of(rules), rules.root)
    assert again.digest == rules.digest
    assert again.changes == rules.changes
    assert again.program == rules.program
    carried = portable.loads(portable.dumps(rules))
    assert replace(carried, root=rules.root, terminology=rules.terminology) == rules


def test_a_kept_ruleset_is_not_that_of_another_overlay_or_day(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAVEAT_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "ward.yaml"
    found = set()
    for until in ("2026-11-30", "2026-12-30"):
        file.write_text(HEAD + f"disabled: {json.dumps([item(RENAL, until=until)])}\n")
        for day in ("2026-11-29", "2026-12-15", "2027-01-15"):
            for _ in range(2):
                rules = load(folder, overlay=file, day=day)
                assert bool(rules.disabled) is (day <= until)
            found.add(rules.digest)
    assert load(folder).digest not in found


# Files and schemas


@pytest.mark.parametrize("kind", ["policy", "overlay", "must-fire"])
def test_the_published_schema_is_the_one_that_is_printed(root: Path, kind: str) -> None:
    published = json.loads((root / "docs" / "schema" / f"{kind}.schema.json").read_text("utf-8"))
    assert published == json.loads(json.dumps(schema(kind))), (
        f"caveat schema {kind} > docs/schema/{kind}.schema.json"
    )


def test_the_example_of_an_overlay_loads(root: Path) -> None:
    file = root / "rulesets" / "policies" / "overlays" / "ward-example.yaml"
    jsonschema.Draft202012Validator(schema("overlay")).validate(
        yaml.load(file.read_text("utf-8"), Loader=yamlcore.CCoreLoader)
    )
    rules = load(overlay=file, day="2026-12-01", cache=False)
    assert len(rules.disabled) == 2
    assert {change.kind for change in rules.changes} == {"disabled", "severity", "tier"}


@pytest.mark.parametrize("name", ["default", "passive"])
def test_the_shipped_policies_name_every_severity(root: Path, name: str) -> None:
    text = (root / "rulesets" / "policies" / f"{name}.yaml").read_text("utf-8")
    found = Policy.model_validate(yaml.load(text, Loader=yamlcore.CCoreLoader))
    assert len(found.tiers) == len(found.cannot_assess) == 5
    assert set(found.indicators) == set(INDICATORS)
