"""What the secret of a site is used for: hashing patients, chaining the audit trail, sealing what is kept."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Final

from caveat.errors import CaveatError

SHORTEST: Final = 32
_SEALED: Final = b"\x01"
_NONCE: Final = 12


class Unsealable(CaveatError):
    """What was sealed cannot be opened: it was altered, or another key sealed it."""


class Keys:
    """Keys derived from one secret, each for one purpose only (HKDF-SHA256, RFC 5869).

    Raises CaveatError for a secret shorter than 32 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SHORTEST:
            raise CaveatError(
                f"the audit key has {len(secret)} bytes; at least {SHORTEST} are needed. "
                "Make one with: openssl rand -hex 32 > audit.key"
            )
        self._patient = _derived(secret, b"caveat patient 1")
        self._chain = _derived(secret, b"caveat chain 1")
        self._head = _derived(secret, b"caveat head 1")
        self._seal = _derived(secret, b"caveat seal 1")
        self._content = _derived(secret, b"caveat content 1")
        self.check = _mac(_derived(secret, b"caveat check 1"), b"")
        """Says which key it is without giving it away; kept in the database."""

    def __repr__(self) -> str:
        return "Keys()"

    def patient(self, raw: str, tenant: str = "") -> str:
        """The keyed hash of a patient's id (64 hex digits), the same for `Patient/x` and `x`.

        Patients of different tenants never share one. Empty for an empty id: nobody's.
        """
        bare = raw.removeprefix("Patient/")
        return _mac(self._patient, _joined(tenant, bare)) if bare else ""

    def chained(self, row: bytes) -> str:
        """The hash of an audit row in its canonical form, which holds the hash before it."""
        return _mac(self._chain, row)

    def digest(self, purpose: str, *parts: str) -> str:
        """A keyed digest of the parts for one purpose, by which what was sent before is known again."""
        return _mac(self._content, _joined(purpose, *parts))

    def head(self, sequence: int, digest: str) -> str:
        """What vouches for the head of the chain, so that a shorter chain cannot be passed off as whole."""
        return _mac(self._head, _joined(str(sequence), digest))

    def seal(self, purpose: str, name: str, plain: bytes) -> bytes:
        """The plain bytes under AES-256-GCM, with a key for this one thing, bound to purpose and name."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        bound, nonce = _joined(purpose, name), os.urandom(_NONCE)
        return _SEALED + nonce + AESGCM(self._key_for(bound)).encrypt(nonce, plain, bound)

    def open(self, purpose: str, name: str, sealed: bytes) -> bytes:
        """What was sealed; raises Unsealable when a byte, the key, the purpose or the name differs."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        bound, nonce, rest = _joined(purpose, name), sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        if sealed[:1] != _SEALED or len(nonce) < _NONCE:
            raise Unsealable(f"the sealed {purpose} of {name} is not in a form that is known here")
        try:
            return AESGCM(self._key_for(bound)).decrypt(nonce, rest, bound)
        except InvalidTag:
            raise Unsealable(
                f"the sealed {purpose} of {name} cannot be opened: it was altered, or sealed with another key"
            ) from None

    def _key_for(self, bound: bytes) -> bytes:
        return hmac.digest(self._seal, bound, "sha256")


def _joined(*parts: str) -> bytes:
    """The parts, each behind its length, so that no two lists of parts give the same bytes."""
    raw = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in raw)


def _mac(key: bytes, data: bytes) -> str:
    return hmac.digest(key, data, "sha256").hex()


def _derived(secret: bytes, purpose: bytes) -> bytes:
    """HKDF with no salt: extract, then one block of expand."""
    extracted = hmac.digest(bytes(hashlib.sha256().digest_size), secret, "sha256")
    return hmac.digest(extracted, purpose + b"\x01", "sha256")
