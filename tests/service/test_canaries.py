"""Nothing of a patient and no token gets out of the answers: not into logs, metrics, or plain into the store.

A service of its own process is called in every way, wrong ways among them, with names, dates, ids,
comments and tokens that occur nowhere else. Afterwards all that it wrote is searched for them.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import uuid
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.service.server import Served, served

HOOK = "/cds-services/caveat"
PATIENT = "canary-patient-7391"
NAME = "Zzyzxcanaryname"
BORN = "1947-03-29"
DRUG = "canarydrugozolam"
COMMENT = "canarycomment fell in the canary yard"
TOKEN = "canarytoken-9f2c41aa77"
USER = "Practitioner/canaryuser-551"
LAB = "4.8317"
CANARIES = (PATIENT, NAME, BORN, DRUG, "canarycomment", TOKEN, "canaryuser-551", LAB, "canaryallergen")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("canaries")
    with served(folder / "s", level="debug") as found:
        yield found


def send(
    service: Served,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    token: str | None = None,
    content: str = "application/json",
    **headers: str,
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(service.host, service.port, timeout=30)
    given = {"Content-Type": content, "Authorization": token or service.token(path.partition("?")[0])}
    try:
        connection.request(method, path, body, {**given, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def call(**changes: Any) -> dict[str, Any]:
    order = {
        "resourceType": "MedicationRequest",
        "id": "d1",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"text": "baclofen 10 mg tablet"},
        "subject": {"reference": f"Patient/{PATIENT}"},
    }
    unknown = {**order, "id": "m1", "status": "active", "medicationCodeableConcept": {"text": DRUG}}
    lab = {
        "resourceType": "Observation",
        "id": "l1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "effectiveDateTime": "2026-01-10",
        "valueQuantity": {"value": float(LAB), "unit": "mg/dL"},
    }
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "patient": {"reference": f"Patient/{PATIENT}"},
        "code": {"text": "canaryallergen"},
    }
    person = {
        "resourceType": "Patient",
        "id": PATIENT,
        "name": [{"family": NAME}],
        "birthDate": BORN,
        "gender": "female",
    }
    return {
        "hook": "order-select",
        "hookInstance": str(uuid.uuid4()),
        "fhirServer": "https://ehr.example/fhir",
        "fhirAuthorization": {
            "access_token": TOKEN,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "user/*.read",
            "subject": "s",
        },
        "context": {
            "userId": USER,
            "patientId": PATIENT,
            "selections": ["MedicationRequest/d1"],
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]},
        },
        "prefetch": {
            "patient": person,
            "medications": {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": unknown}]},
            "labs": {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": lab}]},
            "allergies": {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": allergy}]},
        },
        **changes,
    }


def native(**changes: Any) -> dict[str, Any]:
    return {
        "id": PATIENT,
        "birth_date": BORN,
        "orders": [{"id": "o1", "text": DRUG}, {"id": "o2", "text": "baclofen 10 mg tablet"}],
        "creatinine_clearance": f"{LAB} mL/min",
        **changes,
    }


def everything(service: Served) -> dict[int, int]:
    """Every way to call it, right and wrong; how often each status came."""
    statuses: dict[int, int] = {}

    def said(found: tuple[int, bytes]) -> bytes:
        statuses[found[0]] = statuses.get(found[0], 0) + 1
        return found[1]

    def post(path: str, value: Any, **more: Any) -> bytes:
        return said(send(service, "POST", path, json.dumps(value).encode(), **more))

    answer = json.loads(post(HOOK, call()))
    for hook in ("patient-view", "order-sign"):
        post(HOOK, call(hook=hook))
    post(HOOK, call(prefetch={}))
    post(HOOK, call(context={"patientId": PATIENT, "userId": USER, "selections": NAME, "draftOrders": DRUG}))
    post(HOOK, call(hookInstance=NAME))
    post(HOOK, {**call(), NAME: {DRUG: [COMMENT]}, "context": {"patientId": f"{PATIENT}/../{NAME}"}})
    post(f"/cds-services/{NAME}", call())
    for card in answer["cards"]:
        item = {
            "card": card["uuid"],
            "outcome": "overridden",
            "overrideReason": {"userComment": COMMENT},
            "outcomeTimestamp": "2026-01-15T10:00:00Z",
        }
        post(f"{HOOK}/feedback", {"feedback": [item]})
        post(f"{HOOK}/feedback", {"feedback": [{**item, "outcome": NAME}]})
    post("/v1/screen", native())
    post("/v1/screen", native(birth_date=NAME, sex=DRUG))
    post("/v1/screen", native(weight="-5 kg"))
    post("/v1/screen", {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": NAME}}]})
    stream = b"".join(json.dumps(one).encode() + b"\n" for one in (native(), {"id": NAME, DRUG: 1}, native()))
    said(send(service, "POST", "/v1/screen", stream + NAME.encode() + b"\n", content="application/x-ndjson"))
    post("/v1/what-if", {"record": native(), "set": {"age": NAME}})
    post("/v1/what-if", {"record": native()})
    post("/v1/explain", {"record": native(), "rule": NAME})
    post("/v1/explain", {"record": native(), "rule": "baclofen.renal.crcl-below-30", "order": DRUG})
    post(
        "/v1/overrides",
        {"patient": PATIENT, "finding": "0" * 20, "reason": "other", "comment": COMMENT, "by": USER},
    )
    post("/v1/overrides/search", {"patient": PATIENT})
    post("/v1/follow-ups/search", {"patient": PATIENT})
    post("/v1/corrections", {"record": native(), "correction": NAME})
    for path in (
        f"/v1/rules/{NAME}",
        f"/{NAME}",
        f"/v1/screen?{NAME}={DRUG}",
        f"/v1/rules?ingredient={DRUG}",
    ):
        said(send(service, "GET", path))
    said(send(service, "POST", HOOK, NAME.encode()))
    said(send(service, "POST", HOOK, json.dumps(call()).encode()[:-40]))
    said(send(service, "POST", HOOK, b"[" * 100_000 + NAME.encode()))
    said(send(service, "POST", HOOK, b"\x1f\x8b" + NAME.encode(), **{"Content-Encoding": "gzip"}))
    bomb = gzip.compress(NAME.encode() * 2_000_000)
    said(send(service, "POST", HOOK, bomb, **{"Content-Encoding": "gzip"}))
    said(send(service, "POST", HOOK, b"{}", token=f"Bearer {TOKEN}.{TOKEN}.{TOKEN}"))
    said(send(service, "POST", HOOK, b"{}", token=f"Basic {TOKEN}"))
    said(send(service, "POST", HOOK, json.dumps(call()).encode(), content=f"text/{NAME}"))
    return statuses


def forms(canary: str) -> set[bytes]:
    """The canary as it may be written: plain, in base64 at any offset, in hexadecimal."""
    raw = canary.encode()
    found = {raw, raw.hex().encode()}
    for offset in range(3):
        shifted = base64.b64encode(b"\0" * offset + raw)
        found.add(shifted[4 if offset else 0 : -4])
    return found


def written(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_no_canary_is_written_anywhere(service: Served) -> None:
    statuses = everything(service)
    assert {200, 400, 401, 404, 413, 422} <= statuses.keys(), statuses
    assert 500 not in statuses, statuses
    status, metrics = send(service, "GET", "/metrics")
    assert status == 200
    files = {**written(service.folder), "/metrics": metrics}
    assert any(name.endswith("caveat.sqlite") for name in files)
    assert files["log"].count(b"\n") > 30, "the log is empty: nothing would be found in it"
    found = [
        (canary, name)
        for canary in CANARIES
        for form in forms(canary)
        for name, content in files.items()
        if form in content or form in _inflated(content)
    ]
    assert not found


def _inflated(content: bytes) -> bytes:
    """What zlib streams in a file come to: a compressed input would hide its canaries."""
    found = b""
    for mark in (b"\x78\x9c", b"\x78\x01", b"\x78\xda"):
        start = content.find(mark)
        while start >= 0 and len(found) < 50_000_000:
            with suppress(zlib.error):
                found += zlib.decompressobj().decompress(content[start:], 1_000_000)
            start = content.find(mark, start + 1)
    return found


def test_the_search_would_find_a_canary(tmp_path: Path) -> None:
    for content in (
        NAME.encode(),
        base64.b64encode(b"x" + NAME.encode() + b"yz"),
        zlib.compress(NAME.encode()),
    ):
        (tmp_path / "file").write_bytes(content)
        [text] = written(tmp_path).values()
        assert any(form in text or form in _inflated(text) for form in forms(NAME))
