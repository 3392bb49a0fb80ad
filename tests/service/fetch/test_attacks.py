"""Calls and servers that try to make the service speak to someone else, or to tell what it knows."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from typing import Any

import pytest

from caveat.errors import InputError
from caveat.service.config import Fetching, Server
from caveat.service.fetch import client as client_module
from caveat.service.fetch.client import Fetcher
from caveat.service.fetch.failed import WHY, Failed, NotFetched
from service.fetch.servers import NAME, Web, bundle, client, contexts, run, serving

TOKEN = "canary-token-0123456789"
WHO = "canary-patient-77"
PATIENT = {"resourceType": "Patient", "id": WHO}
CONDITIONS = f"Condition?patient={WHO}&_count=200"


def ask_for(base: Any, **limits: Any) -> tuple[Web, Any]:
    """What a call with this fhirServer gets, and the server that it is not."""
    web = Web()
    web.put(f"Patient/{WHO}", PATIENT)

    async def ask(web: Web) -> Any:
        fetcher = client(web, **limits)
        told = base(web) if callable(base) else base
        try:
            return fetcher.allows(told), await fetcher.fetch(told, TOKEN, {"patient": f"Patient/{WHO}"})
        finally:
            await fetcher.close()

    return web, run(web, ask)


@pytest.mark.parametrize(
    "base",
    [
        lambda web: f"https://evil.test:{web.port}/fhir",
        lambda web: f"http://{NAME}:{web.port}/fhir",
        lambda web: f"https://{NAME}:{web.port}/fhir2",
        lambda web: f"https://{NAME}:{web.port}/fhir/tenant",
        lambda web: f"https://{NAME}:{web.port}",
        lambda web: f"https://{NAME}:{web.port + 1 if web.port < 65535 else 1}/fhir",
        lambda web: f"https://{NAME}/fhir",
        lambda web: f"https://user:pass@{NAME}:{web.port}/fhir",
        lambda web: f"https://{NAME}:{web.port}@evil.test/fhir",
        lambda web: f"https://{NAME}:{web.port}/fhir?x=1",
        lambda web: f"https://{NAME}:{web.port}/fhir#x",
        lambda web: f"https://{NAME}.:{web.port}/fhir",
        lambda web: f"https://{NAME}:{web.port}/fhir/..",
        lambda web: f"https://{NAME}:{web.port}/%66hir",
        lambda web: f"https://\u0435hr.test:{web.port}/fhir",
        lambda web: f"https://127.0.0.1:{web.port}/fhir",
        lambda web: f"https://2130706433:{web.port}/fhir",
        lambda web: f"https://[::ffff:127.0.0.1]:{web.port}/fhir",
        lambda web: f"//{NAME}:{web.port}/fhir",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "",
        None,
    ],
)
def test_a_server_that_is_not_on_the_list_is_never_spoken_to(base: Any) -> None:
    web, (allowed, found) = ask_for(base)
    assert allowed is False
    assert found == {"patient": Failed("not-allowed")}
    assert not web.connections


def test_the_listed_base_is_known_in_another_spelling() -> None:
    _, (allowed, found) = ask_for(lambda web: f"HTTPS://{NAME.upper()}:{web.port}/fhir/")
    assert allowed is True
    assert json.loads(found["patient"]) == PATIENT


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.test:{port}/fhir?page=2",
        "https://{name}:{other}/fhir?page=2",
        "http://{name}:{port}/fhir?page=2",
        "https://{name}:{port}/admin?page=2",
        "https://{name}:{port}/fhir2?page=2",
        "https://{name}:{port}/fhir/../admin",
        "https://{name}:{port}/fhir/%2e%2e/admin",
        "https://{name}:{port}@evil.test/fhir?page=2",
        "https://user@{name}:{port}/fhir?page=2",
        "https://{name}:{port}/fhir?page=2#x",
        "//evil.test/fhir?page=2",
        "/admin",
        "../admin",
        "http://169.254.169.254/latest/meta-data/",
        "javascript:alert(1)",
        "",
    ],
)
def test_a_next_link_that_leads_elsewhere_is_not_followed(following: str) -> None:
    web = Web()

    async def ask(web: Web) -> Any:
        link = following.format(name=NAME, port=web.port, other=web.port - 1)
        web.put(CONDITIONS, bundle({"resourceType": "Condition", "id": "c1"}, following=link))
        fetcher = client(web)
        try:
            return await fetcher.fetch(web.base, TOKEN, {"conditions": CONDITIONS})
        finally:
            await fetcher.close()

    found = json.loads(run(web, ask)["conditions"])
    assert [target for target, _ in web.seen] == [f"/fhir/{CONDITIONS}"]
    assert found["entry"][0]["resource"]["id"] == "c1"
    assert found["link"] == [{"relation": "next", "url": "urn:caveat:page-not-fetched"}]


@pytest.mark.parametrize("link", [{"a": 1}, 5, None, ["x"]])
def test_a_next_link_that_is_no_text_still_announces_a_page(link: Any) -> None:
    web = Web()
    web.put(CONDITIONS, {**bundle(), "link": [{"relation": "next", "url": link}]})

    async def ask(web: Web) -> Any:
        return await client(web).fetch(web.base, TOKEN, {"conditions": CONDITIONS})

    assert json.loads(run(web, ask)["conditions"])["link"][0]["relation"] == "next"


def test_a_name_is_resolved_once_and_connected_to_where_it_was_checked() -> None:
    """A resolver that says a public address first and a private one afterwards gains nothing."""
    web, asked = Web(), []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["192.0.2.1"] if len(asked) == 1 else ["127.0.0.1"]

    async def ask(web: Web) -> Any:
        fetcher = client(web, private=False, resolver=rebinding, milliseconds=300)
        first = await fetcher.fetch(web.base, TOKEN, {"patient": f"Patient/{WHO}"})
        second = await fetcher.fetch(web.base, TOKEN, {"patient": f"Patient/{WHO}"})
        await fetcher.close()
        return first["patient"].code, second["patient"].code

    assert run(web, ask) == ("address", "address")
    assert len(asked) == 2
    assert not web.connections


def test_the_address_connected_to_is_the_one_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    from httpcore import AnyIOBackend, ConnectError

    reached: list[str] = []

    async def connect(self: Any, host: str, *_: Any, **__: Any) -> Any:
        reached.append(host)
        raise ConnectError

    async def public(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]

    monkeypatch.setattr(AnyIOBackend, "connect_tcp", connect)
    fetcher = Fetcher(Fetching(servers=(Server(base="https://ehr.test/fhir"),)), resolver=public)
    found = asyncio.run(fetcher.fetch("https://ehr.test/fhir", TOKEN, {"patient": "Patient/1"}))
    assert found == {"patient": Failed("connect")}
    assert reached == ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]


@pytest.mark.parametrize(
    ("addresses", "private", "code"),
    [
        (["127.0.0.1"], False, "address"),
        (["10.0.0.1"], False, "address"),
        (["169.254.169.254"], False, "address"),
        (["169.254.169.254"], True, "address"),
        (["93.184.216.34", "127.0.0.1"], False, "address"),
        (["127.0.0.1", "169.254.169.254"], True, "address"),
        (["::ffff:127.0.0.1"], False, "address"),
        (["0.0.0.0"], True, "address"),
        (["not an address"], True, "address"),
        ([], True, "dns"),
        (OSError("no such host"), True, "dns"),
        (UnicodeError("label too long"), True, "dns"),
    ],
)
def test_addresses_behind_the_name_are_checked(addresses: Any, private: bool, code: str) -> None:
    web = Web()

    async def resolver(host: str, port: int) -> list[str]:
        if isinstance(addresses, Exception):
            raise addresses
        return list(addresses)

    async def ask(web: Web) -> Any:
        fetcher = client(web, private=private, resolver=resolver)
        return await fetcher.fetch(web.base, TOKEN, {"patient": f"Patient/{WHO}"})

    assert run(web, ask) == {"patient": Failed(code)}
    assert not web.connections


def test_an_address_in_the_configuration_is_checked_too() -> None:
    fetcher = Fetcher(Fetching(servers=(Server(base="https://127.0.0.1:9/fhir"),)))
    found = asyncio.run(fetcher.fetch("https://127.0.0.1:9/fhir", TOKEN, {"patient": "Patient/1"}))
    assert found == {"patient": Failed("address")}


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    _, (_, found) = ask_for(lambda web: web.base)
    assert json.loads(found["patient"]) == PATIENT


@pytest.mark.parametrize(
    "base",
    [
        "http://ehr.test/fhir",
        "https://ehr.test/fhir?x=1",
        "https://user@ehr.test/fhir",
        "https://2130706433/fhir",
        "https://\u0435hr.test/fhir",
        "ehr.test",
    ],
)
def test_a_configured_server_must_itself_be_plain(base: str) -> None:
    with pytest.raises(InputError):
        Fetcher(Fetching(servers=(Server(base=base),)))


def _no_canary(text: str) -> None:
    for canary in (TOKEN, WHO, NAME):
        assert canary not in text


def test_neither_token_nor_patient_nor_address_is_ever_told(caplog: pytest.LogCaptureFixture) -> None:
    """Results, their texts, and every log line at the most talkative level, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    web = Web()
    location = {"Location": f"https://{NAME}/fhir/Patient/{WHO}"}
    web.put(f"Patient/{WHO}", PATIENT, status=302, headers=location)
    web.put(CONDITIONS, bundle(following=f"https://evil.test/fhir/{CONDITIONS}"), status=500)
    web.put(f"Procedure?patient={WHO}", b"{", headers={"Content-Type": "application/json", "Bad Header": WHO})
    web.put(f"List?patient={WHO}", bundle(), pause=30)
    wanted = {str(n): target.removeprefix("/fhir/") for n, target in enumerate(web.replies)}

    async def ask(web: Web) -> Any:
        fetcher = client(web, milliseconds=600)
        told = repr(fetcher)
        found = [await fetcher.fetch(web.base, TOKEN, wanted)]
        found.append(await fetcher.fetch(web.base, TOKEN + "\r\n", wanted))
        found.append(await fetcher.fetch(f"https://evil.test/{WHO}", TOKEN, wanted))
        await fetcher.close()
        return [told, *(repr(dict(one)) for one in found), *(str(v) for one in found for v in one.values())]

    told = run(web, ask)
    assert len(web.seen) >= 4
    _no_canary("\n".join(told))
    _no_canary("\n".join(f"{r.getMessage()} {r.__dict__}" for r in caplog.records if r.name != "asyncio"))


def test_a_defect_of_the_client_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: Any, url: Any, *rest: Any) -> bytes:
        raise RuntimeError(f"{url} {rest}")

    monkeypatch.setattr(client_module.Fetcher, "_get", broken)
    _, (_, found) = ask_for(lambda web: web.base)
    assert found == {"patient": Failed("fault")}


def test_what_is_raised_for_a_key_set_holds_no_address() -> None:
    async def ask() -> str:
        fetcher = Fetcher(Fetching(), ssl_context=contexts()[1], resolver=_nowhere)
        try:
            await fetcher.get_json(f"https://{NAME}/{WHO}", most_bytes=10, seconds=1)
        except NotFetched as error:
            return "".join(traceback.format_exception(error, chain=True))
        return ""

    async def _nowhere(host: str, port: int) -> list[str]:
        raise OSError(f"cannot resolve {host}")

    told = asyncio.run(ask())
    assert WHY["dns"] in told
    _no_canary("\n".join(line for line in told.splitlines() if line.startswith("caveat")))


def test_every_code_has_words_and_makes_an_outcome() -> None:
    for code in WHY:
        outcome = json.loads(Failed(code).outcome())
        assert outcome["issue"] == [
            {"severity": "error", "code": outcome["issue"][0]["code"], "diagnostics": WHY[code]}
        ]
    assert str(Failed("status", 503)) == "the server answered with an error (503)"


def test_the_server_of_these_tests_speaks_tls() -> None:
    """The tests above would prove nothing over a plain connection."""
    web = Web()
    web.put("Patient/1", PATIENT)

    async def ask() -> Any:
        async with serving(web, plain=True):
            asked = client(web, milliseconds=300)
            return await asked.fetch(web.base, TOKEN, {"patient": "Patient/1"})

    assert asyncio.run(ask())["patient"] in (Failed("connect"), Failed("time"))
    assert not web.seen
