"""What is wrong between settings."""

from __future__ import annotations

from typing import Final

from caveat.rules.diagnostics import Path as Where
from caveat.rules.diagnostics import did_you_mean
from caveat.service.config import Config
from caveat.service.config_addresses import check_addresses, is_loopback, is_safe, urlsplit_or_none
from caveat.service.config_names import check_names
from caveat.service.config_parts import Checker

STORES: Final = ("sqlite", "postgresql", "postgresql+psycopg")


def check(config: Config, to: Checker) -> None:
    """Add everything that is wrong with a configuration whose paths are absolute."""
    _mode(config, to)
    check_addresses(config, to)
    _issuers(config, to)
    _rules(config, to)
    _store(config, to)
    check_names(config, to)


def _mode(config: Config, to: Checker) -> None:
    if not config.insecure_dev:
        return
    if config.production:
        to.error(
            "S001",
            "insecure_dev in production",
            ("insecure_dev",),
            "With insecure_dev nobody is asked for a token.",
            "Take it out, or write `production: false` beside it.",
        )
    if not is_loopback(config.host):
        to.error(
            "S002",
            "insecure_dev listens on loopback only",
            ("host",),
            f"{config.host} can be reached from other machines, and nobody is asked for a token.",
            "Write `host: 127.0.0.1`, or take insecure_dev out and list issuers.",
        )


def _issuers(config: Config, to: Checker) -> None:
    if not config.trust.issuers and not config.insecure_dev:
        to.error(
            "S010",
            "no issuer is trusted",
            ("trust", "issuers"),
            "Every call would be refused.",
            "List who may call: `issuers: [{iss: https://ehr.example.org, jwks: ehr.jwks.json}]`.",
        )
    shared = [number for number, one in enumerate(config.trust.issuers) if one.tenant is None]
    if len({config.trust.issuers[number].iss for number in shared}) > 1:
        to.warning(
            "S008",
            "several issuers without a tenant",
            ("trust", "issuers", shared[1]),
            "They share patients: patient 1 of the one is patient 1 of the other, overrides included.",
            "Give each its `tenant:`, and the same only to those that number patients alike.",
        )
    seen: dict[str, int] = {}
    for number, issuer in enumerate(config.trust.issuers):
        where: Where = ("trust", "issuers", number)
        if issuer.iss in seen:
            to.error(
                "S011",
                f"issuer {issuer.iss!r} stands twice",
                (*where, "iss"),
                f"It is also entry {seen[issuer.iss] + 1} of issuers; which keys are meant cannot be told.",
                "Keep one of them; a JWK Set may hold several keys.",
            )
        seen.setdefault(issuer.iss, number)
        if issuer.jwks is None and issuer.jku is None:
            to.error(
                "S012",
                "issuer without keys",
                where,
                "Its tokens cannot be checked.",
                "Write `jwks:` with a file, or `jku:` with the https address of its JWK Set.",
            )
        if not issuer.algorithms:
            to.error("S013", "issuer without an algorithm", (*where, "algorithms"), "No token would fit.")
        parts = None if issuer.jku is None else urlsplit_or_none(issuer.jku)
        if issuer.jku is not None and (parts is None or not is_safe(parts, config)):
            to.error(
                "S014",
                "jku is not an https address",
                (*where, "jku"),
                "Whoever can change the answer on its way could sign tokens.",
                "Write the https address of the JWK Set, or name a file with `jwks:`.",
            )


def _rules(config: Config, to: Checker) -> None:
    rules = config.rules
    if rules.bundle is not None and rules.folder is not None:
        to.error(
            "S020",
            "bundle and folder together",
            ("rules", "folder"),
            "Which rules are meant cannot be told.",
            "Keep one of them.",
        )
    elif rules.folder is not None and config.production:
        to.error(
            "S021",
            "rules from a folder in production",
            ("rules", "folder"),
            "A folder is not signed: anyone who can write there changes what clinicians are told.",
            "Build and sign a bundle with `caveat bundle`, and name it with `bundle:` and `keys:`.",
        )
    elif rules.bundle is None and rules.folder is None and not config.insecure_dev:
        to.error(
            "S022",
            "no rules to serve",
            ("rules",),
            hint="Name a signed bundle with `bundle:` and `keys:`"
            + (", or a folder with `folder:`." if not config.production else "."),
        )
    if rules.bundle is not None and not rules.keys and config.production:
        to.error(
            "S023",
            "bundle without keys",
            ("rules", "bundle"),
            "Who signed it cannot be checked.",
            "List the public keys that may sign it: `keys: [site.pub]`.",
        )


def _store(config: Config, to: Checker) -> None:
    where: Where = ("store", "url")
    scheme, mark, rest = config.store.url.partition("://")
    if not mark or scheme not in STORES:
        near = did_you_mean(scheme, STORES[:2])
        to.error(
            "S030",
            "store of an unknown kind",
            where,
            "A store is SQLite or PostgreSQL.",
            near or "Write sqlite:///caveat.sqlite or postgresql://user@host/database.",
        )
        return
    if scheme == "sqlite":
        if not rest.startswith("/"):
            to.error("S030", "store of an unknown kind", where, "sqlite:// takes a third slash and a file.")
        elif rest in ("/", "/:memory:") and config.production:
            to.error(
                "S031",
                "store in memory",
                where,
                "Audit, feedback and overrides would be gone after a restart.",
                "Name a file: sqlite:///caveat.sqlite.",
            )
        return
    user = rest.partition("/")[0].rpartition("@")[0]
    if ":" in user:
        to.warning(
            "S032",
            "password in the configuration",
            where,
            "The file is read by more people and tools than a secret should be.",
            "Put it into a file of its own and name that with `password_file:`.",
        )
