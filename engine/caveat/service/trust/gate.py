"""Who calls: the checks that a token must pass, the cheap ones first, the signature before it is used up."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from caveat.service.config import Config, Issuer
from caveat.service.config_addresses import is_loopback
from caveat.service.store.base import Caller
from caveat.service.trust.remote import https_get
from caveat.service.trust.replay import Replays, ReplaysAway
from caveat.service.trust.sources import Fetch, KeyAddress, KeyFile, KeysAway, Note, Source

if TYPE_CHECKING:
    from caveat.service.state import Clock
    from caveat.service.trust.keys import Key

LONGEST: Final = 8192
"""Characters of a token that are looked at."""
_NAME: Final = 256
"""Characters of a `jti`, `sub`, `tenant` or `kid`."""
_AUDIENCES: Final = 8
_LATEST: Final = 2**53
_TOKEN: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_BEARER: Final = re.compile(r"bearer +([^ ]+) *", re.IGNORECASE)
_SERVICE: Final = re.compile(r"(/cds-services/[^/]+)/feedback")
INSECURE: Final = Caller("insecure-dev")


class Distrusted(Exception):
    """A call whose caller is not known. `code` is for counters and logs; the caller is told nothing."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class GateShut(Exception):
    """No call can be checked now (`code` says why), so none is let through."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class _Trusted:
    issuer: Issuer
    source: Source


class Gate:
    """Checks the token of each call. Keys, replays and the clock are its only state.

    With `insecure_dev` everyone is let through as `insecure-dev`; the service must then listen on
    loopback, else ValueError. `fetch` gets a key set from an address, `note` is told a code when one
    could not be renewed.
    """

    def __init__(
        self, config: Config, clock: Clock, *, fetch: Fetch = https_get, note: Note = lambda code: None
    ) -> None:
        if config.insecure_dev and not is_loopback(config.host):
            raise ValueError(f"insecure_dev needs a loopback host; {config.host} is none")
        self._open = config.insecure_dev
        self._clock = clock
        self._base = config.public_url.rstrip("/")
        self._leeway = config.trust.leeway_seconds
        self._longest = config.trust.longest_seconds
        self._replays = Replays(config.state)
        self._trusted: Mapping[str, _Trusted] = {
            issuer.iss: _Trusted(issuer, _source(issuer, fetch, note)) for issuer in config.trust.issuers
        }

    async def check(self, authorization: Sequence[str], path: str, raw_path: str = "") -> Caller:
        """Who sent these `Authorization` headers to this path (decoded; and as it was sent).

        Raises Distrusted, or GateShut when the keys or the record of used tokens are out of reach.
        """
        if self._open:
            return INSECURE
        header, payload, token = _parts(authorization)
        claims = _decoded(payload, "payload")
        trusted = self._issuer(claims, header)
        now = self._clock().timestamp()
        jti, until = self._times(claims, now)
        if not self._for_here(claims, path, raw_path):
            raise Distrusted("aud")
        _verify(token, await self._key(trusted, header, now))
        caller = _caller(claims, trusted.issuer)
        try:
            first = await self._replays.first(caller.iss, jti, until + self._leeway, now)
        except ReplaysAway as error:
            raise GateShut("replays-away") from error
        if not first:
            raise Distrusted("replayed")
        return caller

    def close(self) -> None:
        """Let go of the record of used tokens."""
        self._replays.close()

    def _issuer(self, claims: Mapping[str, Any], header: Mapping[str, Any]) -> _Trusted:
        """The issuer the token says it is from, if it is listed and the header fits what is listed."""
        iss = claims.get("iss")
        trusted = self._trusted.get(iss) if isinstance(iss, str) else None
        if trusted is None:
            raise Distrusted("iss")
        if header["alg"] not in trusted.issuer.algorithms:
            raise Distrusted("alg")
        if "jku" in header and (header["jku"] != trusted.issuer.jku or trusted.issuer.jku is None):
            raise Distrusted("jku")
        return trusted

    async def _key(self, trusted: _Trusted, header: Mapping[str, Any], now: float) -> Key:
        try:
            key = await trusted.source.find(header["kid"], now)
        except KeysAway as error:
            raise GateShut("keys-away") from error
        if key is None:
            raise Distrusted("kid")
        if key.algorithm != header["alg"]:
            raise Distrusted("alg")
        return key

    def _times(self, claims: Mapping[str, Any], now: float) -> tuple[str, float]:
        """The token's id and end, after every claim about time held."""
        expires, issued = _instant(claims, "exp"), _instant(claims, "iat")
        if expires + self._leeway <= now:
            raise Distrusted("expired")
        if issued > now + self._leeway:
            raise Distrusted("iat")
        if expires <= issued or expires - issued > self._longest + self._leeway:
            raise Distrusted("lifetime")
        if "nbf" in claims and _instant(claims, "nbf") > now + self._leeway:
            raise Distrusted("nbf")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= _NAME:
            raise Distrusted("jti")
        return jti, expires

    def _for_here(self, claims: Mapping[str, Any], path: str, raw_path: str) -> bool:
        """Whether `aud` names the endpoint called; for feedback also the service it is about."""
        audience = claims.get("aud")
        listed = audience if isinstance(audience, list) else [audience]
        if len(listed) > _AUDIENCES or not all(isinstance(item, str) for item in listed):
            return False
        ends = {path, raw_path or path}
        service = _SERVICE.fullmatch(path)
        if service:
            ends.add(service[1])
        return any(self._base + end in listed for end in ends)


def _source(issuer: Issuer, fetch: Fetch, note: Note) -> Source:
    if issuer.jwks is not None:
        return KeyFile(issuer.jwks, note)
    return KeyAddress(issuer.jku or "", fetch, note)


def _parts(authorization: Sequence[str]) -> tuple[Mapping[str, Any], str, str]:
    """Header, payload and the whole token, of a header that may be looked at further."""
    if not authorization:
        raise Distrusted("no-token")
    if len(authorization) > 1:
        raise Distrusted("two-tokens")
    if len(authorization[0]) > LONGEST:
        raise Distrusted("too-long")
    bearer = _BEARER.fullmatch(authorization[0])
    token = _TOKEN.fullmatch(bearer[1]) if bearer else None
    if token is None:
        raise Distrusted("form")
    header = _decoded(token[1], "header")
    if header.get("alg") not in ("ES384", "RS384"):
        raise Distrusted("alg")
    if "crit" in header or "b64" in header or str(header.get("typ", "JWT")).upper() != "JWT":
        raise Distrusted("header")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= _NAME:
        raise Distrusted("kid")
    return header, token[2], token[0]


def _decoded(part: str, code: str) -> Mapping[str, Any]:
    """A part of a token as an object."""
    import msgspec

    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error, RecursionError):
        raise Distrusted(code) from None
    if not isinstance(found, dict):
        raise Distrusted(code)
    return found


def _verify(token: str, key: Key) -> None:
    """Raises Distrusted unless the key signed the token, by the key's own algorithm."""
    from joserfc import jws
    from joserfc.errors import JoseError

    registry = jws.JWSRegistry(algorithms=[key.algorithm], strict_check_header=False)
    registry.max_header_length = LONGEST
    try:
        jws.deserialize_compact(token, key.key, registry=registry)
    except (JoseError, ValueError):
        raise Distrusted("signature") from None


def _instant(claims: Mapping[str, Any], name: str) -> float:
    """Seconds since 1970 of a claim."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _LATEST:
        raise Distrusted(name)
    return float(value)


def _caller(claims: Mapping[str, Any], issuer: Issuer) -> Caller:
    found = []
    for name in ("tenant", "sub"):
        value = claims.get(name, "")
        if not isinstance(value, str) or len(value) > _NAME:
            raise Distrusted(name)
        found.append(value)
    tenant, subject = found
    if issuer.tenant is not None and tenant not in ("", issuer.tenant):
        raise Distrusted("tenant")
    return Caller(issuer.iss, tenant or issuer.tenant or "", subject)
