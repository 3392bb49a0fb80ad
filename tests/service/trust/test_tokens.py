"""Which tokens are let through, and which are not: each attack by its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OctKey

from caveat.service.config import Config, Issuer, Trust
from caveat.service.store.base import Caller
from caveat.service.trust.gate import Distrusted, Gate, GateShut
from service.trust.issuer import BASE, ISS, JKU, NOW, SERVICE, Clock, Entrance, claims, key, part, sign, token

OTHER = "https://other.example.org"

# The example of the section "JWT Signing Algorithm, Example" of the CDS Hooks specification (docs of
# cds-hooks.hl7.org, security page): header, payload and public key as JSON, and the whole token as it
# goes into the Authorization header. The specification gives a private key too, which is not needed here.
SPEC_TOKEN = (
    "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImV4YW1wbGUta2lkIiwiamt1IjoiaHR0cHM6Ly9maGlyLWVoci5leGFt"
    "cGxlLmNvbS9qd2tfdXJpIn0.eyJpc3MiOiJodHRwczovL2ZoaXItZWhyLmV4YW1wbGUuY29tLyIsImF1ZCI6Imh0dHBzOi8vY2Rz"
    "LmV4YW1wbGUub3JnL2Nkcy1zZXJ2aWNlcy9zb21lLXNlcnZpY2UiLCJleHAiOjE0MjI1Njg4NjAsImlhdCI6MTMxMTI4MDk3MCwi"
    "anRpIjoiZWUyMmIwMjEtZTFiNy00NjExLWJhNWItOGVlYzZhMzNhYzFlIiwidGVuYW50IjoiMmRkZDZjM2EtOGU5YS00NGM2LWEz"
    "MDUtNTIxMTFhZDMwMmEyIn0.d1WfLjGRKlcWB94l9do4cM8REXeYJLL6SGUBO8VHZhfM8mwKYP70EMxJ67War4TQblEpaQrp11wx"
    "5p7oPFm2ETYgCicS84vXWEIYTdjooZdooCSDf2L8-i4awdoUwiEb"
)
SPEC_KEYS = {
    "keys": [
        {
            "kty": "EC",
            "use": "sig",
            "crv": "P-384",
            "kid": "example-kid",
            "x": "46SDH7Znh821wblCBglA61sNE9ZrHYKKt3qRtRTmSXyOI_FIGBLWrWa0GPUkDCEk",
            "y": "XMcRuuoGW7CXjQdy-F5i3FeBE0x9hPLdeFdSoDd3ELmx404tLX0VRRcqzAsPhXcI",
            "alg": "ES384",
        }
    ]
}
SPEC_IAT, SPEC_EXP = 1311280970, 1422568860


def spec_gate(folder: Path, at: float, longest: int) -> tuple[Gate, list[str]]:
    keys = folder / "spec.json"
    keys.write_text(json.dumps(SPEC_KEYS), "utf-8")
    issuer = Issuer(
        iss="https://fhir-ehr.example.com/", jwks=str(keys), jku="https://fhir-ehr.example.com/jwk_uri"
    )
    config = Config(
        public_url="https://cds.example.org",
        state=str(folder / f"state{at}{longest}"),
        trust=Trust(issuers=(issuer,), longest_seconds=longest),
    )
    return Gate(config, Clock(at)), [f"Bearer {SPEC_TOKEN}"]


def ask(gate: Gate, headers: list[str], path: str) -> Caller:
    import asyncio

    return asyncio.run(gate.check(headers, path))


def test_the_example_token_of_the_specification_is_known(tmp_path: Path) -> None:
    """Its life is 3.5 years, so that only a gate that allows as much takes it, while it lasts."""
    life = SPEC_EXP - SPEC_IAT
    path = "/cds-services/some-service"
    gate, headers = spec_gate(tmp_path, SPEC_EXP - 1, life)
    assert ask(gate, headers, path) == Caller(
        "https://fhir-ehr.example.com/", "2ddd6c3a-8e9a-44c6-a305-52111ad302a2"
    )
    refused = {
        "expired": (*spec_gate(tmp_path, SPEC_EXP + 5, life), path),
        "iat": (*spec_gate(tmp_path, SPEC_IAT - 6, life), path),
        "lifetime": (*spec_gate(tmp_path, SPEC_EXP - 1, 300), path),
        "aud": (*spec_gate(tmp_path, SPEC_EXP - 2, life), "/cds-services/other-service"),
    }
    for code, (gate, headers, called) in refused.items():
        with pytest.raises(Distrusted) as error:
            ask(gate, headers, called)
        assert error.value.code == code


@pytest.mark.parametrize(("alg", "kind", "kid"), [("ES384", "P-384", "one"), ("RS384", "rsa-2048", "two")])
def test_both_algorithms_are_taken(entrance: Entrance, alg: str, kind: str, kid: str) -> None:
    made = token(by=key(kind, kid), alg=alg, kid=kid, sub="app", tenant="ward 5")
    assert entrance.call(made) == Caller(ISS, "ward 5", "app")


@pytest.mark.parametrize(
    ("path", "aud"),
    [
        ("/cds-services", BASE + "/cds-services"),
        (SERVICE, BASE + SERVICE),
        (SERVICE, [BASE + SERVICE]),
        (SERVICE, ["https://elsewhere.example.org", BASE + SERVICE]),
        (SERVICE + "/feedback", BASE + SERVICE),
        (SERVICE + "/feedback", BASE + SERVICE + "/feedback"),
        ("/v1/screen", BASE + "/v1/screen"),
        ("/v1/rules/a.b", BASE + "/v1/rules/a.b"),
    ],
)
def test_aud_of_the_endpoint_called_is_taken(entrance: Entrance, path: str, aud: object) -> None:
    assert entrance.refusal(token(aud=aud), path) == ""


@pytest.mark.parametrize(
    ("path", "aud"),
    [
        (SERVICE, "https://elsewhere.example.org" + SERVICE),
        (SERVICE, BASE),
        (SERVICE, BASE + "/"),
        (SERVICE, BASE + "/cds-services"),
        (SERVICE, BASE + SERVICE + "/"),
        (SERVICE, BASE + SERVICE + "/feedback"),
        (SERVICE, BASE + "/cds-services/other"),
        (SERVICE, BASE.upper() + SERVICE),
        (SERVICE, SERVICE),
        (SERVICE, ""),
        (SERVICE, []),
        (SERVICE, {"url": BASE + SERVICE}),
        (SERVICE, [[BASE + SERVICE]]),
        (SERVICE, [BASE + SERVICE, 7]),
        (SERVICE, [BASE + SERVICE] * 9),
        ("/cds-services", BASE + SERVICE),
        ("/cds-services/feedback", BASE + "/cds-services"),
        (SERVICE + "/feedback", BASE + "/cds-services"),
        (SERVICE + "/feedback", BASE + "/cds-services/other"),
        (SERVICE + "/x/feedback", BASE + SERVICE),
        ("/v1/screen", BASE),
        ("/v1/screen", BASE + "/v1/explain"),
    ],
)
def test_aud_of_another_endpoint_is_refused(entrance: Entrance, path: str, aud: object) -> None:
    assert entrance.refusal(token(aud=aud), path) == "aud"


def test_alg_none_is_refused(entrance: Entrance) -> None:
    body = part(claims())
    for alg in ("none", "None", "NONE", "nOnE"):
        head = part({"alg": alg, "typ": "JWT", "kid": "one"})
        assert entrance.refusal(f"{head}.{body}.{part(b'x')}") == "alg"
        assert entrance.refusal(f"{head}.{body}.") == "form"


@pytest.mark.parametrize("alg", ["HS256", "HS384"])
def test_public_key_as_hmac_secret_is_refused(entrance: Entrance, alg: str) -> None:
    pem = key("rsa-2048", "two").as_pem(private=False)  # type: ignore[union-attr]
    for secret in (pem, entrance.jwks.read_bytes()):
        made = sign(claims(), by=OctKey(secret, secret, {}), alg=alg, kid="two")
        assert entrance.refusal(made) == "alg"


@pytest.mark.parametrize(("alg", "kind"), [("ES256", "P-256"), ("RS256", "rsa-2048"), ("PS384", "rsa-2048")])
def test_other_algorithms_are_refused(entrance: Entrance, alg: str, kind: str) -> None:
    assert entrance.refusal(token(by=key(kind, "two"), alg=alg, kid="two")) == "alg"


def test_algorithm_that_the_issuer_may_not_use_is_refused(tmp_path: Path) -> None:
    jwks = tmp_path / "ehr.jwks.json"
    only = Entrance(tmp_path, issuers=(Issuer(iss=ISS, jwks=str(jwks), algorithms=("RS384",)),))
    assert only.refusal(token()) == "alg"
    assert only.refusal(token(by=key("rsa-2048", "two"), alg="RS384", kid="two")) == ""


def test_algorithm_that_is_not_the_keys_is_refused(entrance: Entrance) -> None:
    """A key has one algorithm, whatever the header says."""
    assert entrance.refusal(token(alg="ES384", kid="two")) == "alg"
    assert entrance.refusal(token(by=key("rsa-2048", "two"), alg="RS384", kid="one")) == "alg"


def test_token_comes_through_once(entrance: Entrance) -> None:
    made = token()
    assert [entrance.refusal(made) for _ in range(3)] == ["", "replayed", "replayed"]


def test_same_jti_in_another_token_is_a_replay(entrance: Entrance) -> None:
    assert entrance.refusal(token(jti="x")) == ""
    assert entrance.refusal(token(jti="x", exp=NOW + 200)) == "replayed"
    assert entrance.refusal(token(jti="x", aud=BASE + "/v1/screen"), "/v1/screen") == "replayed"


def test_replay_is_seen_by_every_worker_of_the_host(entrance: Entrance) -> None:
    made, other = token(), entrance.another()
    assert entrance.refusal(made) == ""
    assert entrance.refusal(made, gate=other) == "replayed"
    assert entrance.refusal(made, gate=entrance.another()) == "replayed"


def test_replay_is_refused_to_the_last_second(entrance: Entrance) -> None:
    made = token(jti="x")
    assert entrance.refusal(made) == ""
    entrance.clock.at = NOW + 304.9
    assert entrance.refusal(made) == "replayed"
    entrance.clock.at = NOW + 305
    assert entrance.refusal(made) == "expired"


def test_replay_is_still_known_after_many_others_came_in_the_leeway(entrance: Entrance) -> None:
    """Rows are dropped now and then, but not this one yet."""
    made = token()
    assert entrance.refusal(made) == ""
    entrance.clock.at = NOW + 303
    for _ in range(150):
        assert entrance.refusal(token(iat=NOW + 303, exp=NOW + 400)) == ""
    assert entrance.refusal(made) == "replayed"


def test_refused_token_does_not_use_up_its_jti(entrance: Entrance) -> None:
    """Else anyone could stop a call by sending its jti first."""
    body = claims()
    made = sign(body)
    assert entrance.refusal(sign(body, by=key("P-384", "strange"))) == "signature"
    assert entrance.refusal(made, "/v1/screen") == "aud"
    assert entrance.refusal(made) == ""


def test_one_issuers_jti_does_not_stop_anothers(tmp_path: Path) -> None:
    jwks = str(tmp_path / "ehr.jwks.json")
    both = Entrance(tmp_path, issuers=(Issuer(iss=ISS, jwks=jwks), Issuer(iss=ISS + "x", jwks=jwks)))
    assert both.refusal(token(jti="xy")) == ""
    assert both.refusal(token(iss=ISS + "x", jti="y")) == ""
    assert both.refusal(token(iss=ISS + "x", jti="xy")) == ""


def test_unlisted_jku_is_never_fetched(tmp_path: Path) -> None:
    listed = Entrance(tmp_path, issuers=(Issuer(iss=ISS, jku=JKU), Issuer(iss=OTHER, jku=OTHER + "/keys")))
    for jku in (
        "https://evil.example.org/keys",
        JKU + "/",
        JKU + "?x",
        JKU.upper(),
        OTHER + "/keys",
        "",
        7,
        None,
    ):
        made = sign(claims()) if jku is None else sign(claims(), jku=jku)
        if jku is None:
            continue
        assert listed.refusal(made) == "jku", jku
    assert listed.refusal(sign(claims(iss=OTHER), jku=JKU)) == "jku"
    assert listed.fetches.asked == []


def test_jku_of_an_issuer_with_a_file_is_refused_unless_it_is_listed(
    tmp_path: Path, entrance: Entrance
) -> None:
    assert entrance.refusal(sign(claims(), jku=JKU)) == "jku"
    listed = Entrance(tmp_path, issuers=(Issuer(iss=ISS, jwks=str(entrance.jwks), jku=JKU),))
    assert listed.refusal(sign(claims(), jku=JKU)) == ""
    assert listed.fetches.asked == entrance.fetches.asked == []


@pytest.mark.parametrize("header", ["jwk", "x5u", "x5c"])
def test_key_inside_the_token_is_not_used(entrance: Entrance, header: str) -> None:
    strange = key("P-384", "strange")
    value: Any = {"jwk": strange.as_dict(private=False), "x5u": JKU, "x5c": ["MIIB"]}[header]
    assert entrance.refusal(sign(claims(), by=strange, **{header: value})) == "signature"
    assert entrance.fetches.asked == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": NOW - 5}, "expired"),
        ({"iat": NOW - 400, "exp": NOW - 100}, "expired"),
        ({"iat": NOW + 6}, "iat"),
        ({"nbf": NOW + 6}, "nbf"),
        ({"nbf": "now"}, "nbf"),
        ({"exp": NOW + 306}, "lifetime"),
        ({"exp": NOW + 10**9}, "lifetime"),
        ({"iat": NOW - 4, "exp": NOW - 4}, "lifetime"),
        ({"iat": NOW + 3, "exp": NOW + 1}, "lifetime"),
        ({"exp": str(NOW + 300)}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": 10**400}, "exp"),
        ({"exp": [NOW + 300]}, "exp"),
        ({"iat": -(10**30)}, "iat"),
        ({"iat": "x"}, "iat"),
        ({"jti": 7}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": "x" * 257}, "jti"),
        ({"jti": "\ud800"}, "payload"),
        ({"sub": 7}, "sub"),
        ({"tenant": ["x"]}, "tenant"),
        ({"iss": OTHER}, "iss"),
        ({"iss": ISS + "/"}, "iss"),
        ({"iss": [ISS]}, "iss"),
    ],
)
def test_claims_that_do_not_hold(entrance: Entrance, changes: dict[str, Any], code: str) -> None:
    assert entrance.refusal(token(**changes)) == code


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "iat", "jti"])
def test_each_claim_is_required(entrance: Entrance, name: str) -> None:
    assert entrance.refusal(token(**{name: None})) == name


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": NOW + 5},
        {"exp": NOW - 4.5, "iat": NOW - 100},
        {"exp": NOW + 305},
        {"iat": NOW + 0.5},
        {"nbf": NOW + 5},
    ],
)
def test_five_seconds_of_leeway(entrance: Entrance, changes: dict[str, Any]) -> None:
    """The reference client rounds iat up."""
    assert entrance.refusal(token(**changes)) == ""


def test_tenant_is_the_configured_one(tmp_path: Path) -> None:
    jwks = str(tmp_path / "ehr.jwks.json")
    bound = Entrance(tmp_path, issuers=(Issuer(iss=ISS, jwks=jwks, tenant="north"),))
    assert bound.call(token()).tenant == "north"
    assert bound.call(token(tenant="north")).tenant == "north"
    assert bound.refusal(token(tenant="south")) == "tenant"


def test_swapped_kid_is_refused(entrance: Entrance) -> None:
    """No other key of the issuer is tried."""
    for kid in ("unknown", "", None, "../one", "ONE"):
        assert entrance.refusal(token(kid=kid)) == "kid", kid
    third = key("P-384", "three")
    entrance.jwks.write_bytes(
        entrance.jwks.read_bytes()[:-2] + b", " + json.dumps(third.as_dict(private=False)).encode() + b"]}"
    )
    fresh = entrance.another()
    assert entrance.refusal(token(by=third, kid="three"), gate=fresh) == ""
    assert entrance.refusal(token(by=third, kid="one"), gate=fresh) == "signature"


def test_tampered_payload_is_refused(entrance: Entrance) -> None:
    body = claims()
    head, _, signature = sign(body).split(".")
    for changed in ({**body, "tenant": "x"}, {**body, "exp": NOW + 301}, body | {"jti": "y"}):
        assert entrance.refusal(f"{head}.{part(changed)}.{signature}") == "signature"
    other = part({"alg": "ES384", "typ": "JWT", "kid": "one", "x": 1})
    assert entrance.refusal(f"{other}.{part(body)}.{signature}") == "signature"
    for broken in (signature[:-4], signature + "AAAA", "AAAA", "A" * 128, signature.swapcase()):
        assert entrance.refusal(f"{head}.{part(body)}.{broken}") == "signature"


def test_signature_of_zeros_is_refused(entrance: Entrance) -> None:
    """r = s = 0, which some verifiers take."""
    head, payload, _ = token().split(".")
    assert entrance.refusal(f"{head}.{payload}.{part(bytes(96))}") == "signature"


@pytest.mark.parametrize("header", [{"crit": ["b64"], "b64": False}, {"crit": ["x"], "x": 1}, {"b64": False}])
def test_critical_headers_are_refused(entrance: Entrance, header: dict[str, Any]) -> None:
    head = part({"alg": "ES384", "typ": "JWT", "kid": "one", **header})
    _, payload, signature = token().split(".")
    assert entrance.refusal(f"{head}.{payload}.{signature}") == "header"


def test_token_of_another_type_is_refused(entrance: Entrance) -> None:
    assert entrance.refusal(sign(claims(), typ="at+jwt")) == "header"
    assert entrance.refusal(sign(claims(), typ=None)) == ""
    assert entrance.refusal(sign(claims(), typ="jwt")) == ""


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer", "bEaReR"])
def test_scheme_is_taken_in_any_case(entrance: Entrance, scheme: str) -> None:
    assert entrance.refusal([f"{scheme} {token()}"]) == ""


def test_two_authorization_headers_are_refused(entrance: Entrance) -> None:
    made = f"Bearer {token()}"
    assert entrance.refusal([made, made]) == "two-tokens"
    assert entrance.refusal([made, "Basic eDp5"]) == "two-tokens"
    assert entrance.refusal([f"{made}, {made}"]) == "form"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "form"),
        ("Bearer", "form"),
        ("Bearer ", "form"),
        ("Basic dXNlcjpwYXNz", "form"),
        ("Bearer a.b", "form"),
        ("Bearer a.b.c.d", "form"),
        ("Bearer a.b.c.d.e", "form"),
        ("Bearer !.!.!", "form"),
        ("Bearer é.é.é", "form"),
        ("Bearer a.b.c\n", "form"),
        ("Bearer a.b.c", "header"),
        (f"Bearer {part([1])}.{part({})}.AAAA", "header"),
        (f"Bearer {part(b'{')}.{part({})}.AAAA", "header"),
        (f"Bearer {part(b'[' * 3000)}.{part({})}.AAAA", "header"),
        (f"Bearer {part({'alg': ['ES384']})}.{part({})}.AAAA", "alg"),
        (f"Bearer {part({'kid': 'one'})}.{part({})}.AAAA", "alg"),
        (f"Bearer {part({'alg': 'ES384', 'kid': 'one'})}.{part([])}.AAAA", "payload"),
        (f"Bearer {part({'alg': 'ES384', 'kid': 'one'})}.{part(b'nothing')}.AAAA", "payload"),
        (f"Bearer {part({'alg': 'ES384', 'kid': 'k' * 300})}.{part({})}.AAAA", "kid"),
        ("Bearer " + "A" * 9000, "too-long"),
        ("B" * 10_000_000, "too-long"),
    ],
)
def test_garbage_is_refused(entrance: Entrance, header: str, code: str) -> None:
    assert entrance.refusal([header]) == code


def test_no_token_is_refused(entrance: Entrance) -> None:
    assert entrance.refusal([]) == "no-token"


def test_huge_token_is_refused_though_it_is_signed(entrance: Entrance) -> None:
    assert entrance.refusal(token(padding="x" * 7000)) == "too-long"


_text = st.text(alphabet=st.characters(codec="latin-1"), max_size=200)


@given(header=st.lists(_text | _text.map("Bearer {}".format), max_size=2), path=_text)
def test_no_text_gets_through_or_breaks_the_gate(header: list[str], path: str) -> None:
    gate = Gate(Config(trust=Trust(issuers=(Issuer(iss=ISS, jku=JKU),))), Clock())
    with pytest.raises(Distrusted):
        ask(gate, header, path)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "jti", "sub", "tenant"]), value=_json)
def test_signed_claims_of_any_form_do_not_break_the_gate(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: Any
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    body = {**claims(), name: value}
    code = Entrance(folder).refusal(sign(body))
    if name in ("iss", "aud", "exp", "iat"):
        assert code, body
    else:
        assert code in ("", name, "replayed"), (code, body)


def test_replays_that_cannot_be_kept_let_nothing_through(tmp_path: Path) -> None:
    shut = Entrance(tmp_path)
    (tmp_path / "state").write_text("a file where the folder should be", "utf-8")
    with pytest.raises(GateShut) as error:
        shut.call(token())
    assert error.value.code == "replays-away"
    (tmp_path / "state").unlink()
    assert shut.refusal(token()) == ""


def test_insecure_dev_lets_everyone_in_and_says_so(tmp_path: Path) -> None:
    gate = Gate(Config(production=False, insecure_dev=True, state=str(tmp_path)), Clock())
    assert ask(gate, [], SERVICE) == Caller("insecure-dev")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "cds.example.org", ""])
def test_insecure_dev_stays_on_loopback(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        Gate(Config(production=False, insecure_dev=True, host=host or "*"), Clock())
