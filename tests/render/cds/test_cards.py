"""Which cards a report gives, in which order, and what each says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import caveat
from caveat.compile.program import Citation, Regraded, Suggestion, Texts
from caveat.findings.basis import Basis, Missing
from caveat.findings.reasons import REASONS, SYSTEM
from caveat.findings.report import RecordError, Report, Unrecognised
from caveat.findings.severity import SEVERITIES, Status
from caveat.render.cds.cards import cards, dealt
from caveat.render.cds.codes import fact_codes, ingredient_codes
from caveat.render.cds.ids import card_id
from caveat.render.cds.view import CardView
from render.cds.hostile import HARMLESS, LINKED, shown, structure, texts, tokens
from render.cds.samples import CLEARANCE, DRAFT, UNCHECKED, Told, empties, finding, report, view

SCHEMA = json.loads((Path(__file__).parent / "card.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def checked(made: Report, shown_to: CardView) -> list[dict[str, Any]]:
    """The cards, after what must hold of all cards."""
    found = cards(made, shown_to)
    faults = [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(found)]
    assert not faults, faults
    assert not [path for card in found for path in empties(card)]
    ids = [card["uuid"] for card in found]
    ids += [s["uuid"] for card in found for s in card.get("suggestions", ())]
    assert len(set(ids)) == len(ids)
    assert all(len(card["summary"].encode("utf-16-le")) <= 2 * 139 for card in found)
    assert len(found) <= shown_to.most
    assert found == cards(made, shown_to)
    return found


def one(made: Report, shown_to: CardView | None = None) -> dict[str, Any]:
    (card,) = checked(made, shown_to or view())
    return card


def test_the_schema_can_fail() -> None:
    card = one(report(finding()))
    for wrong in (
        {"summary": ""},
        {"summary": "x" * 140},
        {"indicator": "hard-stop"},
        {"overrideReasons": [{"code": "a", "system": "urn:a"}]},
        {"suggestions": []},
        {"suggestions": [{"label": "a", "uuid": card["uuid"], "actions": []}]},
        {"source": {}},
        {"more": 1},
    ):
        assert not VALIDATOR.is_valid([card | wrong]), wrong
    assert VALIDATOR.is_valid([])


def test_a_clear_report_with_nothing_to_say_has_no_card() -> None:
    assert checked(report(), view()) == []
    assert checked(report(finding(Status.NOT_MET), finding(Status.EXCEPTED)), view()) == []


def test_an_alert_says_everything_in_the_order_of_need(request: pytest.FixtureRequest) -> None:
    full = finding(
        kind="interaction",
        severity="contraindicated",
        tier="interruptive",
        unchecked=(UNCHECKED,),
        drugs=("baclofen", "oxycodone"),
        orders=("o1", "o2"),
        because=(CLEARANCE, Basis("age", "70 a"), Basis("order", "OxyContin", None, "MedicationRequest/2")),
        interaction=(("mechanism", "both sedate"), ("frequency_of_harm", "unknown")),
        confidence="high",
        onset="rapid",
        evidence=(
            Citation("book", "renal", "says", "2026-01-01", "B"),
            Citation("other", "two", "says", "2026-01-02"),
            Citation("third", "three", "says", "2026-01-03"),
        ),
        regraded=Regraded("major", "a death here", "Pharmacy committee", "2026-01-01"),
    )
    made = report(full)
    shown_to = view(lapsed={full.id: (Told(), "creatinine clearance was 35 mL/min, is 24 mL/min")})
    card = one(made, shown_to)
    expected = Path(request.path).with_name("alert.md")
    assert card["detail"] + "\n" == expected.read_text("utf-8")
    assert card["summary"] == "Contraindicated: Baclofen with clearance 24 mL/min"
    assert card["indicator"] == "critical"
    assert card["source"] == {
        "label": "caveat",
        "topic": {"system": "urn:caveat:rule-kind", "code": "interaction", "display": "Drug interaction"},
    }


STILL = "no longer takes"


def test_only_a_medicine_that_may_be_taken_may_be_taken_no_longer() -> None:
    def detail(drafts: tuple[str, ...], **parts: Any) -> str:
        made = finding(because=(Basis("age", "70 a"),), **parts)
        return str(one(report(made), view(drafts={name: {} for name in drafts}))["detail"])

    assert STILL in detail(())
    assert STILL not in detail(("o1",))
    pair = {"kind": "interaction", "orders": ("o1", "o2")}
    assert "no longer takes the other medicine" in detail(("o1",), **pair)
    assert STILL not in detail(("o1", "o2"), **pair)
    assert STILL not in detail((), kind="interaction")


def test_sentences_within_a_line_end_once() -> None:
    told = (("mechanism", "Both sedate."), ("frequency_of_harm", "unknown"))
    assert "Mechanism: Both sedate; Frequency" in one(report(finding(interaction=told)))["detail"]


def test_no_heading_of_an_alert_has_more_than_two_bullets() -> None:
    many = tuple(Basis(f"fact_{n}", f"{n} mg", "2026-01-01", f"Observation/{n}") for n in range(12))
    detail = one(report(finding(because=many, unchecked=(UNCHECKED,) * 5)))["detail"]
    for block in detail.split("\n\n"):
        assert block.count("\n- ") + block.startswith("- ") <= 2, block
    assert "and 2 more" in detail


@pytest.mark.parametrize("severity", SEVERITIES)
def test_the_indicator_follows_the_severity_and_the_site(severity: str) -> None:
    default = {"contraindicated": "critical", "major": "warning", "moderate": "warning"}.get(severity, "info")
    assert one(report(finding(severity=severity)))["indicator"] == default
    for own in ("info", "warning", "critical"):
        assert one(report(finding(severity=severity)), view(indicators={severity: own}))["indicator"] == own
    wrong = view(indicators={severity: "hard-stop"})
    assert one(report(finding(severity=severity)), wrong)["indicator"] == default


def test_the_summary_opens_with_the_level_and_names_the_medicine() -> None:
    words = {
        "contraindicated": "Contraindicated: ",
        "major": "Serious: ",
        "moderate": "Caution: ",
        "minor": "Note: ",
        "info": "Note: ",
    }
    for severity, word in words.items():
        assert one(report(finding(severity=severity)))["summary"].startswith(word + "Baclofen")
    nameless = finding(texts=Texts("Poor renal function", "c", "a"))
    assert one(report(nameless))["summary"] == "Serious: baclofen: Poor renal function"


@pytest.mark.parametrize("text", ["Baclofen " + "word " * 60, "Baclofen " + "💊" * 120, "B" * 500])
def test_a_long_summary_is_cut(text: str) -> None:
    summary = one(report(finding(texts=Texts(text, "c", "a"))))["summary"]
    assert summary.endswith("…")
    assert len(summary.encode("utf-16-le")) // 2 <= 139


def test_the_gravest_come_first() -> None:
    made = report(*[finding(severity=s, id=f"a.b.{s}") for s in reversed(SEVERITIES)])
    found = checked(made, view())
    assert [card["summary"].partition(":")[0] for card in found] == [
        "Contraindicated",
        "Serious",
        "Caution",
        "Note",
        "Note",
    ]


# Reasons for going on


@pytest.mark.parametrize("kind", REASONS)
def test_override_reasons_are_those_of_the_kind(kind: str) -> None:
    found = one(report(finding(kind=kind)))["overrideReasons"]
    offered = [r for r in REASONS[kind] if r.category == "override"]
    assert [r["code"] for r in found] == [r.code for r in offered]
    assert {r["system"] for r in found} == {SYSTEM}
    assert 0 < len(found) <= 6
    assert not {r["code"] for r in found} & {r.code for r in REASONS[kind] if r.category == "correction"}


def test_a_hard_stop_records_reasons_and_says_that_they_hide_nothing() -> None:
    card = one(report(finding(severity="contraindicated", tier="hard-stop")))
    assert card["overrideReasons"]
    assert "A hard stop by this site's policy" in card["detail"]
    assert "hides nothing" in card["detail"]


def test_a_correction_is_no_override_but_a_suggestion() -> None:
    card = one(report(finding(because=(Basis("pregnant", "true"),))))
    assert "not-pregnant" not in json.dumps(card["overrideReasons"])
    assert "A correction of the record, which is judged again at once: not pregnant" in card["detail"]
    (suggestion,) = card["suggestions"]
    assert suggestion["label"] == "Not pregnant: record it"
    (action,) = suggestion["actions"]
    resource = action["resource"]
    assert action["type"] == "create"
    assert resource["resourceType"] == "Observation"
    assert resource["code"]["coding"][0]["code"] == "82810-3"
    assert resource["valueCodeableConcept"]["coding"][0]["code"] == "LA26683-5"
    assert resource["subject"] == {"reference": "Patient/p1"}


def test_an_overridden_alert_moves_to_one_card_that_says_who_and_when() -> None:
    calm, other = finding(id="a.b.calm"), finding(id="a.b.other", severity="moderate")
    found = checked(report(calm, other), view(overridden={calm.id: Told(), other.id: Told(expires=None)}))
    (card,) = found
    assert card["summary"] == "2 alerts overridden: baclofen"
    assert card["indicator"] == "info"
    assert shown(card["detail"]).splitlines()[1:] == [
        "serious: Baclofen with clearance 24 mL/min (a.b.calm): Already taken without harm at this dose, "
        "“Watched weekly”, by Practitioner/7, on 2026-01-10, until 2026-02-10",
        "caution: Baclofen with clearance 24 mL/min (a.b.other): Already taken without harm at this dose, "
        "“Watched weekly”, by Practitioner/7, on 2026-01-10, without an end date",
    ]


@pytest.mark.parametrize(
    "rule",
    [
        {"severity": "contraindicated"},
        {"kind": "contraindication", "severity": "moderate"},
        {"tier": "hard-stop"},
    ],
)
def test_what_is_contraindicated_is_never_suppressed_by_history(rule: dict[str, str]) -> None:
    grave = finding(**rule)
    card = one(report(grave), view(overridden={grave.id: Told(reason="specialist-advice")}))
    assert card["uuid"] == card_id(view().base, grave.id)
    assert "Overridden before, shown all the same: Advised by a specialist or pharmacist" in card["detail"]


def test_an_override_never_hides_what_could_not_be_assessed() -> None:
    left = finding(Status.CANNOT_ASSESS)
    (card,) = checked(report(left), view(overridden={left.id: Told()}))
    assert "Left open: Baclofen with poor renal function" in card["detail"]


def test_a_lapsed_override_is_said_with_what_changed() -> None:
    alert = finding()
    card = one(report(alert), view(lapsed={alert.id: (Told(), "creatinine clearance was 35, is 24")}))
    assert "An earlier override no longer holds, because creatinine clearance was 35, is 24" in card["detail"]


def test_overrides_that_could_not_be_looked_up_are_said() -> None:
    alert, about = checked(report(finding()), view(considered=False))
    assert alert["indicator"] == "warning"
    assert "Earlier overrides could not be looked up; none of them was considered." in about["detail"]
    assert about["summary"] == "Note: earlier overrides were not considered"
    assert checked(report(), view(considered=False)) == []


# What could not be assessed


def test_one_card_holds_all_that_was_left_open_by_what_is_missing() -> None:
    lacks = Missing("conditions", "no condition list is recorded")
    made = report(
        finding(Status.CANNOT_ASSESS, id="a.b.one", title="Baclofen one", severity="contraindicated"),
        finding(Status.CANNOT_ASSESS, id="a.b.two", title="Baclofen two", severity="minor"),
        finding(Status.CANNOT_ASSESS, id="a.b.three", title="Baclofen three", missing=(lacks,)),
        unrecognised=(Unrecognised("warfrin", ("warfarin", "afrin"), "medication", "o2"),),
        errors=(RecordError("impossible-value", "weight cannot be 0 kg", "$.weight", "0 kg"),),
    )
    (card,) = checked(made, view())
    assert card["indicator"] == "info"
    assert card["source"]["topic"]["code"] == "cannot-assess"
    assert card["summary"] == (
        'Cannot assess: 5 questions open (1 fault in the record; "warfrin" not recognised; '
        "creatinine clearance lacks serum creatinine and weight;…"
    )
    told = shown(card["detail"])
    assert "medication “warfrin”. Did you mean warfarin or afrin? Not taken" in told
    assert "weight cannot be 0 kg at $.weight (found 0 kg)" in told
    assert "Left open: Baclofen one (contraindicated); Baclofen two (note)" in told
    assert "Left open: Baclofen three (serious)" in told
    assert "Would decide it: serum creatinine, weight" in told
    assert "0 alerts · 212 rules checked · 5 could not be assessed" in told


def test_by_policy_each_open_finding_has_a_card_of_its_own() -> None:
    made = report(
        finding(Status.CANNOT_ASSESS, id="a.b.one", severity="contraindicated"),
        finding(Status.CANNOT_ASSESS, id="a.b.two"),
        unrecognised=(Unrecognised("warfrin", ("warfarin",)),),
    )
    first, second, about = checked(made, view(cannot_assess="cards", indicators={"open": "warning"}))
    assert first["summary"] == "Cannot assess: Baclofen with poor renal function"
    assert first["indicator"] == second["indicator"] == "warning"
    assert "**Missing:** creatinine clearance not recorded" in first["detail"]
    assert "**Would decide it:** serum creatinine, weight" in first["detail"]
    assert "**If it holds (contraindicated):** Avoid." in first["detail"]
    assert '"warfrin" not recognised' in about["summary"]


def test_very_much_left_open_is_counted_past_the_gravest() -> None:
    left = [
        finding(Status.CANNOT_ASSESS, id=f"a.b.r{n}", orders=(f"o{n}",), severity=severity)
        for n, severity in enumerate(["minor"] * 40 + ["contraindicated"] * 5)
    ]
    (card,) = checked(report(*left), view())
    assert card["detail"].count("Left open: ") == 12
    assert card["detail"].count("(contraindicated)") == 5
    assert "33 more rules left open, missing: creatinine clearance lacks" in card["detail"]
    assert "45 could not be assessed" in card["detail"]


def test_a_failed_check_comes_first_and_says_to_look_by_hand() -> None:
    failure = RecordError(
        "rule-failed", "rule a.b.c failed and was not judged: ZeroDivisionError", rule="a.b.c"
    )
    found = checked(report(finding(Status.ERROR), finding(id="x.y.z"), errors=(failure,)), view())
    assert found[0]["summary"].startswith("Interaction check failed, review manually")
    assert found[0]["indicator"] == "critical"
    assert "rule a\\.b\\.c failed and was not judged: ZeroDivisionError" in found[0]["detail"]
    assert len(found) == 2


def test_a_failed_rule_is_said_even_where_the_report_lists_no_error() -> None:
    (card,) = checked(report(finding(Status.ERROR, error="boom")), view())
    assert card["summary"].startswith("Interaction check failed, review manually")
    assert "boom" in card["detail"]


def test_what_no_rule_is_about_is_said_even_of_a_clear_report() -> None:
    made = report(uncovered=("metformin", "omeprazole"))
    assert made.is_clear
    (card,) = checked(made, view())
    assert card["summary"] == "Not covered by any rule: metformin, omeprazole"
    assert "no rule of this ruleset is about metformin; omeprazole" in card["detail"]
    assert card["indicator"] == "info"
    (calm,) = checked(made, view(indicators={"open": "warning"}))
    assert calm["indicator"] == "info"
    (named,) = checked(report(), view(uncovered=("Glucophage 500 mg tablet",)))
    assert named["summary"] == "Not covered by any rule: Glucophage 500 mg tablet"


def test_what_the_site_keeps_quiet_is_counted() -> None:
    made = report(
        finding(tier="silent-log", severity="info", title="A note on baclofen"),
        finding(Status.CANNOT_ASSESS, id="a.b.open", tier="silent-log", severity="minor"),
    )
    (card,) = checked(made, view())
    assert "1 alert kept quiet by this site's policy" in card["detail"]
    assert "A note on baclofen (note)" in card["detail"]
    assert "1 rule could not be assessed: Baclofen with poor renal function (note)" in card["detail"]


def test_what_was_shown_before_is_counted() -> None:
    (card,) = checked(report(), view(hidden=3))
    assert card["summary"] == "Note: 3 alerts shown before"
    assert "3 alerts left out because shown before" in card["detail"]


def test_a_superseded_alert_has_no_card_but_is_never_silent_alone() -> None:
    covered = finding(id="a.b.milder", suppressed_by="a.b.c")
    assert len(checked(report(finding(), covered), view())) == 1
    (card,) = checked(report(covered), view())
    assert "1 alert covered by another: Baclofen with poor renal function (serious)" in card["detail"]
    assert card["summary"] == "Note: 1 alert covered by another"
    winner = finding()
    moved, about = checked(report(winner, covered), view(overridden={winner.id: Told()}))[::-1]
    assert "1 alert covered by another" in about["detail"]
    assert moved["source"]["topic"]["code"] == "overridden"


@pytest.mark.parametrize("how", ["overridden", "silent-log"])
def test_a_contraindication_is_shown_when_what_covers_it_is_not(how: str) -> None:
    winner = finding(tier="silent-log" if how == "silent-log" else "interruptive")
    grave = finding(id="a.b.grave", severity="contraindicated", suppressed_by="a.b.c")
    past = {winner.id: Told()} if how == "overridden" else {}
    found = checked(report(winner, grave), view(overridden=past))
    assert found[0]["uuid"] == card_id(view().base, grave.id)
    assert len(checked(report(finding(), grave), view())) == 1


def test_past_the_most_the_rest_is_listed_in_one_card() -> None:
    made = report(
        *[finding(id=f"a.b.c{n}", texts=Texts(f"Baclofen case {n}", "c", "a")) for n in range(9)],
        unrecognised=(Unrecognised("warfrin", ("warfarin",)),),
    )
    for most in (1, 2, 5, 10):
        found = checked(made, view(most=most))
        assert len(found) == most
        whole = json.dumps(found, ensure_ascii=False)
        assert all(f"Baclofen case {n}" in whole for n in range(9))
        assert "“warfrin”. Did you mean warfarin? Not taken" in whole
    assert found[-1]["source"]["topic"]["code"] == "cannot-assess"
    folded = checked(made, view(most=5))[-1]
    assert folded["summary"].startswith("6 further findings: Serious: Baclofen case 4")
    assert folded["indicator"] == "warning"


def test_every_finding_is_placed_on_a_card() -> None:
    grave, moved = finding(severity="contraindicated"), finding(id="a.b.moved")
    left, quiet = finding(Status.CANNOT_ASSESS, id="a.b.left"), finding(id="a.b.q", tier="silent-log")
    made = report(grave, moved, left, quiet)
    for most in (1, 20):
        found = dealt(made, view(overridden={moved.id: Told()}, most=most))
        assert found.card_of.keys() == {f.id for f in made.findings}
        assert set(found.card_of.values()) <= {card["uuid"] for card in found.cards}


def test_ids_depend_on_the_evaluation_and_the_finding() -> None:
    made = report(finding())
    assert one(made)["uuid"] == one(made)["uuid"]
    assert one(made)["uuid"] != one(made, view(base="0d4b4b6e-6f1d-4c2e-9a6e-1d2f3a4b5c6d"))["uuid"]
    assert one(made, view(base="no uuid"))["uuid"]
    twice = checked(report(finding(), finding()), view())
    assert len(twice) == 2


def test_the_source_carries_the_address_and_icon_of_the_site() -> None:
    site = view(label="Ward 4 <b>", url="https://example.org/about", icon="https://example.org/i.png")
    source = one(report(finding()), site)["source"]
    assert source["label"] == "Ward 4 ＜b>"
    assert source["url"] == "https://example.org/about"
    assert source["icon"] == "https://example.org/i.png"


# Properties


def hostile_alert(text: str, rule_text: str) -> dict[str, Any]:
    made = finding(
        severity="contraindicated",
        drugs=(text,),
        product=text,
        because=(Basis("creatinine_clearance", text, text, text), Basis("age", text), Basis("sex", text)),
        unchecked=(replace(UNCHECKED, because=rule_text, missing=(Missing("x", text),)),),
        texts=Texts("s", rule_text, rule_text, rule_text),
        title=rule_text,
        evidence=(Citation("book", rule_text, rule_text, "2026-01-01", rule_text),) * 3,
        interaction=(("mechanism", rule_text), ("frequency_of_harm", rule_text)),
    )
    told = Told(comment=text, by=text, reason=text)
    shown_to = view(sources={"book": rule_text}, lapsed={made.id: (told, text)}, overridden={made.id: told})
    return one(report(made), shown_to)


@given(texts, texts)
@example("///evil.example/x", "////evil.example")
def test_hostile_text_changes_no_shape_of_an_alert(text: str, rule_text: str) -> None:
    found = hostile_alert(text, rule_text)["detail"]
    assert structure(found) == structure(hostile_alert("Xж", "Yж")["detail"])
    assert not LINKED.search(shown(found))


STATUSES = (Status.FIRES, Status.CANNOT_ASSESS, Status.EXCEPTED, Status.NOT_MET, Status.ERROR)
TIERS = ("hard-stop", "interruptive", "passive", "silent-log")


@st.composite
def findings(draw: st.DrawFn) -> Any:
    text = draw(st.sampled_from(["baclofen", "oxycodone"]) | texts)
    return finding(
        draw(st.sampled_from(STATUSES)),
        id=f"a.b.r{draw(st.integers(0, 30))}",
        kind=draw(st.sampled_from(sorted(REASONS))),
        severity=draw(st.sampled_from(SEVERITIES)),
        tier=draw(st.sampled_from(TIERS)),
        drugs=(text,),
        product=text,
        orders=(draw(st.sampled_from(["o1", "o2"])),),
        missing=draw(st.sampled_from([(), (Missing("age", text),), (Missing("weight", "not recorded"),)])),
        suppressed_by=draw(st.sampled_from([None, None, None, "a.b.r1"])),
        suggestions=(Suggestion("half", "dose", text, "5 mg", "2 /d"), Suggestion("no", "cancel", "Cancel")),
        texts=Texts(text, text, text),
    )


@st.composite
def reports(draw: st.DrawFn) -> Report:
    return report(
        *draw(st.lists(findings(), max_size=7)),
        unrecognised=tuple(
            Unrecognised(text, (text,), kind)
            for text, kind in draw(
                st.lists(
                    st.tuples(texts, st.sampled_from(["medication", "allergy", "condition"])), max_size=3
                )
            )
        ),
        errors=tuple(
            RecordError(code, text, text, text)
            for code, text in draw(
                st.lists(st.tuples(st.sampled_from(["rule-failed", "impossible-value"]), texts), max_size=2)
            )
        ),
        uncovered=tuple(draw(st.lists(texts, max_size=2))),
    )


@st.composite
def views(draw: st.DrawFn, made: Report) -> CardView:
    past = {f.id: Told(comment="x") for f in made.findings if draw(st.booleans())}
    return view(
        cannot_assess=draw(st.sampled_from(["cards", "one-card"])),
        most=draw(st.integers(1, 12)),
        drafts={"o1": DRAFT} if draw(st.booleans()) else {},
        detected_issue=draw(st.booleans()),
        overridden=past,
        considered=draw(st.booleans()),
        hidden=draw(st.integers(0, 2)),
    )


@given(st.data())
def test_no_report_is_silent_and_every_card_is_sound(data: st.DataObject) -> None:
    made = data.draw(reports())
    shown_to = data.draw(views(made))
    found = checked(made, shown_to)
    assert found or made.is_clear
    placed = dealt(made, shown_to).card_of
    assert {f.id for f in (*made.alerts, *made.cannot_assess)} <= placed.keys()
    for card in found:
        assert {t.type for t in tokens(card["detail"])} <= HARMLESS, card["detail"]
        assert not LINKED.search(shown(card["detail"]))
        assert card["summary"].isprintable()
    if any(e.code == "rule-failed" for e in made.errors) and shown_to.most > 1:
        assert found[0]["indicator"] == "critical"


def test_the_bundled_rules_give_sound_cards() -> None:
    rules = caveat.load()
    patient = caveat.Patient(
        id="p1",
        age="70 a",
        creatinine_clearance="24 mL/min",
        orders=[
            {"id": "o1", "text": "Lioresal 10 mg tablet", "route": "oral"},
            {"id": "o2", "text": "warfrin <img src=x onerror=alert(1)>"},
            {"id": "o3", "text": "metformin 500 mg"},
        ],
    )
    made = caveat.screen(patient, rules, as_of="2026-01-15")
    shown_to = view(
        sources=dict(rules.sources),
        drafts={"o1": DRAFT},
        detected_issue=True,
        codes=ingredient_codes(rules),
        fact_codes=fact_codes(rules),
    )
    found = checked(made, shown_to)
    assert found[0]["summary"] == "Contraindicated: Baclofen (oral) with creatinine clearance 24 mL/min"
    assert "<img" not in json.dumps(found)
    assert ("http://loinc.org", "2160-0") in {c[:2] for c in fact_codes(rules)["serum_creatinine"]}
