"""Ed25519 keys and signatures of bundles.

What is signed is the digest of the content, with words before it that no other signature of caveat
begins with. A key is named by its fingerprint, SHA-256 over its public form (DER).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from caveat.rules.bundle import ALGORITHM, Bundle, BundleError, Signature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_SIGNED: Final = b"caveat bundle signature 1 Ed25519\n"
_LARGEST_KEY: Final = 20_000


def fingerprint(key: Ed25519PublicKey) -> str:
    """The name of a key: `sha256:` and 64 hex digits."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256:" + hashlib.sha256(der).hexdigest()


def make_keys(prefix: Path) -> tuple[Path, Path, str]:
    """New files PREFIX.pem (private, readable by its owner) and PREFIX.pub.pem, and the fingerprint.

    Nothing is overwritten: BundleError where one of them exists.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    private, public = Path(f"{prefix}.pem"), Path(f"{prefix}.pub.pem")
    for file in (private, public):
        if file.exists():
            raise BundleError(f"{file}: exists, and a key is never overwritten. Name another --out")
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    shown = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for file, content, mode in ((private, secret, 0o600), (public, shown, 0o644)):
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except OSError as error:
            raise BundleError(f"{file}: key cannot be written: {error.strerror or error}") from None
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
    return private, public, fingerprint(key.public_key())


def read_private(file: Path) -> Ed25519PrivateKey:
    """The key that signs, from a PEM file without a password. Raises BundleError, never with its content."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    raw = _pem(file)
    try:
        key = load_pem_private_key(raw, None)
    except TypeError:
        raise BundleError(
            f"{file}: the key has a password. Write it without one to a file that only you can read, and "
            "delete that file after signing"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise BundleError(
            f"{file}: no private key in PEM form. Make one with `caveat bundle keygen`"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError(f"{file}: the key is not {ALGORITHM}. Make one with `caveat bundle keygen`")
    return key


def read_public(file: Path) -> Ed25519PublicKey:
    """A key that may sign, from a PEM file. Raises BundleError for a private key and for other kinds."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    raw = _pem(file)
    if b"PRIVATE KEY" in raw:
        raise BundleError(
            f"{file}: a private key stands where a public one belongs. Name the .pub.pem file, and keep the "
            "private one away from the service"
        )
    try:
        key = load_pem_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        raise BundleError(f"{file}: no public key in PEM form") from None
    if not isinstance(key, Ed25519PublicKey):
        raise BundleError(f"{file}: the key is not {ALGORITHM}; only such keys sign bundles")
    return key


def _pem(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_LARGEST_KEY)
    except OSError as error:
        raise BundleError(f"{file}: key cannot be read: {error.strerror or error}") from None


def sign(bundle: Bundle, key: Ed25519PrivateKey) -> Bundle:
    """The bundle with a signature by that key; one by the same key is replaced."""
    name = fingerprint(key.public_key())
    value = base64.b64encode(key.sign(_SIGNED + bundle.digest.encode())).decode()
    others = tuple(s for s in bundle.signatures if s.key != name)
    ordered = sorted((*others, Signature(ALGORITHM, name, value)), key=lambda s: s.key)
    return Bundle(bundle.files, tuple(ordered))


def verify(bundle: Bundle, keys: Sequence[Ed25519PublicKey], name: str) -> tuple[str, ...]:
    """The fingerprints of those of `keys` that signed this content.

    Raises BundleError when there is none, and when a signature under one of these keys does not
    hold. Signatures under other keys count for nothing.
    """
    from cryptography.exceptions import InvalidSignature

    known = {fingerprint(key): key for key in keys}
    if not known:
        raise BundleError(
            f"{name}: no key is named that may sign. Name public keys (PEM) to ask a bundle for"
        )
    if not bundle.signatures:
        raise BundleError(
            f"{name}: bundle is not signed, and only signed rules are taken. Sign it with "
            "`caveat bundle sign FILE --key PRIVATE.pem`"
        )
    held = []
    for signature in bundle.signatures:
        key = known.get(signature.key)
        if key is None:
            continue
        try:
            key.verify(_value(signature), _SIGNED + bundle.digest.encode())
        except (InvalidSignature, binascii.Error, ValueError):
            raise BundleError(
                f"{name}: the signature by key {short(signature.key)} is not of this content. Do not use "
                "this bundle; build and sign it again"
            ) from None
        held.append(signature.key)
    if not held:
        by = ", ".join(short(signature.key) for signature in bundle.signatures)
        may = ", ".join(short(key) for key in known)
        raise BundleError(
            f"{name}: bundle is signed by key {by}, which may not sign here (may sign: {may}). Have it "
            "signed by one that may, or add its public key to the configuration"
        )
    return tuple(held)


def _value(signature: Signature) -> bytes:
    """The bytes of a signature; ValueError where the text is not the one way to write them."""
    value = base64.b64decode(signature.value, validate=True)
    if base64.b64encode(value).decode() != signature.value:
        raise ValueError("not canonical base64")
    return value


def short(key: str) -> str:
    """A fingerprint as it is printed: its first 16 digits."""
    return key.removeprefix("sha256:")[:16]
