"""Which rules a service takes at its start, and which it refuses."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from caveat.compile.bundle import build_bundle
from caveat.compile.ruleset import load
from caveat.errors import CaveatError, RulesetError
from caveat.rules.bundle import BundleError, write_bundle
from caveat.rules.bundle_keys import fingerprint, sign
from caveat.service.config import Config
from caveat.service.reload import build_live, checked_live
from cli.small import write_rules

KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
DAY = dt.date(2026, 11, 20)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of rules with something that must fire, its bundle signed and unsigned, and the key."""
    home = tmp_path_factory.mktemp("live")
    rules = write_rules(home / "rules")
    (rules / "must-fire").mkdir()
    (rules / "must-fire" / "small.yaml").write_text(
        "format: 1\ntitle: t\nas_of: 2026-01-15\nitems:\n- id: renal\n  rule: baclofen.renal.crcl-below-30\n"
        "  tier: interruptive\n  given:\n    orders: [{id: o1, text: baclofen 10 mg, status: active}]\n"
        "    creatinine_clearance: 24 mL/min\n"
    )
    bundle = build_bundle(rules)
    write_bundle(bundle, home / "plain.bundle")
    write_bundle(sign(bundle, KEY), home / "signed.bundle")
    shown = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (home / "key.pub.pem").write_bytes(shown)
    return home


def config(home: Path, production: bool = True, **rules: Any) -> Config:
    named = {k: str(home / v) if isinstance(v, str) else [str(home / x) for x in v] for k, v in rules.items()}
    return Config.model_validate({"production": production, "rules": named})


def test_production_serves_a_signed_bundle(made: Path) -> None:
    live = build_live(config(made, bundle="signed.bundle", keys=["key.pub.pem"]), DAY)
    assert live.rules.digest == load(made / "rules", cache=False).digest
    assert live.signed_by == fingerprint(KEY.public_key())
    assert live.origin == "bundle signed.bundle (version 1.0-test)"


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ({"bundle": "plain.bundle", "keys": ["key.pub.pem"]}, "only signed rules are taken"),
        ({"bundle": "signed.bundle"}, "rules.keys is missing"),
        ({"folder": "rules"}, "rules.folder: in production rules come from a signed bundle"),
        ({"folder": "rules", "bundle": "signed.bundle", "keys": ["key.pub.pem"]}, "not from a folder"),
        ({}, "rules.bundle is missing"),
        ({"bundle": "none.bundle", "keys": ["key.pub.pem"]}, "cannot be read"),
        ({"bundle": "key.pub.pem", "keys": ["key.pub.pem"]}, "not a bundle of rules"),
    ],
)
def test_production_refuses_everything_else(made: Path, rules: dict[str, Any], why: str) -> None:
    with pytest.raises(CaveatError) as caught:
        build_live(config(made, **rules), DAY)
    assert why in str(caught.value)


def test_a_key_of_another_owner_is_refused(made: Path, tmp_path: Path) -> None:
    other = Ed25519PrivateKey.generate().public_key()
    (tmp_path / "other.pem").write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(BundleError, match="may not sign here"):
        build_live(config(made, bundle="signed.bundle", keys=[str(tmp_path / "other.pem")]), DAY)


def test_a_kept_ruleset_is_never_taken_for_a_bundle(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies in the cache is not signed: a bundle is compiled from its own texts each time."""
    monkeypatch.setenv("CAVEAT_CACHE", str(tmp_path))
    build_live(config(made, bundle="signed.bundle", keys=["key.pub.pem"]), DAY)
    assert not list(tmp_path.iterdir())


def test_outside_production_a_folder_an_unsigned_bundle_or_the_bundled_rules_serve(made: Path) -> None:
    folder = build_live(config(made, False, folder="rules"), DAY)
    bundle = build_live(config(made, False, bundle="plain.bundle"), DAY)
    assert folder.rules.digest == bundle.rules.digest
    assert (folder.signed_by, bundle.signed_by) == ("", "")
    assert "not signed" in folder.origin
    assert len(build_live(config(made, False), DAY).rules.program.rules) > 50
    with pytest.raises(BundleError, match="not signed"):
        build_live(config(made, False, bundle="plain.bundle", keys=["key.pub.pem"]), DAY)


def test_insecure_dev_is_not_production(made: Path) -> None:
    asked = Config.model_validate({"insecure_dev": True, "rules": {"folder": str(made / "rules")}})
    assert build_live(asked, DAY).rules.program.rules


def overlay(home: Path, **lists: Any) -> str:
    text = "format: 1\nid: ward\ntitle: Ward\nowner: o\n"
    (home / "ward.yaml").write_text(text + "".join(f"{k}: {json.dumps(v)}\n" for k, v in lists.items()))
    return str(home / "ward.yaml")


def test_what_the_site_switched_off_is_served_and_told(made: Path, tmp_path: Path) -> None:
    item = {"rule": "baclofen.renal.crcl-below-30", "reason": "trial", "owner": "Dr. A", "date": "2026-11-01"}
    file = overlay(tmp_path, disabled=[item])
    live, told = checked_live(config(made, bundle="signed.bundle", keys=["key.pub.pem"], overlay=file), DAY)
    assert len(live.rules.program.rules) == 3
    assert told == (
        "1 rule disabled by site policy: baclofen.renal.crcl-below-30",
        "must-fire renal (baclofen.renal.crcl-below-30): its record: disabled by the site "
        "(ward.yaml:5): trial Dr. A, 2026-11-01",
    )


def test_a_change_that_has_ended_is_judged_by_the_day_of_loading(made: Path, tmp_path: Path) -> None:
    item = {"rule": "baclofen.renal.crcl-below-30", "reason": "r", "owner": "o", "date": "2026-11-01"}
    asked = config(
        made, False, folder="rules", overlay=overlay(tmp_path, disabled=[{**item, "until": "2026-11-20"}])
    )
    assert build_live(asked, DAY).rules.disabled
    assert not build_live(asked, DAY + dt.timedelta(days=1)).rules.disabled


def test_rules_that_fail_what_must_fire_are_not_served(made: Path, tmp_path: Path) -> None:
    """A threshold changed by accident: no decision of the site explains it."""
    broken = Path(shutil.copytree(made / "rules", tmp_path / "rules"))
    file = broken / "baclofen" / "baclofen.rules.yaml"
    file.write_text(file.read_text().replace("below: 30 mL/min, within", "below: 3 mL/min, within"))
    with pytest.raises(CaveatError, match=r"is not served: must-fire renal .*: does not alert"):
        build_live(config(tmp_path, False, folder="rules"), DAY)


def test_a_policy_that_is_too_quiet_for_what_must_fire_is_not_served(made: Path, tmp_path: Path) -> None:
    quiet = tmp_path / "quiet.yaml"
    tiers = dict.fromkeys(("contraindicated", "major", "moderate", "minor", "info"), "silent-log")
    quiet.write_text(json.dumps({"format": 1, "id": "quiet", "owner": "o", "reason": "r", "tiers": tiers}))
    with pytest.raises(
        CaveatError, match="alerts as silent-log only: policy quiet gives contraindicated this tier"
    ):
        build_live(config(made, False, folder="rules", policy=str(quiet)), DAY)


def test_bad_rules_are_told_whole(made: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(made / "rules", tmp_path / "rules"))
    file = broken / "baclofen" / "baclofen.rules.yaml"
    file.write_text(file.read_text().replace("30 mL/min, within", "30 mg/dL, within"))
    with pytest.raises(RulesetError, match="C021 unit does not fit"):
        build_live(config(tmp_path, False, folder="rules"), DAY)


def test_rules_with_nothing_that_must_fire_say_so(tmp_path: Path) -> None:
    write_rules(tmp_path / "rules")
    _, told = checked_live(config(tmp_path, False, folder="rules"), DAY)
    assert told == ("these rules declare nothing that must fire, so that the self-test proved little",)
