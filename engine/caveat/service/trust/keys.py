"""Public keys of an issuer, from its JSON Web Key Set."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

MOST_BYTES: Final = 256 * 1024
MOST_KEYS: Final = 100
MOST_RSA_BITS: Final = 8192
"""Past it one verification costs milliseconds; so it does past the exponent's bits."""
_EXPONENT_BITS: Final = 64
LEAST_RSA_BITS: Final = 2048
_PRIVATE: Final = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))


class BadKeys(Exception):
    """A key set that is not used at all; the message is for the operator and quotes no key."""


@dataclass(frozen=True, slots=True)
class Key:
    """One public key and the only algorithm it verifies."""

    kid: str
    algorithm: str
    key: ECKey | RSAKey


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a set by `kid`; `skipped` says of each one that is not used why."""

    by_kid: Mapping[str, Key]
    skipped: tuple[str, ...] = ()


def read_keys(raw: bytes) -> Keys:
    """The usable keys of a JWK Set: P-384 for ES384, RSA of 2,048 to 8,192 bits for RS384.

    A key for something else, or a weak one, is skipped with its reason. Raises BadKeys for what is
    no key set, holds a private or symmetric key, names one `kid` twice, or has no usable key.
    """
    import msgspec

    if len(raw) > MOST_BYTES:
        raise BadKeys(f"it has {len(raw)} bytes; the limit is {MOST_BYTES}")
    try:
        data = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadKeys("it is not JSON") from None
    listed = data.get("keys") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        raise BadKeys('it is not a JWK Set: {"keys": [...]} is needed')
    if len(listed) > MOST_KEYS:
        raise BadKeys(f"it has {len(listed)} keys; the limit is {MOST_KEYS}")
    found: dict[str, Key] = {}
    skipped: list[str] = []
    for number, entry in enumerate(listed, 1):
        if not isinstance(entry, dict):
            raise BadKeys(f"key {number} is not an object")
        if _PRIVATE & entry.keys() or entry.get("kty") == "oct":
            raise BadKeys(f"key {number} is private or symmetric; only public keys belong here")
        kid = entry.get("kid")
        if not isinstance(kid, str) or not kid:
            skipped.append(f"key {number} has no kid")
            continue
        if kid in found:
            raise BadKeys(f"two keys have the kid of key {number}; which is meant cannot be told")
        usable = _usable(entry)
        if isinstance(usable, str):
            skipped.append(f"key {number} {usable}")
        else:
            found[kid] = Key(kid, *usable)
    if not found:
        raise BadKeys("; ".join(["it has no usable key", *skipped]))
    return Keys(found, tuple(skipped))


def _usable(entry: dict[str, Any]) -> tuple[str, ECKey | RSAKey] | str:
    """The algorithm and the key, or why it is not used."""
    from joserfc.jwk import ECKey, RSAKey

    if entry.get("use", "sig") != "sig":
        return "is not for signatures"
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return "is not for verifying"
    kind = entry.get("kty")
    algorithm = {"EC": "ES384", "RSA": "RS384"}.get(str(kind))
    if algorithm is None:
        return "is neither EC nor RSA"
    if entry.get("alg", algorithm) != algorithm:
        return f"is not for {algorithm}"
    if kind == "EC" and entry.get("crv") != "P-384":
        return "is not on the curve P-384"
    parts = ("x", "y") if kind == "EC" else ("n", "e")
    if not all(isinstance(entry.get(part), str) for part in parts):
        return "lacks " + " or ".join(parts)
    bare = {"kty": kind, **{part: entry[part] for part in parts}}
    try:
        if kind == "EC":
            return algorithm, ECKey.import_key({**bare, "crv": "P-384"})
        bits = _number(entry["n"]).bit_length()
        if bits < LEAST_RSA_BITS:
            return f"has {bits} bits; at least {LEAST_RSA_BITS} are needed"
        if bits > MOST_RSA_BITS or _number(entry["e"]).bit_length() > _EXPONENT_BITS:
            return f"is too costly: more than {MOST_RSA_BITS} bits, or an exponent past {_EXPONENT_BITS}"
        return algorithm, RSAKey.import_key(bare)
    except Exception:  # whatever the libraries say of numbers that are no key
        return "cannot be read"


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
