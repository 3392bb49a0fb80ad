"""Bundles: the digest of their folder, and nothing taken that was changed, forged or made to do harm."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from caveat.compile.bundle import build_bundle, load_bundle, open_bundle
from caveat.compile.ruleset import bundled, load
from caveat.errors import RulesetError
from caveat.rules import bundle as bundles
from caveat.rules.bundle import Bundle, BundleError, Signature, parse_bundle, read_bundle, write_bundle
from caveat.rules.bundle_keys import fingerprint, make_keys, read_private, read_public, sign, verify
from cli.small import write_rules

KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
SMALL = Bundle({"VERSION": "1\n", "a/a.rules.yaml": "format: 1\n", "sources.yaml": "é\n"})
SIGNED = sign(SMALL, KEY)


def pem(key: Any, file: Path) -> Path:
    file.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rules(tmp_path_factory.mktemp("built") / "rules")


@pytest.fixture(scope="module")
def built(folder: Path) -> Bundle:
    return build_bundle(folder)


@pytest.fixture
def keys(tmp_path: Path) -> list[Path]:
    return [pem(KEY, tmp_path / "key.pub.pem")]


def written(bundle: Bundle, file: Path) -> Path:
    write_bundle(bundle, file)
    return file


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(BundleError) as caught:
        call()
    return str(caught.value)


# The same rules


def test_a_bundle_has_the_digest_of_its_folder(
    folder: Path, built: Bundle, tmp_path: Path, keys: list[Path]
) -> None:
    file = written(sign(built, KEY), tmp_path / "a.bundle")
    rules = load_bundle(file, keys=keys)
    assert rules.digest == load(folder, cache=False).digest
    assert rules.root == file


def test_the_bundled_rules_have_the_same_digest_in_a_bundle(tmp_path: Path) -> None:
    file = written(build_bundle(bundled()), tmp_path / "a.bundle")
    assert load(file).digest == load(cache=False).digest


def test_digests_do_not_depend_on_the_machine(folder: Path, built: Bundle, tmp_path: Path) -> None:
    """Another name of the folder, other times, another order of writing: the same bytes and digests."""
    copy = tmp_path / "elsewhere" / "called otherwise"
    copy.mkdir(parents=True)
    for file in sorted(folder.rglob("*"), reverse=True):
        if file.is_file():
            (copy / file.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy / file.relative_to(folder))
            os.utime(copy / file.relative_to(folder), (1, 1))
    assert build_bundle(copy).encoded() == built.encoded()
    assert load(copy, cache=False).digest == load(folder, cache=False).digest


def test_a_folder_named_from_within_has_the_same_digest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = load(folder, cache=False).digest
    monkeypatch.chdir(folder)
    assert load(".", cache=False).digest == outside


def test_every_text_counts(built: Bundle) -> None:
    for path in built.files:
        changed = Bundle({**built.files, path: built.files[path] + "\n"})
        assert changed.digest != built.digest, path
        moved = {("x-" + p if p == path else p): text for p, text in built.files.items()}
        assert Bundle(moved).digest != built.digest, path


def test_texts_cannot_be_shifted_between_files() -> None:
    one = Bundle({"a/a.rules.yaml": "xy", "sources.yaml": ""})
    other = Bundle({"a/a.rules.yaml": "x", "sources.yaml": "y"})
    assert one.digest != other.digest


def test_the_version_given_takes_the_place_of_the_file(folder: Path) -> None:
    bundle = build_bundle(folder, "2026.12.1")
    assert bundle.version == "2026.12.1"
    assert "no spaces" in refusal(lambda: build_bundle(folder, "a b"))


def test_cases_and_working_files_stay_out(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "rules"))
    (copy / "baclofen" / "baclofen.cases.yaml").write_text("x")
    (copy / ".env").write_text("SECRET=1")
    (copy / "concepts" / "review").mkdir()
    (copy / "concepts" / "review" / "names.tsv").write_text("x")
    assert build_bundle(copy).files.keys() == build_bundle(folder).files.keys()


def test_a_link_is_not_followed_into_a_bundle(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "rules"))
    secret = tmp_path / "secret.yaml"
    secret.write_text("password: x")
    (copy / "baclofen" / "monograph.yaml").unlink()
    (copy / "baclofen" / "monograph.yaml").symlink_to(secret)
    assert "a link" in refusal(lambda: build_bundle(copy))


def test_rules_that_do_not_load_are_not_built(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "rules"))
    (copy / "policies").mkdir()
    (copy / "policies" / "quiet.yaml").write_text(
        "format: 1\nowner: x\nreason: x\ntiers: {}\n"
        "rules: [{rule: a.b.c, tier: passive, reason: x, owner: x}]\n"
    )
    with pytest.raises(RulesetError, match=r"unknown rule 'a\.b\.c'"):
        build_bundle(copy)


# Signatures


def test_several_keys_may_sign(tmp_path: Path, built: Bundle) -> None:
    both = sign(sign(built, KEY), OTHER)
    assert sign(sign(built, OTHER), KEY).encoded() == both.encoded()
    file = written(both, tmp_path / "a.bundle")
    for key in (KEY, OTHER):
        opened = open_bundle(file, keys=[pem(key, tmp_path / "k.pem")])
        assert opened.signed_by == (fingerprint(key.public_key()),)


def test_signing_again_changes_nothing() -> None:
    assert sign(SIGNED, KEY).encoded() == SIGNED.encoded()


MESSAGES = {
    "unsigned": (
        SMALL,
        "a.bundle: bundle is not signed, and only signed rules are taken. Sign it with "
        "`caveat bundle sign FILE --key PRIVATE.pem`",
    ),
    "by a key that is not known": (
        sign(SMALL, OTHER),
        "a.bundle: bundle is signed by key 47dea58ea00fae94, which may not sign here (may sign: "
        "fd110d301d2f077d). Have it signed by one that may, or add its public key to the configuration",
    ),
    "of another content": (
        Bundle({**SMALL.files, "VERSION": "2\n"}, SIGNED.signatures),
        "a.bundle: the signature by key fd110d301d2f077d is not of this content. Do not use this "
        "bundle; build and sign it again",
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_of_signatures(name: str) -> None:
    bundle, message = MESSAGES[name]
    assert refusal(lambda: verify(bundle, [KEY.public_key()], "a.bundle")) == message


def test_a_signature_without_its_words_before_it_does_not_hold() -> None:
    """One over the bare digest, as another protocol might have made it, is worth nothing."""
    bare = base64.b64encode(KEY.sign(SMALL.digest.encode())).decode()
    forged = Bundle(SMALL.files, (Signature("Ed25519", fingerprint(KEY.public_key()), bare),))
    assert "not of this content" in refusal(lambda: verify(forged, [KEY.public_key()], "a.bundle"))


def test_a_signature_under_another_keys_name_does_not_hold() -> None:
    value = sign(SMALL, OTHER).signatures[0].value
    forged = Bundle(SMALL.files, (Signature("Ed25519", fingerprint(KEY.public_key()), value),))
    assert "not of this content" in refusal(lambda: verify(forged, [KEY.public_key()], "a.bundle"))


def test_a_bad_signature_of_a_known_key_is_refused_beside_a_good_one() -> None:
    good = sign(SMALL, OTHER).signatures
    bad = sign(Bundle({**SMALL.files, "VERSION": "2\n"}), KEY).signatures
    both = Bundle(SMALL.files, (*good, *bad))
    keys = [KEY.public_key(), OTHER.public_key()]
    assert "not of this content" in refusal(lambda: verify(both, keys, "a.bundle"))


def test_without_keys_nothing_is_signed(tmp_path: Path, built: Bundle) -> None:
    file = written(sign(built, KEY), tmp_path / "a.bundle")
    assert "no key is named" in refusal(lambda: load_bundle(file))
    assert load_bundle(file, require_signature=False).digest


def test_keys_are_asked_for_even_where_none_is_needed(
    tmp_path: Path, built: Bundle, keys: list[Path]
) -> None:
    file = written(built, tmp_path / "a.bundle")
    assert "not signed" in refusal(lambda: load_bundle(file, keys=keys, require_signature=False))


# Keys


def test_keys_are_made_and_read(tmp_path: Path) -> None:
    private, public, name = make_keys(tmp_path / "site")
    assert private.stat().st_mode & 0o777 == 0o600
    assert fingerprint(read_public(public)) == name == fingerprint(read_private(private).public_key())
    assert "never overwritten" in refusal(lambda: make_keys(tmp_path / "site"))


def test_only_ed25519_keys_are_taken(tmp_path: Path) -> None:
    for number, key in enumerate(
        (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1()))
    ):
        public, private = pem(key, tmp_path / f"{number}.pub.pem"), tmp_path / f"{number}.pem"
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        assert "not Ed25519" in refusal(lambda file=public: read_public(file))  # type: ignore[misc]
        assert "not Ed25519" in refusal(lambda file=private: read_private(file))  # type: ignore[misc]


def test_a_private_key_on_a_server_is_refused_and_never_shown(tmp_path: Path) -> None:
    private, _, _ = make_keys(tmp_path / "site")
    message = refusal(lambda: read_public(private))
    assert "a private key stands where a public one belongs" in message
    assert private.read_text().splitlines()[1] not in message


def test_keys_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    )
    assert "has a password" in refusal(lambda: read_private(locked))
    junk = tmp_path / "junk.pem"
    junk.write_bytes(b"-----BEGIN PUBLIC KEY-----\nxxxx\n-----END PUBLIC KEY-----\n")
    assert "no public key" in refusal(lambda: read_public(junk))
    assert "no private key" in refusal(lambda: read_private(junk))
    assert "cannot be read" in refusal(lambda: read_public(tmp_path / "none.pem"))


# What was changed


@given(st.data())
def test_any_changed_byte_is_refused_or_changes_nothing(data: st.DataObject) -> None:
    raw = bytearray(SIGNED.encoded())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        found = parse_bundle(bytes(raw), "a.bundle")
        verify(found, [KEY.public_key()], "a.bundle")
    except BundleError:
        return
    assert found.files == SIGNED.files


def test_each_single_bit_is_guarded() -> None:
    """Not one of all the bits of a signed bundle can be turned without a refusal."""
    raw, keys = SIGNED.encoded(), [KEY.public_key()]
    for place in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[place] ^= 1 << bit
            with pytest.raises(BundleError):
                verify(parse_bundle(bytes(changed), "a"), keys, "a")


@given(st.integers(0, len(SIGNED.encoded()) - 1))
def test_a_cut_bundle_is_refused(length: int) -> None:
    with pytest.raises(BundleError):
        parse_bundle(SIGNED.encoded()[:length], "a.bundle")


@given(st.binary(min_size=1, max_size=20))
def test_bytes_after_the_end_are_refused(tail: bytes) -> None:
    with pytest.raises(BundleError):
        parse_bundle(SIGNED.encoded() + tail, "a.bundle")


@given(st.binary(max_size=300))
def test_anything_else_is_refused_in_words(raw: bytes) -> None:
    for each in (raw, b'{"bundle":1,' + raw):
        with pytest.raises(BundleError):
            parse_bundle(each, "a.bundle")


def forged(**changes: Any) -> bytes:
    """A bundle in canonical form with parts of another value, as an attacker would write it."""
    content = {**json.loads(SIGNED.encoded()), **changes}
    return bundles._canonical(content)


def with_files(*paths: str) -> bytes:
    files = {**SMALL.files, **dict.fromkeys(paths, "x\n")}
    return forged(files=files, digest=Bundle(files).digest, signatures=[])


PATHS = (
    "../x.rules.yaml",
    "a/../../x.rules.yaml",
    "a/./x.rules.yaml",
    "/etc/x.rules.yaml",
    "//x.rules.yaml",
    "a//x.rules.yaml",
    "a\\..\\x.rules.yaml",
    "C:\\x.rules.yaml",
    "C:x.rules.yaml",
    "a/x.rules.yaml\x00.txt",
    "a\x00/x.rules.yaml",
    "a/x.rules.yaml\n",
    "~/x.rules.yaml",
    ".ssh/x.rules.yaml",
    "a/.rules.yaml",
    "a./x.rules.yaml",
    "a b/x.rules.yaml",
    "é/x.rules.yaml",
    "\u202e/x.rules.yaml",
    "a/" * 9 + "x.rules.yaml",
    "a" * 300 + ".rules.yaml",
    "",
)


@pytest.mark.parametrize("path", PATHS)
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    assert "is no path of a text in a bundle" in refusal(lambda: parse_bundle(with_files(path), "a"))


@pytest.mark.parametrize(
    "path",
    [
        "a.py",
        "a/a.cases.yaml",
        "passwd",
        "concepts/other.tsv",
        "VERSION.exe",
        "x/VERSION",
        "policies/a/b.yaml",
    ],
)
def test_a_bundle_holds_nothing_but_texts_of_a_ruleset(path: str) -> None:
    assert "is no text of a ruleset" in refusal(lambda: parse_bundle(with_files(path), "a"))


def test_names_that_some_systems_take_for_one_are_refused() -> None:
    assert "letter case only" in refusal(lambda: parse_bundle(with_files("A/a.rules.yaml"), "a"))
    twins = with_files("x.rules.yaml", "x.rules.yaml/y.rules.yaml")
    assert "both a text and a folder" in refusal(lambda: parse_bundle(twins, "a"))


def test_a_name_given_twice_is_refused() -> None:
    raw = SIGNED.encoded().replace(b'"sources.yaml":', b'"VERSION":"2","sources.yaml":', 1)
    assert "not in canonical form" in refusal(lambda: parse_bundle(raw, "a"))


def test_a_signature_of_another_bundle_is_worth_nothing() -> None:
    other = sign(Bundle({**SMALL.files, "VERSION": "2\n"}), KEY)
    raw = forged(signatures=json.loads(other.encoded())["signatures"])
    found = parse_bundle(raw, "a")
    assert "not of this content" in refusal(lambda: verify(found, [KEY.public_key()], "a"))


@pytest.mark.parametrize("name", ["none", "HS256", "ed25519", "RS256", "Ed448", ""])
def test_another_algorithm_is_refused(name: str) -> None:
    signature = {**json.loads(SIGNED.encoded())["signatures"][0], "algorithm": name}
    assert "only Ed25519 is taken" in refusal(lambda: parse_bundle(forged(signatures=[signature]), "a"))


def test_a_signature_written_in_another_way_is_refused() -> None:
    """Base64 has spare bits, spaces and another alphabet; one writing of a signature is taken."""
    key, value = SIGNED.signatures[0].key, SIGNED.signatures[0].value
    spare = value[:-3] + chr(ord(value[-3]) + 1) + "=="
    assert base64.b64decode(spare) == base64.b64decode(value)
    for other in (spare, value + "\n", value.rstrip("="), "", "x" * 5000):
        found = Bundle(SMALL.files, (Signature("Ed25519", key, other),))
        assert "not of this content" in refusal(lambda b=found: verify(b, [KEY.public_key()], "a"))  # type: ignore[misc]


def test_signatures_stand_once_and_sorted() -> None:
    two = json.loads(sign(SIGNED, OTHER).encoded())["signatures"]
    for signatures in (two[::-1], [two[0], two[0]]):
        assert "sorted by key" in refusal(lambda s=signatures: parse_bundle(forged(signatures=s), "a"))  # type: ignore[misc]
    assert "limit is 20" in refusal(lambda: parse_bundle(forged(signatures=two * 11), "a"))
    assert "by its fingerprint" in refusal(
        lambda: parse_bundle(forged(signatures=[{**two[0], "key": "sha256:0"}]), "a")
    )


def test_the_digest_is_not_taken_on_trust() -> None:
    message = refusal(lambda: parse_bundle(forged(digest=Bundle({"VERSION": "9\n"}).digest), "a"))
    assert "changed after it was built. Do not use it" in message


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {}},
        {"files": []},
        {"files": {"VERSION": 1}},
        {"files": None},
        {"bundle": 2},
        {"extra": 1},
        {"signatures": None},
        {"signatures": [1]},
    ],
)
def test_other_shapes_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BundleError):
        parse_bundle(forged(**changes), "a")


def test_deep_nesting_is_refused_without_harm() -> None:
    for raw in (b'{"bundle":1,"digest":' + b"[" * 1_000_000, b'{"bundle":1,"files":' + b'{"a":' * 500_000):
        with pytest.raises(BundleError):
            parse_bundle(raw, "a")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.bundle"
    with file.open("wb") as stream:
        stream.write(SIGNED.encoded())
        stream.truncate(10 * 2**30)  # sparse: takes no room on disk
    assert "larger than 32 MiB and was not read" in refusal(lambda: read_bundle(file))


def test_too_many_and_too_large_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = SIGNED.encoded()
    monkeypatch.setattr(bundles, "MOST_FILES", 2)
    assert "3 texts; the limit is 2" in refusal(lambda: parse_bundle(raw, "a"))
    monkeypatch.undo()
    monkeypatch.setattr(bundles, "LARGEST_TEXT", 5)
    assert "is larger than" in refusal(lambda: parse_bundle(raw, "a"))


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        for file in (pipe, tmp_path / "s", tmp_path, Path("/dev/zero")):
            assert "a bundle is a file, and this is none" in refusal(lambda f=file: read_bundle(f))  # type: ignore[misc]
    assert "cannot be read" in refusal(lambda: read_bundle(tmp_path / "none"))


def test_nothing_is_left_outside_or_behind(
    tmp_path: Path, built: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading unpacks into a folder of its own, which is gone afterwards."""
    import tempfile

    away = tmp_path / "away"
    away.mkdir()
    file = written(built, tmp_path / "a.bundle")
    monkeypatch.setattr(tempfile, "tempdir", str(away))
    load_bundle(file, require_signature=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.bundle", "away"]
    assert not list(away.iterdir())


def test_a_bundle_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(SMALL, tmp_path / "a.bundle")
    before = file.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in refusal(lambda: write_bundle(SIGNED, file))
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.bundle"]
    assert file.stat().st_mode & 0o777 == 0o644
