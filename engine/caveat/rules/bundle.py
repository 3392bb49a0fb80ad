"""A ruleset as one file that can be signed: texts by path, their digest, and signatures over it.

A bundle is one JSON document in canonical form: keys sorted, no spaces, UTF-8, a line end. There is
no compression and there are no links, modes or times, so that none of them can be abused, and the
same texts are the same bytes on any machine. What is not in canonical form is refused: a byte that
differs is noticed even where it would mean nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from caveat.errors import CaveatError
from caveat.rules.folder import files_below
from caveat.terminology.load import FILES as CONCEPTS

LARGEST: Final = 32 * 2**20
"""Bytes of a bundle; a larger file is not read."""
LARGEST_TEXT: Final = 8 * 2**20
MOST_FILES: Final = 5_000
MOST_SIGNATURES: Final = 20
ALGORITHM: Final = "Ed25519"

_HEAD: Final = b'{"bundle":1,'
_CONTENT: Final = b"caveat bundle content 1\n"
_STEP: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_PATH: Final = re.compile(rf"{_STEP}(?:/{_STEP}){{0,7}}")
_TEXTS: Final = re.compile(
    r"(?:.+/)?(?:[^/]+\.rules\.yaml|sources\.yaml|[^/]*ledger\.yaml|monograph\.yaml|NOTICE\.md)"
    r"|(?:policies|must-fire)/[^/]+\.yaml|VERSION|"
    + "|".join(re.escape(f"concepts/{name}") for name in CONCEPTS)
)
_HEX: Final = r"sha256:[0-9a-f]{64}"


class BundleError(CaveatError):
    """A bundle that cannot be used: damaged, changed, of another form, or not signed as it must be."""


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A signature over the digest: `key` is the fingerprint of the key, `value` is base64."""

    algorithm: str
    key: str
    value: str


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bundle: int
    digest: str
    files: dict[str, str]
    signatures: list[Signature]


@dataclass(frozen=True, slots=True)
class Bundle:
    """The texts of a ruleset by path, sorted, and who signed them."""

    files: Mapping[str, str]
    signatures: tuple[Signature, ...] = ()

    @property
    def version(self) -> str:
        """The version that the ruleset states."""
        return self.files.get("VERSION", "0").strip()

    @property
    def digest(self) -> str:
        """SHA-256 over the list of paths, sizes and hashes of the texts."""
        total = hashlib.sha256(_CONTENT)
        for path in sorted(self.files):
            raw = self.files[path].encode()
            total.update(f"{hashlib.sha256(raw).hexdigest()} {len(raw)} {path}\n".encode())
        return "sha256:" + total.hexdigest()

    def encoded(self) -> bytes:
        """The bundle as the bytes of its file."""
        content = {
            "bundle": 1,
            "digest": self.digest,
            "files": dict(self.files),
            "signatures": [
                {"algorithm": s.algorithm, "key": s.key, "value": s.value}
                for s in sorted(self.signatures, key=lambda s: s.key)
            ],
        }
        return _canonical(content)


def is_bundle(path: Path) -> bool:
    """Whether a file says that it is a bundle."""
    try:
        with path.open("rb") as file:
            return file.read(len(_HEAD)) == _HEAD
    except OSError:
        return False


def read_bundle(path: Path) -> Bundle:
    """The bundle of a file, whole and as it was built; its signatures are not judged here.

    Raises BundleError with the reason for anything else.
    """
    return parse_bundle(read_file(path), str(path))


def read_file(path: Path) -> bytes:
    """The bytes of a bundle's file, read once. Raises BundleError for what is no plain file, or too large."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise BundleError(f"{path}: a bundle is a file, and this is none")
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise BundleError(f"{path}: bundle cannot be read: {error.strerror or error}") from None
    if len(raw) > LARGEST:
        raise BundleError(f"{path}: bundle is larger than {LARGEST // 2**20} MiB and was not read")
    return raw


def parse_bundle(raw: bytes, name: str) -> Bundle:
    """The bundle that these bytes are. Raises BundleError for every other sequence of bytes."""
    if not raw.startswith(_HEAD):
        raise BundleError(
            f"{name}: not a bundle of rules. Make one with `caveat bundle build DIR --out FILE`"
        )
    try:
        document = msgspec.json.decode(raw, type=_Document)
        again = _canonical(msgspec.to_builtins(document))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BundleError(f"{name}: bundle is damaged or cut off ({why[:200]}). Copy it again") from None
    if again != raw:
        place = next((i for i, (a, b) in enumerate(zip(again, raw, strict=False)) if a != b), len(again))
        raise BundleError(
            f"{name}: bundle is not in canonical form at byte {place}: it was changed after it was built. "
            "Build it again"
        )
    _limits(document, name)
    for path in document.files:
        refuse_path(path, name)
    _no_clash(document.files, name)
    _signatures(document.signatures, name)
    found = Bundle(dict(sorted(document.files.items())), tuple(document.signatures))
    if found.digest != document.digest:
        raise BundleError(
            f"{name}: content has the digest {found.digest[:19]}…, not {document.digest[:19]}… as the bundle "
            "states: it was changed after it was built. Do not use it; build it again"
        )
    return found


def _canonical(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _limits(document: _Document, name: str) -> None:
    if not document.files:
        raise BundleError(f"{name}: bundle holds no texts")
    for count, most, what in (
        (len(document.files), MOST_FILES, "texts"),
        (len(document.signatures), MOST_SIGNATURES, "signatures"),
    ):
        if count > most:
            raise BundleError(f"{name}: bundle has {count} {what}; the limit is {most}")
    for path, text in document.files.items():
        if len(text) > LARGEST_TEXT:
            raise BundleError(f"{name}: {_shown(path)} is larger than {LARGEST_TEXT // 2**20} MiB")


def refuse_path(path: str, name: str) -> None:
    """BundleError for a path that could lead elsewhere, or that is no text of a ruleset."""
    if len(path) > 200 or _PATH.fullmatch(path) is None:
        raise BundleError(
            f"{name}: {_shown(path)} is no path of a text in a bundle. Letters, digits, '.', '_' and '-' are "
            "taken, with '/' between folders"
        )
    if _TEXTS.fullmatch(path) is None:
        raise BundleError(f"{name}: {_shown(path)} is no text of a ruleset, and a bundle holds nothing else")


def _no_clash(files: Mapping[str, str], name: str) -> None:
    """No path is another in other letter case, or a folder of another: some file systems would mix them."""
    folded: dict[str, str] = {}
    for path in files:
        if (twin := folded.setdefault(path.casefold(), path)) != path:
            raise BundleError(f"{name}: {_shown(twin)} and {_shown(path)} differ in letter case only")
    for path in files:
        for parent in Path(path.casefold()).parents:
            if parent.as_posix() in folded:
                raise BundleError(f"{name}: {_shown(folded[parent.as_posix()])} is both a text and a folder")


def _signatures(signatures: list[Signature], name: str) -> None:
    keys = [signature.key for signature in signatures]
    for signature in signatures:
        if signature.algorithm != ALGORITHM:
            raise BundleError(
                f"{name}: a signature names the algorithm {_shown(signature.algorithm)}; only "
                f"{ALGORITHM} is taken"
            )
        if re.fullmatch(_HEX, signature.key) is None:
            raise BundleError(f"{name}: a signature names no key by its fingerprint (sha256: and 64 digits)")
    if len(set(keys)) != len(keys) or keys != sorted(keys):
        raise BundleError(f"{name}: signatures are not sorted by key, each key once")


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:59] + "…")


def texts_below(root: Path) -> Iterator[tuple[str, Path]]:
    """Path and file of each text of a ruleset below a folder that a bundle takes; links are refused."""
    for file in files_below(root, "*"):
        path = file.relative_to(root).as_posix()
        if _TEXTS.fullmatch(path) is None or file.is_dir():
            continue
        if file.is_symlink():
            raise BundleError(
                f"{file}: a link; a bundle takes only files of its own folder. Put the file there"
            )
        yield path, file


def gather(root: Path, concepts: Path, policy: Path | None, version: str | None = None) -> Bundle:
    """The texts of a folder of rulesets, with the vocabulary and default policy it is compiled with.

    Raises BundleError for a link, a text that is not UTF-8, and a name that a bundle does not take.
    """
    found = dict(texts_below(root))
    for name in CONCEPTS:
        found.setdefault(f"concepts/{name}", concepts / name)
    if (concepts / "NOTICE.md").is_file():
        found.setdefault("concepts/NOTICE.md", concepts / "NOTICE.md")
    if policy is not None:
        found.setdefault("policies/default.yaml", policy)
    files = {}
    for path, file in sorted(found.items()):
        refuse_path(path, str(root))
        try:
            files[path] = file.read_bytes().decode("utf-8")
        except OSError as error:
            raise BundleError(f"{file}: cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise BundleError(f"{file}: not UTF-8. Save it as UTF-8") from None
    if version is not None:
        if not re.fullmatch(r"[!-~]{1,100}", version):
            raise BundleError(f"version {_shown(version)}: up to 100 letters, digits and signs, no spaces")
        files["VERSION"] = version + "\n"
    bundle = Bundle(dict(sorted(files.items())))
    return parse_bundle(bundle.encoded(), str(root))


def write_bundle(bundle: Bundle, path: Path) -> None:
    """Write the file whole or not at all, so that a service never sees half of it."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(bundle.encoded())
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BundleError(f"{path}: bundle cannot be written: {error.strerror or error}") from None


def extract(bundle: Bundle, folder: Path) -> None:
    """The texts as files below an empty folder; their paths have been checked when the bundle was read."""
    for path, text in bundle.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
