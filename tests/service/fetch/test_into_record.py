"""What was fetched, or was not, as the record says it."""

from __future__ import annotations

from typing import Any

import pytest

from caveat.adapters.fhir.prefetch import Prefetched, read_prefetch
from caveat.service.fetch.failed import WHY, Failed
from caveat.service.prefetch.filling import merged
from service.fetch.servers import Web, bundle, client, run

LISTS = {"conditions": "Condition?patient={{context.patientId}}&_count=200"}
QUERY = "Condition?patient=p1&_count=200"
CONDITION = {"resourceType": "Condition", "id": "c1", "code": {"text": "Epilepsy"}}


def record(web: Web, sent: dict[str, bytes] | None = None, **limits: Any) -> Prefetched:
    """The record of a call whose conditions are fetched."""

    async def ask(web: Web) -> Any:
        fetcher = client(web, **limits)
        found = await fetcher.fetch(web.base, "token", {"conditions": QUERY})
        await fetcher.close()
        return found

    told = {key: one.outcome() if isinstance(one, Failed) else one for key, one in run(web, ask).items()}
    return read_prefetch(merged(sent or {}, told), None, "p1", lists=LISTS)


@pytest.mark.parametrize("code", sorted(WHY))
def test_what_was_not_fetched_is_unknown_and_said(code: str) -> None:
    found = read_prefetch({"conditions": Failed(code).outcome()}, None, "p1", lists=LISTS)
    assert found.patient.conditions is None
    assert found.patient.complete.conditions == "unknown"
    said = [one.message for one in found.patient.problems if one.code == "prefetch-unavailable"]
    assert said == [f"conditions was not available: {WHY[code]}"]


def test_a_server_that_has_none_says_so() -> None:
    web = Web()
    web.put(QUERY, bundle())
    assert record(web).patient.conditions == ()


@pytest.mark.parametrize("status", [404, 410, 204, 500])
def test_an_error_of_the_server_is_never_none(status: int) -> None:
    web = Web()
    web.put(QUERY, bundle(), status=status)
    found = record(web)
    assert found.patient.conditions is None
    assert found.keys["conditions"].state == "unavailable"


def test_pages_that_were_not_fetched_leave_the_list_open() -> None:
    web = Web()
    web.put(QUERY, bundle(CONDITION, following="https://evil.test/fhir?page=2"))
    found = record(web)
    assert len(found.patient.conditions or ()) == 1
    assert found.keys["conditions"].state == "part"
    assert "more-pages" in [one.code for one in found.patient.problems]


def test_a_page_that_was_sent_is_kept_when_the_rest_cannot_be_fetched() -> None:
    import json

    sent = json.dumps(bundle(CONDITION, following="https://ehr.test/fhir?page=2")).encode()
    found = record(Web(), {"conditions": sent})
    assert len(found.patient.conditions or ()) == 1
    assert found.keys["conditions"].state == "part"
