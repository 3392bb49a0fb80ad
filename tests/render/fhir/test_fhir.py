"""DetectedIssue, GuidanceResponse, OperationOutcome and Bundle are valid R4 and say what the report says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caveat
from caveat.compile.program import Texts
from caveat.findings.basis import Basis, Missing
from caveat.findings.reasons import REASONS
from caveat.findings.report import RecordError, Unrecognised
from caveat.findings.severity import SEVERITIES, Status
from caveat.render.cds.codes import fact_codes
from caveat.render.fhir.detected_issue import detected_issue
from caveat.render.fhir.guidance_response import bundle, guidance_response, resource_type
from caveat.render.fhir.operation_outcome import issue_type, operation_outcome, outcome_of
from caveat.render.fhir.parts import patient_reference, reference
from render.cds.hostile import NAMES, texts
from render.cds.samples import DRAFT, UNCHECKED, Fault, Told, finding, report, view
from render.fhir.validators import faults


def issue(made: Any = None, **parts: Any) -> dict[str, Any]:
    made = finding() if made is None else made
    found = detected_issue(made, report(made), view(**parts))
    assert not faults(found)
    return found


def act(found: dict[str, Any]) -> str:
    coding = found["code"]["coding"][0]
    assert coding["system"] == "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    return str(coding["code"])


def test_the_validators_can_fail() -> None:
    good = issue()
    assert faults({k: v for k, v in good.items() if k != "status"})
    assert faults(good | {"severity": "grave"})
    assert faults(good | {"implicated": [{"reference": ""}]})
    assert faults(good | {"implicated": []})
    assert faults(good | {"more": 1})
    response = guidance(report())
    assert faults(response | {"status": "done"})
    assert faults({k: v for k, v in response.items() if k != "moduleUri"})
    whole = bundle(report(), view())
    assert faults(whole | {"type": "heap"})
    whole["entry"][0]["resource"]["status"] = "done"
    assert faults(whole)
    outcome = operation_outcome([Fault()])
    outcome["issue"][0]["code"] = "nothing-known"
    assert faults(outcome)


def test_a_detected_issue_in_full() -> None:
    made = finding(orders=("o1", "o2"), severity="moderate")
    found = issue(made, drafts={"o1": DRAFT}, references={"o2": "MedicationStatement/s2"})
    assert found["resourceType"] == "DetectedIssue"
    assert found["status"] == "final"
    assert found["severity"] == "moderate"
    assert found["patient"] == {"reference": "Patient/p1"}
    assert found["identifiedDateTime"] == "2026-01-15T10:00:00.000Z"
    assert [one["reference"] for one in found["implicated"]] == [
        "MedicationRequest/m1",
        "MedicationStatement/s2",
    ]
    assert found["evidence"] == [
        {
            "code": [{"text": "creatinine clearance 24 mL/min · 2026-01-10 · Observation/9"}],
            "detail": [{"reference": "Observation/9"}],
        }
    ]
    assert found["detail"] == "Baclofen with clearance 24 mL/min\nIt accumulates.\nAvoid.\nWatch."
    assert found["reference"] == "urn:caveat:rule:a.b.c"
    assert found["identifier"] == [{"system": "urn:caveat:finding", "value": made.id}]
    assert found["code"]["coding"][1]["code"] == "precaution"
    assert found["id"] == issue(made)["id"]
    assert found["id"] != issue(made, base="0d4b4b6e-6f1d-4c2e-9a6e-1d2f3a4b5c6d")["id"]


def test_an_order_without_a_reference_is_named() -> None:
    (implicated,) = issue(finding(orders=("order one",)))["implicated"]
    assert implicated == {
        "identifier": {"value": "order one"},
        "display": "baclofen (Lioresal 10 mg tablet)",
    }
    known = finding(because=(Basis("route", "oral", None, "MedicationRequest/o1"),))
    assert issue(known)["implicated"][0]["reference"] == "MedicationRequest/o1"


@pytest.mark.parametrize("severity", SEVERITIES)
def test_severities(severity: str) -> None:
    expected = {"contraindicated": "high", "major": "high", "moderate": "moderate"}.get(severity, "low")
    assert issue(finding(severity=severity))["severity"] == expected


@pytest.mark.parametrize(
    ("kind", "facts", "code"),
    [
        ("interaction", (), "DRG"),
        ("dosing", ("age",), "DOSE"),
        ("duplicate", (), "DUPTHPY"),
        ("allergy", (), "ALGY"),
        ("adverse-reaction", (), "REACT"),
        ("discontinuation", (), "TIME"),
        ("indication", (), "COND"),
        ("contraindication", ("creatinine_clearance",), "LAB"),
        ("contraindication", ("condition:psychosis",), "COND"),
        ("contraindication", ("pregnant",), "PREG"),
        ("precaution", ("lactating",), "LACT"),
        ("precaution", ("route", "age"), "AGE"),
        ("precaution", ("route",), "OBSA"),
        ("monitoring", (), "OBSA"),
    ],
)
def test_the_category_is_a_real_code(kind: str, facts: tuple[str, ...], code: str) -> None:
    assert act(issue(finding(kind=kind, because=tuple(Basis(name, "1") for name in facts)))) == code


def test_an_intolerance_is_no_allergy() -> None:
    told = (Basis("allergy", "intolerance to baclofen"),)
    assert act(issue(finding(kind="allergy", because=told))) == "INT"


def test_an_override_is_a_mitigation() -> None:
    made = finding()
    found = issue(made, overridden={made.id: Told(reason="will-monitor")})
    (mitigation,) = found["mitigation"]
    assert mitigation["action"]["text"] == "Will monitor: Watched weekly"
    assert [c["code"] for c in mitigation["action"]["coding"]] == ["9", "will-monitor"]
    assert mitigation["author"] == {"reference": "Practitioner/7"}
    assert mitigation["date"] == "2026-01-10T08:00:00Z"
    assert "mitigation" not in issue(made)


@pytest.mark.parametrize("kind", REASONS)
def test_every_override_reason_gives_a_valid_mitigation(kind: str) -> None:
    made = finding(kind=kind)
    for reason in REASONS[kind]:
        found = issue(made, overridden={made.id: Told(reason=reason.code, by="Dr. A", comment="")})
        assert found["mitigation"][0]["action"]["text"] == reason.display


# GuidanceResponse


def guidance(made: Any, **parts: Any) -> dict[str, Any]:
    found = guidance_response(made, view(**parts))
    assert not faults(found)
    return found


def test_a_clear_check_is_a_success_without_more() -> None:
    found = guidance(report())
    assert found["status"] == "success"
    assert found["moduleUri"] == "urn:caveat:ruleset:sha256:" + "a" * 64
    assert "dataRequirement" not in found
    assert "contained" not in found
    assert guidance(report(finding()))["status"] == "success"


def test_what_cannot_be_assessed_is_data_required_with_what_would_decide_it() -> None:
    codes = {"serum_creatinine": (("http://loinc.org", "2160-0", "Creatinine"),)}
    found = guidance(report(finding(Status.CANNOT_ASSESS), finding()), fact_codes=codes)
    assert found["status"] == "data-required"
    assert [(one["type"], one["codeFilter"][0]["code"]) for one in found["dataRequirement"]] == [
        (
            "Observation",
            [
                {"system": "http://loinc.org", "code": "2160-0", "display": "Creatinine"},
                {"system": "urn:caveat:fact", "code": "serum_creatinine", "display": "serum creatinine"},
            ],
        ),
        ("Observation", [{"system": "urn:caveat:fact", "code": "weight", "display": "weight"}]),
    ]


def test_an_unrecognised_name_is_data_required_too() -> None:
    found = guidance(report(unrecognised=(Unrecognised("warfrin", ("warfarin",), "medication", "o2"),)))
    assert found["status"] == "data-required"
    assert found["dataRequirement"] == [{"type": "MedicationRequest", "mustSupport": ["code"]}]
    assert found["evaluationMessage"] == [{"reference": "#outcome"}]
    (told,) = found["contained"][0]["issue"]
    assert told["code"] == "code-invalid"
    assert "warfrin" in told["details"]["text"]
    assert told["diagnostics"] == "at o2. Close names, none of them taken: warfarin"


def test_a_failed_rule_is_a_failure_and_never_a_success() -> None:
    failure = RecordError("rule-failed", "rule a.b.c failed", rule="a.b.c")
    found = guidance(report(finding(Status.ERROR), errors=(failure,)))
    assert found["status"] == "failure"
    text = found["contained"][0]["issue"][0]["details"]["text"]
    assert text == "Interaction check failed, review manually: rule a.b.c failed"


def test_a_failed_rule_without_an_error_is_a_failure_too() -> None:
    assert guidance(report(finding(Status.ERROR, error="boom")))["status"] == "failure"


def test_a_value_that_was_not_used_is_data_required() -> None:
    found = guidance(report(errors=(RecordError("impossible-value", "cannot be", "$.weight", "0 kg"),)))
    assert found["status"] == "data-required"
    assert found["dataRequirement"] == [{"type": "Observation"}]
    told = report(errors=(RecordError("odd", "is odd", "Condition/3.onset", ""),))
    assert guidance(told)["dataRequirement"] == [{"type": "Condition"}]


def test_an_exception_that_was_not_checked_is_asked_for() -> None:
    found = guidance(report(finding(unchecked=(UNCHECKED,))))
    assert found["status"] == "success"
    assert found["dataRequirement"][0]["codeFilter"][0]["code"][0]["code"] == "specialist_oversight"


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ("age", "Patient"),
        ("conditions", "Condition"),
        ("condition:psychosis", "Condition"),
        ("allergies", "AllergyIntolerance"),
        ("orders", "MedicationRequest"),
        ("order.route", "MedicationRequest"),
        ("daily_dose", "MedicationRequest"),
        ("serum_creatinine", "Observation"),
        ("context.fall_risk", "Observation"),
    ],
)
def test_where_a_fact_is_found(fact: str, expected: str) -> None:
    assert resource_type(fact) == expected


# OperationOutcome


def test_an_outcome_says_what_where_and_how_to_mend_it() -> None:
    told = Fault("required-key", "userId is missing", "$.context.userId", "", "Add it")
    found = operation_outcome([told, Fault(path="Patient.birthDate", value="x", code="")])
    assert not faults(found)
    assert found["issue"] == [
        {
            "severity": "error",
            "code": "required",
            "details": {
                "coding": [{"system": "urn:caveat:fault", "code": "required-key"}],
                "text": "userId is missing",
            },
            "diagnostics": "at $.context.userId. Add it",
        },
        {
            "severity": "error",
            "code": "invalid",
            "details": {"text": "a key is missing"},
            "diagnostics": "at Patient.birthDate. found x",
            "expression": ["Patient.birthDate"],
        },
    ]


def test_an_outcome_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        operation_outcome([])
    (told,) = operation_outcome([], "unknown service")["issue"]
    assert told["details"] == {"text": "unknown service"}
    plain = {"code": "missing", "message": "a key is missing", "path": "$.context.patientId"}
    assert operation_outcome([plain]) == operation_outcome([Fault()])
    assert outcome_of(report()) is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("body-too-large", "too-costly"),
        ("unknown-id", "not-found"),
        ("fhir-version", "not-supported"),
        ("invalid-json", "structure"),
        ("check-failed", "exception"),
        ("what", "invalid"),
    ],
)
def test_issue_types(code: str, expected: str) -> None:
    assert issue_type(code) == expected
    assert not faults(operation_outcome([Fault(code)]))


def test_what_no_rule_is_about_is_told() -> None:
    found = outcome_of(report(uncovered=("metformin",)))
    assert found is not None
    assert found["issue"][0]["severity"] == "information"
    assert found["issue"][0]["details"]["text"] == "no rule of this ruleset is about metformin"


# Bundle


def test_a_bundle_holds_every_alert_and_the_outcome_of_the_check() -> None:
    made = report(
        finding(severity="minor", id="a.b.minor", tier="silent-log"),
        finding(severity="contraindicated", id="a.b.grave"),
        finding(id="a.b.covered", suppressed_by="a.b.grave"),
        finding(Status.CANNOT_ASSESS, id="a.b.open"),
        unrecognised=(Unrecognised("warfrin"),),
    )
    found = bundle(made, view())
    assert not faults(found)
    kinds = [entry["resource"]["resourceType"] for entry in found["entry"]]
    assert kinds == ["DetectedIssue", "DetectedIssue", "GuidanceResponse", "OperationOutcome"]
    assert found["entry"][0]["resource"]["severity"] == "high"
    assert found["type"] == "collection"
    urls = [entry["fullUrl"] for entry in found["entry"]]
    assert urls == [f"urn:uuid:{entry['resource']['id']}" for entry in found["entry"]]
    assert len(set(urls)) == 4
    assert found == bundle(made, view())


def test_the_bundled_rules_give_valid_bundles() -> None:
    rules = caveat.load()
    patient = caveat.Patient(
        id="p1",
        age="70 a",
        creatinine_clearance="24 mL/min",
        orders=[
            {"id": "o1", "text": "Lioresal 10 mg tablet", "route": "oral"},
            {"id": "o2", "text": "warfrin"},
        ],
    )
    made = caveat.screen(patient, rules, as_of="2026-01-15")
    found = bundle(made, view(sources=dict(rules.sources), fact_codes=fact_codes(rules)))
    assert not faults(found)
    assert [e["resource"]["resourceType"] for e in found["entry"]][-2:] == [
        "GuidanceResponse",
        "OperationOutcome",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_give_valid_resources(name: str) -> None:
    made = finding(drugs=(name,), product=name, orders=(name,), because=(Basis(name, name, name, name),))
    told = report(
        made,
        finding(Status.CANNOT_ASSESS, missing=(Missing(name, name, (name,)),)),
        unrecognised=(Unrecognised(name, (name,), "allergy", name),),
        errors=(RecordError("rule-failed", name, name, name),),
    )
    assert not faults(bundle(told, view(patient=name, overridden={made.id: Told(by=name, comment=name)})))


@given(texts, st.sampled_from(SEVERITIES), st.sampled_from(sorted(REASONS)))
def test_any_text_gives_a_valid_issue(text: str, severity: str, kind: str) -> None:
    made = finding(
        severity=severity,
        kind=kind,
        drugs=(text,),
        product=text,
        title=text,
        texts=Texts(text, text, text, text),
        because=(Basis("weight", text, text, text),),
    )
    issue(made, patient=text, label=text, overridden={made.id: Told(reason=text, by=text)})


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        ("p1", {"reference": "Patient/p1"}),
        ("Patient/p1", {"reference": "Patient/p1"}),
        ("a b", {"identifier": {"value": "a b"}, "display": "a b"}),
        ("", {"identifier": {"value": "unknown"}, "display": "unknown"}),
    ],
)
def test_the_patient_is_referred_to(patient: str, expected: dict[str, Any]) -> None:
    assert patient_reference(patient) == expected


def test_references() -> None:
    assert reference("Observation/9") == {"reference": "Observation/9"}
    for text in (
        "o1",
        "Observation",
        "Observation/9/_history/1",
        "http://x/Observation/9",
        "observation/9",
        "",
    ):
        assert reference(text) is None
