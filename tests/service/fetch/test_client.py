"""Fetching from a real https server: what comes back, in which time, and within which limits."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from caveat.errors import InputError
from caveat.service.config import Fetching, Server
from caveat.service.fetch.client import Fetcher
from caveat.service.fetch.failed import WHY, Failed, NotFetched
from service.fetch.servers import FHIR, NAME, Web, bundle, client, contexts, run, serving

TOKEN = "canary-token-0123456789"
PATIENT = {"resourceType": "Patient", "id": "p1"}
CONDITIONS = "Condition?patient=p1&_count=200"


def fetched(web: Web, wanted: dict[str, str], token: str | None = TOKEN, **limits: Any) -> Any:
    async def ask(web: Web) -> Any:
        fetcher = client(web, **limits)
        try:
            return await fetcher.fetch(web.base, token, wanted)
        finally:
            await fetcher.close()

    return run(web, ask)


def test_resources_and_searches_come_as_sent_and_the_token_goes_along() -> None:
    web = Web()
    web.put("Patient/p1", PATIENT)
    web.put(CONDITIONS, bundle({"resourceType": "Condition", "id": "c1"}))
    found = fetched(web, {"patient": "Patient/p1", "conditions": CONDITIONS})
    assert json.loads(found["patient"]) == PATIENT
    assert json.loads(found["conditions"])["entry"][0]["resource"]["id"] == "c1"
    for _, headers in web.seen:
        assert headers["authorization"] == f"Bearer {TOKEN}"
        assert headers["accept"] == FHIR
        assert headers["accept-encoding"] == "identity"
        assert headers["host"] == f"{NAME}:{web.port}"
        assert "cookie" not in headers


def test_an_open_server_is_asked_without_a_token() -> None:
    web = Web()
    web.put("Patient/p1", PATIENT)
    assert json.loads(fetched(web, {"patient": "Patient/p1"}, None)["patient"]) == PATIENT
    assert "authorization" not in web.seen[0][1]


def test_a_code_with_its_system_is_escaped() -> None:
    web = Web()
    query = (
        "Observation?patient=p1&code=http://loinc.org|2160-0,http://loinc.org|38483-4&_sort=-date&_count=20"
    )
    web.put(query.replace("|", "%7C"), bundle())
    assert json.loads(fetched(web, {"labs": query})["labs"])["resourceType"] == "Bundle"


def test_pages_are_joined_into_one_bundle() -> None:
    web = Web()

    async def ask(web: Web) -> Any:
        first, second = f"{web.base}?_getpages=a&_offset=1", f"{web.base}/Condition?page=3"
        web.put(CONDITIONS, bundle({"resourceType": "Condition", "id": "c1"}, following=first, total=3))
        web.put("?_getpages=a&_offset=1", None)
        web.replies["/fhir?_getpages=a&_offset=1"] = web.replies.pop("/fhir/?_getpages=a&_offset=1")
        web.replies["/fhir?_getpages=a&_offset=1"].body = json.dumps(
            bundle({"resourceType": "Condition", "id": "c2"}, following=second)
        ).encode()
        web.put("Condition?page=3", bundle({"resourceType": "Condition", "id": "c3"}))
        async with client_of(web) as fetcher:
            return await fetcher.fetch(web.base + "/", TOKEN, {"conditions": CONDITIONS})

    found = json.loads(run(web, ask)["conditions"])
    assert [one["resource"]["id"] for one in found["entry"]] == ["c1", "c2", "c3"]
    assert found["total"] == 3
    assert "link" not in found


class client_of:
    """A fetcher that is closed afterwards."""

    def __init__(self, web: Web, **limits: Any) -> None:
        self.fetcher = client(web, **limits)

    async def __aenter__(self) -> Fetcher:
        return self.fetcher

    async def __aexit__(self, *_: object) -> None:
        await self.fetcher.close()


@pytest.mark.parametrize("pages", [1, 2])
def test_no_more_pages_than_allowed_and_the_rest_is_announced(pages: int) -> None:
    web = Web()

    async def ask(web: Web) -> Any:
        for number in range(5):
            target = CONDITIONS if number == 0 else f"Condition?page={number}"
            following = f"{web.base}/Condition?page={number + 1}"
            web.put(target, bundle({"resourceType": "Condition", "id": f"c{number}"}, following=following))
        async with client_of(web, pages=pages) as fetcher:
            return await fetcher.fetch(web.base, TOKEN, {"conditions": CONDITIONS})

    found = json.loads(run(web, ask)["conditions"])
    assert len(found["entry"]) == pages == len(web.seen)
    assert found["link"] == [{"relation": "next", "url": "urn:caveat:page-not-fetched"}]


def test_a_search_for_the_newest_results_is_not_followed() -> None:
    web = Web()
    query = "Observation?patient=p1&_sort=-date&_count=20"
    web.put(query, bundle({"resourceType": "Observation"}, following="https://ehr.test/fhir?page=2"))
    found = json.loads(fetched(web, {"labs": query})["labs"])
    assert len(found["entry"]) == 1
    assert found["link"][0]["relation"] == "next"
    assert len(web.seen) == 1


def test_pages_that_lead_in_a_circle_end() -> None:
    web = Web()

    async def ask(web: Web) -> Any:
        following = f"{web.base}/{CONDITIONS}"
        web.put(CONDITIONS, bundle({"resourceType": "Condition", "id": "c1"}, following=following))
        async with client_of(web) as fetcher:
            return await fetcher.fetch(web.base, TOKEN, {"conditions": CONDITIONS})

    found = json.loads(run(web, ask)["conditions"])
    assert len(found["entry"]) == 1
    assert found["link"][0]["relation"] == "next"


def test_keys_are_fetched_side_by_side_and_a_slow_one_costs_only_itself() -> None:
    web = Web()
    web.put("Patient/p1", PATIENT, pause=0.15)
    web.put(CONDITIONS, bundle(), pause=0.15)
    web.put("Procedure?patient=p1", bundle(), pause=30.0)
    wanted = {"patient": "Patient/p1", "conditions": CONDITIONS, "procedures": "Procedure?patient=p1"}
    before = time.perf_counter()
    found = fetched(web, wanted, milliseconds=700)
    assert time.perf_counter() - before < 5
    assert found["procedures"] == Failed("time")
    assert isinstance(found["patient"], bytes)
    assert isinstance(found["conditions"], bytes)


def test_pages_read_before_the_time_was_up_are_given_and_announce_the_rest() -> None:
    web = Web()

    async def ask(web: Web) -> Any:
        following = f"{web.base}/Condition?page=2"
        web.put(CONDITIONS, bundle({"resourceType": "Condition", "id": "c1"}, following=following))
        web.put("Condition?page=2", bundle(), pause=30.0)
        async with client_of(web, milliseconds=700) as fetcher:
            return await fetcher.fetch(web.base, TOKEN, {"conditions": CONDITIONS})

    found = json.loads(run(web, ask)["conditions"])
    assert found["entry"][0]["resource"]["id"] == "c1"
    assert found["link"][0]["relation"] == "next"


def test_an_answer_that_drips_is_cut_off_by_time() -> None:
    web = Web()
    web.put("Patient/p1", b" ", drip=0.05, chunks=10_000)
    assert fetched(web, {"patient": "Patient/p1"}, milliseconds=400)["patient"] == Failed("time")


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ({"body": PATIENT, "status": 404}, "status"),
        ({"body": PATIENT, "status": 401}, "status"),
        ({"body": PATIENT, "status": 500}, "status"),
        ({"body": PATIENT, "headers": {"Content-Type": "text/html"}}, "content-type"),
        ({"body": PATIENT, "headers": {}}, "content-type"),
        ({"body": PATIENT, "headers": {"Content-Type": FHIR, "Content-Encoding": "gzip"}}, "encoding"),
        ({"body": PATIENT, "headers": {"Content-Type": FHIR, "Content-Encoding": "br, gzip"}}, "encoding"),
        ({"body": b"{", "length": 1}, "json"),
        ({"body": b'{"resourceType":"Patient","id":"\xff"}'}, "json"),
        ({"body": b"[" * 100_000}, "json"),
        ({"body": b"null"}, "json"),
        ({"body": b"[]"}, "json"),
        ({"body": b"{}"}, "kind"),
        ({"body": {"resourceType": "Observation"}}, "kind"),
        ({"body": bundle(PATIENT)}, "kind"),
        ({"body": {"resourceType": "OperationOutcome"}}, "outcome"),
        ({"body": PATIENT, "length": 1000, "cut": True}, "protocol"),
        ({"body": PATIENT, "headers": {"Content-Type": FHIR, "Bad Header": "x"}}, "protocol"),
    ],
)
def test_whatever_is_wrong_is_a_failure_of_that_key_and_never_none_there(
    reply: dict[str, Any], code: str
) -> None:
    web = Web()
    web.put("Patient/p1", reply.pop("body"), **reply)
    web.put(CONDITIONS, bundle())
    found = fetched(web, {"patient": "Patient/p1", "conditions": CONDITIONS})
    assert found["patient"].code == code
    assert isinstance(found["conditions"], bytes)
    outcome = json.loads(found["patient"].outcome())
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["diagnostics"].startswith(WHY[code])


@pytest.mark.parametrize(
    "kind", ["application/json", "application/fhir+json; charset=utf-8", "Application/JSON"]
)
def test_content_types_of_json(kind: str) -> None:
    web = Web()
    web.put("Patient/p1", PATIENT, headers={"Content-Type": kind})
    assert isinstance(fetched(web, {"patient": "Patient/p1"})["patient"], bytes)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_the_metadata_of_a_cloud_is_not_followed(status: int) -> None:
    web = Web()
    to = {"Content-Type": FHIR, "Location": "http://169.254.169.254/latest/meta-data/"}
    web.put("Patient/p1", PATIENT, status=status, headers=to)
    assert fetched(web, {"patient": "Patient/p1"})["patient"] == Failed("redirect")
    assert len(web.seen) == 1


def test_a_redirect_to_the_same_server_is_not_followed_either() -> None:
    web = Web()
    web.put("Patient/p1", b"", status=302, headers={"Location": "/fhir/Patient/p2"})
    web.put("Patient/p2", PATIENT)
    assert fetched(web, {"patient": "Patient/p1"})["patient"] == Failed("redirect")


def test_an_answer_larger_than_allowed_is_given_up_by_its_stated_length() -> None:
    web = Web()
    web.put("Patient/p1", b"x", length=10**15)
    assert fetched(web, {"patient": "Patient/p1"}, bytes=10_000)["patient"] == Failed("size")


def test_an_answer_larger_than_allowed_is_given_up_while_it_is_read() -> None:
    web = Web()
    chunked = {"Content-Type": FHIR, "Transfer-Encoding": "chunked"}
    web.put("Patient/p1", b"1000\r\n" + b"x" * 4096 + b"\r\n", headers=chunked, chunks=5000)
    assert fetched(web, {"patient": "Patient/p1"}, bytes=100_000)["patient"] == Failed("size")


def test_the_size_is_that_of_all_keys_together() -> None:
    web = Web()
    large = {"resourceType": "Condition", "note": [{"text": "x" * 6000}]}
    web.put(CONDITIONS, bundle(large))
    web.put("Procedure?patient=p1", bundle(large))
    found = fetched(web, {"a": CONDITIONS, "b": "Procedure?patient=p1"}, bytes=10_000)
    assert sorted(isinstance(one, bytes) for one in found.values()) == [False, True]
    assert Failed("size") in found.values()


def test_a_gzip_bomb_is_never_unpacked() -> None:
    import gzip

    web = Web()
    bomb = gzip.compress(b" " * 50_000_000)
    web.put("Patient/p1", bomb, headers={"Content-Type": FHIR, "Content-Encoding": "gzip"})
    web.put("Patient/p2", bomb)
    found = fetched(web, {"said": "Patient/p1", "unsaid": "Patient/p2"})
    assert found == {"said": Failed("encoding"), "unsaid": Failed("json")}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "/Patient/p1",
        "//evil.example/Patient/p1",
        "https://evil.example/Patient/p1",
        "../Patient/p1",
        "Patient/..",
        "Patient/../../admin",
        "Patient/.",
        "Patient/p1#x",
        "Patient/p1?x=1",
        "Patient/p 1",
        "Patient/p1\r\nX: y",
        "Patient/p1/$everything",
        "patient/p1",
        "@evil.example",
        "Patient\\p1",
    ],
)
def test_only_queries_of_templates_are_sent(query: str) -> None:
    web = Web()
    assert fetched(web, {"key": query}) == {"key": Failed("query")}
    assert not web.seen


def test_dots_inside_an_id_are_an_id() -> None:
    web = Web()
    web.put("Patient/p..1", PATIENT)
    assert isinstance(fetched(web, {"patient": "Patient/p..1"})["patient"], bytes)


@pytest.mark.parametrize("token", ["two words", "line\r\nX-Evil: 1", "\u0442oken", "tab\t"])
def test_a_token_that_would_break_its_header_is_not_sent(token: str) -> None:
    web = Web()
    web.put("Patient/p1", PATIENT)
    assert fetched(web, {"patient": "Patient/p1"}, token) == {"patient": Failed("token")}
    assert not web.seen


def test_a_kept_connection_is_used_again_and_its_end_is_noticed() -> None:
    web = Web()
    web.put("Patient/p1", PATIENT)

    async def ask(web: Web) -> Any:
        async with client_of(web) as fetcher:
            first = [await fetcher.fetch(web.base, TOKEN, {"patient": "Patient/p1"}) for _ in range(3)]
            connections = web.connections
            web.replies["/fhir/Patient/p1"].cut = True
            later = [await fetcher.fetch(web.base, TOKEN, {"patient": "Patient/p1"}) for _ in range(3)]
            return connections, [*first, *later]

    connections, found = run(web, ask)
    assert connections == 1
    assert all(isinstance(one["patient"], bytes) for one in found)


def test_cancelling_the_call_leaves_nothing_running() -> None:
    web = Web()
    web.put("Patient/p1", PATIENT, pause=30.0)

    async def ask(web: Web) -> Any:
        async with client_of(web, milliseconds=20_000) as fetcher:
            before = len(asyncio.all_tasks())
            call = asyncio.create_task(fetcher.fetch(web.base, TOKEN, {"patient": "Patient/p1"}))
            await asyncio.sleep(0.2)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.sleep(0.05)
            # The server's own task for the connection may still be there.
            return len(asyncio.all_tasks()) - before

    assert run(web, ask) <= 1


def test_a_fetcher_serves_another_event_loop_anew() -> None:
    fetcher = None
    for _ in range(2):
        web = Web()
        web.put("Patient/p1", PATIENT)

        async def ask(web: Web) -> Any:
            nonlocal fetcher
            fetcher = fetcher or client(web)
            base = f"https://{NAME}:{web.port}/fhir"
            fetcher._servers = {**fetcher._servers, **client(web)._servers}
            return await fetcher.fetch(base, TOKEN, {"patient": "Patient/p1"})

        assert isinstance(run(web, ask)["patient"], bytes)


def test_a_certificate_of_another_name_is_refused() -> None:
    web = Web()
    web.put("Patient/p1", PATIENT)

    async def ask(web: Web) -> Any:
        async with client_of(web) as fetcher:
            return await fetcher.fetch(web.base, TOKEN, {"patient": "Patient/p1"})

    assert run(web, ask, context=contexts()[2]) == {"patient": Failed("connect")}
    assert not web.seen


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    web = Web()

    async def ask(web: Web) -> Any:
        fetcher = Fetcher(
            Fetching(servers=(Server(base=web.base, private=True),), milliseconds=3000), resolver=local
        )
        return await fetcher.fetch(web.base, TOKEN, {"patient": "Patient/p1"})

    async def local(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    assert run(web, ask) == {"patient": Failed("connect")}
    assert not web.seen


def test_a_key_set_is_fetched_by_the_same_rules() -> None:
    web = Web()
    web.put("keys", {"keys": []}, headers={"Content-Type": "application/jwk-set+json"})
    web.put("moved", b"", status=302, headers={"Location": "http://169.254.169.254/"})
    web.put("large", b"x" * 5000, headers={"Content-Type": "application/json"})
    web.put("slow", {"keys": []}, pause=30.0, headers={"Content-Type": "application/json"})

    async def ask(web: Web) -> Any:
        fetcher = Fetcher(Fetching(), ssl_context=contexts()[1], resolver=here_only)

        async def get(path: str, *, private: bool = True, seconds: float = 2.0, scheme: str = "https") -> Any:
            url = f"{scheme}://{NAME}:{web.port}/fhir/{path}"
            try:
                return await fetcher.get_json(url, most_bytes=1000, seconds=seconds, private=private)
            except NotFetched as error:
                return "named" if NAME in str(error) else error.failed.code

        found = [
            await get("keys"),
            await get("moved"),
            await get("large"),
            await get("slow", seconds=0.3),
            await get("gone"),
            await get("keys", private=False),
            await get("keys", scheme="http"),
            await get("keys#x"),
        ]
        await fetcher.close()
        return found

    async def here_only(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    expected = ["redirect", "size", "time", "status", "address", "not-allowed", "not-allowed"]
    assert run(web, ask) == [b'{"keys": []}', *expected]


def test_plain_http_is_for_a_private_loopback_host_under_insecure_dev_alone() -> None:
    web = Web()
    web.put("Patient/p1", PATIENT)

    async def ask() -> Any:
        async with serving(web, plain=True):
            base = f"http://127.0.0.1:{web.port}/fhir"
            fetcher = Fetcher(Fetching(servers=(Server(base=base, private=True),)), insecure_dev=True)
            found = await fetcher.fetch(base, TOKEN, {"patient": "Patient/p1"})
            await fetcher.close()
            return found

    assert isinstance(asyncio.run(ask())["patient"], bytes)
    for base, private, dev in (
        ("http://127.0.0.1:9/fhir", True, False),
        ("http://127.0.0.1:9/fhir", False, True),
        ("http://ehr.example/fhir", True, True),
        ("http://10.0.0.1/fhir", True, True),
    ):
        with pytest.raises(InputError, match="https"):
            Fetcher(Fetching(servers=(Server(base=base, private=private),)), insecure_dev=dev)
