"""`caveat bundle`: build, sign, verify, show, keygen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caveat.compile.ruleset import load
from cli.conftest import Caller
from cli.small import AS_OF, write_record, write_rules


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for a bundle of the shipped rules, made once."""
    return tmp_path_factory.mktemp("shipped") / "rules.bundle"


@pytest.fixture
def bundle(shipped: Path, call: Caller, rulesets_dir: Path, tmp_path: Path) -> Path:
    if not shipped.exists():
        assert call("bundle", "build", rulesets_dir, "--out", shipped).code == 0
    copy = tmp_path / "rules.bundle"
    copy.write_bytes(shipped.read_bytes())
    return copy


def test_from_keys_to_a_verified_bundle(call: Caller, bundle: Path, tmp_path: Path) -> None:
    made = call("bundle", "keygen", "--out", tmp_path / "site")
    assert made.code == 0
    key = made.out.splitlines()[-1].removeprefix("key ")
    public = tmp_path / "site.pub.pem"
    unsigned = call("bundle", "verify", bundle, "--keys", public)
    assert (unsigned.code, unsigned.out) == (2, "")
    assert "not signed" in unsigned.err
    signed = call("bundle", "sign", bundle, "--key", tmp_path / "site.pem")
    assert signed.code == 0
    verified = call("bundle", "verify", bundle, "--keys", public)
    assert (verified.code, verified.out) == (0, signed.out)
    assert verified.out.endswith(f" signed by {key}\n")


def test_without_keys_nothing_is_said_to_be_signed(call: Caller, bundle: Path, tmp_path: Path) -> None:
    call("bundle", "keygen", "--out", tmp_path / "site")
    call("bundle", "sign", bundle, "--key", tmp_path / "site.pem")
    called = call("bundle", "verify", bundle)
    assert called.code == 1
    assert "signed" not in called.out
    assert "no signature was verified" in called.err


def test_several_keys_may_be_named(call: Caller, bundle: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        call("bundle", "keygen", "--out", tmp_path / name)
        call("bundle", "sign", bundle, "--key", tmp_path / f"{name}.pem")
    keys = [part for name in ("a", "b") for part in ("--keys", tmp_path / f"{name}.pub.pem")]
    assert len(call("bundle", "verify", bundle, *keys).out.splitlines()) == 2


def test_a_changed_bundle_is_refused_by_every_command(call: Caller, bundle: Path, tmp_path: Path) -> None:
    call("bundle", "keygen", "--out", tmp_path / "site")
    bundle.write_bytes(bundle.read_bytes().replace(b"below: 30 mL/min", b"below: 20 mL/min"))
    for rest in (
        ["verify", bundle],
        ["verify", bundle, "--keys", tmp_path / "site.pub.pem"],
        ["show", bundle],
        ["sign", bundle, "--key", tmp_path / "site.pem"],
    ):
        called = call("bundle", *rest)
        assert (called.code, called.out) == (2, "")
        assert "it was changed after it was built" in called.err


def test_show_lists_what_is_in_it(call: Caller, bundle: Path) -> None:
    shown = call("bundle", "show", bundle)
    assert shown.code == 0
    assert load(cache=False).digest in shown.out
    assert "signed by  nobody" in shown.out
    assert " baclofen/interactions.rules.yaml\n" in shown.out
    assert call("bundle", "show", bundle, "--text", "VERSION").out == load().version + "\n"
    wrong = call("bundle", "show", bundle, "--text", "VERSON")
    assert wrong.code == 2
    assert "Did you mean VERSION?" in wrong.err


def test_a_bundle_is_taken_where_rules_are(call: Caller, bundle: Path, tmp_path: Path) -> None:
    file = write_record(tmp_path / "p.json")
    called = call("screen", file, "--rules", bundle, "--as-of", AS_OF, "--format", "json")
    assert json.loads(called.out)["ruleset"]["digest"] == load().digest


def test_rules_with_mistakes_are_not_built(call: Caller, tmp_path: Path) -> None:
    folder = write_rules(tmp_path / "rules")
    file = folder / "baclofen" / "baclofen.rules.yaml"
    file.write_text(file.read_text().replace("30 mL/min, within", "30 mg/dL, within"))
    called = call("bundle", "build", folder, "--out", tmp_path / "a.bundle")
    assert called.code == 2
    assert "C021 unit does not fit" in called.err
    assert "no bundle was written" in called.err
    assert not (tmp_path / "a.bundle").exists()


def test_the_version_can_be_given(call: Caller, rulesets_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.bundle"
    assert call("bundle", "build", rulesets_dir, "--out", file, "--version", "site-7").code == 0
    assert load(file).version == "site-7"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["build", "none", "--out", "x"], "no such folder"),
        (["verify", "none"], "cannot be read"),
        (["sign", "none"], "Missing option '--key'"),
        (["build", "."], "Missing option '--out'"),
        (["keygen"], "Missing option '--out'"),
        (["keygen", "--out", "no/such/folder/k"], "cannot be written"),
    ],
)
def test_wrong_calls_say_what_is_wrong(
    call: Caller, arguments: list[str], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    called = call("bundle", *arguments)
    assert called.code == 2
    assert hint in called.err


def test_a_key_is_never_overwritten(call: Caller, tmp_path: Path) -> None:
    call("bundle", "keygen", "--out", tmp_path / "site")
    before = (tmp_path / "site.pem").read_bytes()
    assert call("bundle", "keygen", "--out", tmp_path / "site").code == 2
    assert (tmp_path / "site.pem").read_bytes() == before
