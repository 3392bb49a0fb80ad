"""Which keys of a set are used, and what happens when the set changes or cannot be had."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from caveat.service.config import Issuer
from caveat.service.trust.gate import Distrusted, GateShut
from caveat.service.trust.keys import BadKeys, read_keys
from caveat.service.trust.sources import KeyAddress, KeyFile, KeysAway
from service.trust.issuer import ISS, JKU, NOW, SERVICE, Entrance, Fetches, key, public, token

COSTLY = "more than 8192 bits, or an exponent past 64"
P384, RSA = key("P-384", "one"), key("rsa-2048", "two")


def entry(kind: str = "P-384", **changes: Any) -> dict[str, Any]:
    found = {**key(kind, "x").as_dict(private=False), **changes}
    return {name: value for name, value in found.items() if value is not None}


def keys_of(*entries: Any) -> Any:
    return read_keys(json.dumps({"keys": [entry(kid="good"), *entries]}).encode())


def test_usable_keys_are_found_by_kid() -> None:
    found = read_keys(public(P384, RSA))
    assert {kid: each.algorithm for kid, each in found.by_kid.items()} == {"one": "ES384", "two": "RS384"}
    assert found.skipped == ()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (entry("rsa-1024"), "has 1024 bits; at least 2048 are needed"),
        (entry("P-256"), "is not on the curve P-384"),
        (entry("P-521"), "is not on the curve P-384"),
        (entry(use="enc"), "is not for signatures"),
        (entry(key_ops=["sign"]), "is not for verifying"),
        (entry(key_ops="verify"), "is not for verifying"),
        (entry(alg="ES256"), "is not for ES384"),
        (entry("rsa-2048", alg="RS256"), "is not for RS384"),
        (entry(kty="OKP"), "is neither EC nor RSA"),
        (entry(y=None), "lacks x or y"),
        (entry(x="AAAA"), "cannot be read"),
        (entry("rsa-2048", n="é"), "cannot be read"),
        (entry("rsa-2048", n=entry("rsa-2048")["n"] * 5), f"is too costly: {COSTLY}"),
        (entry("rsa-2048", e=entry("rsa-2048")["n"]), f"is too costly: {COSTLY}"),
        (entry("rsa-2048", e="AQ"), "cannot be read"),
        (entry(kid=None), "has no kid"),
        (entry(kid=""), "has no kid"),
        (entry(kid=7), "has no kid"),
    ],
)
def test_weak_and_foreign_keys_are_skipped_with_their_reason(given: dict[str, Any], why: str) -> None:
    found = keys_of(given)
    assert list(found.by_kid) == ["good"]
    assert found.skipped == (f"key 2 {why}",)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "it is not JSON"),
        (b"{", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "it is not a JWK Set"),
        (b'{"keys": {}}', "it is not a JWK Set"),
        (b'{"keys": []}', "it has no usable key"),
        (b'{"keys": [7]}', "key 1 is not an object"),
        (json.dumps({"keys": [entry("rsa-1024")]}).encode(), "it has no usable key; key 1 has 1024 bits"),
        (json.dumps({"keys": [P384.as_dict(private=True)]}).encode(), "key 1 is private or symmetric"),
        (json.dumps({"keys": [{"kty": "oct", "kid": "x", "k": "AA"}]}).encode(), "private or symmetric"),
        (json.dumps({"keys": [entry(), entry()]}).encode(), "two keys have the kid of key 2"),
        (json.dumps({"keys": [{}] * 101}).encode(), "it has 101 keys; the limit is 100"),
        (b" " * 300_000, "the limit is 262144"),
    ],
)
def test_bad_sets_are_refused_whole(raw: bytes, why: str) -> None:
    with pytest.raises(BadKeys, match=why.replace("{", r"\{")) as error:
        read_keys(raw)
    assert "AA" not in str(error.value)


def test_key_file_is_read_again_when_it_changes(entrance: Entrance) -> None:
    assert entrance.refusal(token(kid="new", by=key("P-384", "new"))) == "kid"
    entrance.jwks.write_bytes(public(key("P-384", "new")))
    entrance.clock.at += 1
    assert entrance.refusal(token(kid="new", by=key("P-384", "new"))) == ""
    assert entrance.refusal(token()) == "kid", "a key that was taken out is used no more"


def test_bad_key_file_leaves_the_keys_before_for_an_hour(entrance: Entrance) -> None:
    assert entrance.refusal(token()) == ""
    entrance.jwks.write_text("{", "utf-8")
    for later in (1, 3600):
        entrance.clock.at = NOW + later
        assert entrance.refusal(token(iat=NOW + later, exp=NOW + later + 60)) == ""
    assert entrance.notes == ["keys-file-unusable"] * 2
    entrance.clock.at = NOW + 3602
    with pytest.raises(GateShut, match="keys-away"):
        entrance.call(token(iat=NOW + 3602, exp=NOW + 3700))
    entrance.jwks.write_bytes(public(P384))
    entrance.clock.at = NOW + 3604
    assert entrance.refusal(token(iat=NOW + 3602, exp=NOW + 3700)) == ""


def test_key_file_that_never_was_there_shuts_the_gate(tmp_path: Path) -> None:
    source = KeyFile(str(tmp_path / "none"), lambda code: None)
    with pytest.raises(KeysAway):
        asyncio.run(source.find("one", 0))


def address(**answers: bytes | Exception) -> tuple[KeyAddress, Fetches, list[str]]:
    fetches, notes = Fetches({JKU: answers.get("body", public(P384))}), list[str]()
    return KeyAddress(JKU, fetches, notes.append), fetches, notes


def test_keys_are_fetched_once_for_many_calls_at_once() -> None:
    source, fetches, _ = address()

    async def many() -> list[Any]:
        return await asyncio.gather(*(source.find("one", 0.0) for _ in range(50)))

    assert all(found is not None for found in asyncio.run(many()))
    assert fetches.asked == [JKU]


def test_unknown_kids_do_not_hammer_the_issuer() -> None:
    source, fetches, _ = address()

    async def attack() -> None:
        assert await source.find("one", 0.0) is not None
        for second in range(300):
            for number in range(10):
                assert await source.find(f"kid-{second}-{number}", float(second)) is None

    asyncio.run(attack())
    assert len(fetches.asked) == 10, "one in thirty seconds"


def test_new_key_is_found_though_it_was_published_after_the_fetch() -> None:
    source, fetches, _ = address()

    async def calls() -> None:
        assert await source.find("three", 0.0) is None
        fetches.answers[JKU] = public(P384, key("P-384", "three"))
        assert await source.find("three", 29.0) is None
        assert await source.find("three", 30.0) is not None

    asyncio.run(calls())


def test_old_keys_serve_while_they_are_renewed() -> None:
    source, fetches, _ = address()

    async def calls() -> None:
        assert await source.find("one", 0.0) is not None
        fetches.answers[JKU] = public(key("P-384", "three"))
        assert await source.find("one", 301.0) is not None
        for _ in range(5):
            await asyncio.sleep(0)
        assert await source.find("one", 302.0) is None, "it was taken out of the set"
        assert await source.find("three", 302.0) is not None

    asyncio.run(calls())


@pytest.mark.parametrize("answer", [OSError("away"), TimeoutError(), b"{", RuntimeError("odd")])
def test_keys_that_cannot_be_renewed_serve_for_an_hour(answer: bytes | Exception) -> None:
    source, fetches, notes = address()

    async def calls() -> None:
        assert await source.find("one", 0.0) is not None
        fetches.answers[JKU] = answer
        for second in (301.0, 1800.0, 3600.0):
            assert await source.find("one", second) is not None
            await asyncio.sleep(0.001)
        with pytest.raises(KeysAway):
            await source.find("one", 3601.0)

    asyncio.run(calls())
    assert set(notes) == {"keys-address-unusable"}


def test_address_without_an_answer_shuts_the_gate_and_is_left_alone(tmp_path: Path) -> None:
    away = Entrance(tmp_path, issuers=(Issuer(iss=ISS, jku=JKU),))
    for _ in range(5):
        with pytest.raises(GateShut, match="keys-away"):
            away.call(token())
    assert away.fetches.asked == [JKU]
    assert away.notes == ["keys-address-unusable"]


def test_token_without_jku_is_checked_with_the_configured_address(tmp_path: Path) -> None:
    listed = Entrance(tmp_path, fetches=Fetches({JKU: public(P384)}), issuers=(Issuer(iss=ISS, jku=JKU),))

    async def calls() -> list[str]:
        found = []
        for made in (token(), token(kid="two"), token()):
            try:
                await listed.gate.check([f"Bearer {made}"], SERVICE)
                found.append("")
            except Distrusted as error:
                found.append(error.code)
        return found

    assert asyncio.run(calls()) == ["", "kid", ""]
    assert listed.fetches.asked == [JKU]


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_record_of_used_tokens_is_not_for_others(entrance: Entrance) -> None:
    entrance.call(token())
    assert (entrance.folder / "state").stat().st_mode & 0o077 == 0
