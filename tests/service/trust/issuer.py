"""An issuer of tokens for tests, with keys of its own, and a gate that trusts it."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import uuid
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from caveat.service.config import Config, Issuer, Trust
from caveat.service.store.base import Caller
from caveat.service.trust.gate import Distrusted, Gate

BASE = "https://cds.example.org/caveat"
ISS = "https://ehr.example.org"
JKU = "https://ehr.example.org/keys"
SERVICE = "/cds-services/caveat"
NOW = 1_790_000_000

Key = ECKey | RSAKey | OctKey


@cache
def key(kind: str, kid: str) -> Key:
    """A private key of that kind and name, made once a run: P-256, P-384, rsa-1024, rsa-2048."""
    if kind.startswith("rsa"):
        with warnings.catch_warnings():  # one of them is weak on purpose
            warnings.simplefilter("ignore")
            return RSAKey.generate_key(int(kind[4:]), {"kid": kid})
    return ECKey.generate_key(kind, {"kid": kid})


def public(*keys: Key) -> bytes:
    """The JWK Set an issuer would publish."""
    return json.dumps({"keys": [dict(each.as_dict(private=False)) for each in keys]}).encode()


def part(data: Any) -> str:
    """One part of a token."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token; None leaves one out."""
    good = {
        "iss": ISS,
        "aud": BASE + SERVICE,
        "iat": NOW,
        "exp": NOW + 300,
        "jti": str(uuid.uuid4()),
        **changes,
    }
    return {name: value for name, value in good.items() if value is not None}


def sign(
    body: dict[str, Any], *, by: Key | None = None, alg: str = "ES384", kid: str | None = "one", **more: Any
) -> str:
    """A token with whatever header; the library would refuse to make some of them."""
    signer = by or key("P-384", "one")
    header = {"typ": "JWT", "alg": alg, "kid": kid, **more}
    header = {name: value for name, value in header.items() if value is not None}
    signed = f"{part(header)}.{part(body)}"
    signature = jws.JWSRegistry.algorithms[alg].sign(signed.encode(), signer)
    return f"{signed}.{part(signature)}"


def token(*, by: Key | None = None, alg: str = "ES384", kid: str | None = "one", **changes: Any) -> str:
    """A good token, but for the changes of its claims."""
    return sign(claims(**changes), by=by, alg=alg, kid=kid)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: float = NOW) -> None:
        self.at = at

    def __call__(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.at, dt.UTC)


class Fetches:
    """Key sets by address, and which addresses were fetched."""

    def __init__(self, answers: dict[str, bytes | Exception] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[str] = []

    async def __call__(self, address: str) -> bytes:
        self.asked.append(address)
        await asyncio.sleep(0)
        answer = self.answers.get(address, OSError("nothing there"))
        if isinstance(answer, Exception):
            raise answer
        return answer


class Entrance:
    """A gate in a folder, and calls through it."""

    def __init__(self, folder: Path, *, fetches: Fetches | None = None, **trust: Any) -> None:
        self.folder, self.clock = folder, Clock()
        self.fetches = fetches or Fetches()
        self.notes: list[str] = []
        self.jwks = folder / "ehr.jwks.json"
        if not self.jwks.exists():
            self.jwks.write_bytes(public(key("P-384", "one"), key("rsa-2048", "two")))
        trust.setdefault("issuers", (Issuer(iss=ISS, jwks=str(self.jwks)),))
        self.config = Config(public_url=BASE, state=str(folder / "state"), trust=Trust(**trust))
        self.gate = self.another()

    def another(self) -> Gate:
        """One more gate over the same folder, as another worker has it."""
        return Gate(self.config, self.clock, fetch=self.fetches, note=self.notes.append)

    def call(self, made: str | list[str], path: str = SERVICE, *, gate: Gate | None = None) -> Caller:
        """Who the gate says is calling."""
        headers = made if isinstance(made, list) else [f"Bearer {made}"]
        return asyncio.run((gate or self.gate).check(headers, path))

    def refusal(self, made: str | list[str], path: str = SERVICE, *, gate: Gate | None = None) -> str:
        """The code of the refusal; empty where the call was let through."""
        try:
            self.call(made, path, gate=gate)
        except Distrusted as error:
            return error.code
        return ""
