"""The files and names that a configuration points to."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from caveat.rules.diagnostics import Path as Where
from caveat.rules.diagnostics import did_you_mean
from caveat.rules.overlay import read_overlay
from caveat.rules.policy import read_policy
from caveat.service.config import Config
from caveat.service.config_parts import Checker
from caveat.service.trust.keys import BadKeys, read_keys

LEAST_SECRET: Final = 32
"""Bytes of the key that patients are hashed with."""


def check_names(config: Config, to: Checker) -> None:
    """Add what is wrong with each file, folder and time zone that is named."""
    _zone(config, to)
    _key_sets(config, to)
    _rule_files(config, to)
    _secrets(config, to)
    for name, folder in (("state", config.state), ("spool", config.store.spool)):
        where: Where = (name,) if name == "state" else ("store", "spool")
        if Path(folder).exists() and not Path(folder).is_dir():
            to.error("S043", "not a folder", where, f"{folder} is a file.", "Name a folder.")


def _zone(config: Config, to: Checker) -> None:
    try:
        ZoneInfo(config.time_zone)
    except (KeyError, ValueError, OSError):
        to.error(
            "S050",
            f"unknown time zone {config.time_zone!r}",
            ("time_zone",),
            "The date at the site decides how old a value is.",
            did_you_mean(config.time_zone, available_timezones())
            or "Write a name of the tz database, like Europe/Vienna.",
        )


def _key_sets(config: Config, to: Checker) -> None:
    for number, issuer in enumerate(config.trust.issuers):
        if issuer.jwks is None:
            continue
        where: Where = ("trust", "issuers", number, "jwks")

        def look(raw: bytes, file: str = issuer.jwks, where: Where = where) -> None:
            try:
                keys = read_keys(raw)
            except BadKeys as error:
                to.error("S044", "JWK Set cannot be used", where, f"{file}: {error}.")
                return
            for reason in keys.skipped:
                to.warning("S045", "key is not used", where, f"{file}: {reason}.")

        readable(issuer.jwks, where, to, look)


def _rule_files(config: Config, to: Checker) -> None:
    rules = config.rules
    if rules.folder is not None and not Path(rules.folder).exists():
        to.error("S040", "file cannot be read", ("rules", "folder"), f"{rules.folder}: no such folder.")
    if rules.bundle is not None and not Path(rules.bundle).is_dir():
        readable(rules.bundle, ("rules", "bundle"), to)
    for number, key in enumerate(rules.keys):
        readable(key, ("rules", "keys", number), to)
    if rules.policy is not None:
        readable(rules.policy, ("rules", "policy"), to)
        if Path(rules.policy).is_file():
            read_policy(Path(rules.policy), to.problems)
    if rules.overlay is not None:
        readable(rules.overlay, ("rules", "overlay"), to)
        if Path(rules.overlay).is_file():
            read_overlay(Path(rules.overlay), to.problems)


def _secrets(config: Config, to: Checker) -> None:
    if config.audit.key_file is not None:
        secret(config.audit.key_file, ("audit", "key_file"), to, LEAST_SECRET, "audit key")
    elif config.production:
        to.error(
            "S046",
            "audit without a key",
            ("audit",),
            "Patients are kept as a hash that only the key's holder can tell, and the chain rests on it.",
            "Write `key_file:` with a file of at least 32 random bytes, and keep it as long as the audit.",
        )
    if config.store.password_file is not None:
        secret(config.store.password_file, ("store", "password_file"), to, 1, "password file")


def readable(file: str, where: Where, to: Checker, read: Callable[[bytes], None] | None = None) -> None:
    """Add a problem unless the file can be read; `read` is given its first 16 MiB."""
    try:
        with Path(file).open("rb") as stream:
            raw = stream.read(2**24)
    except OSError as error:
        to.error("S040", "file cannot be read", where, f"{file}: {error.strerror or error}.")
        return
    if read is not None:
        read(raw)


def secret(file: str, where: Where, to: Checker, least: int, what: str) -> None:
    """The same for a secret, which must have a length and should be nobody else's to read."""

    def long_enough(raw: bytes) -> None:
        length = len(raw.strip())
        if length < least:
            to.error(
                "S041",
                f"{what} is too short",
                where,
                f"{file} holds {length} bytes; at least {least} are needed.",
                f"Make one: python -c 'import secrets; print(secrets.token_hex({max(least, 16)}))'.",
            )
        if os.name == "posix" and stat.S_IMODE(Path(file).stat().st_mode) & stat.S_IROTH:
            to.warning(
                "S042",
                f"{what} can be read by everyone",
                where,
                f"{file} has mode {stat.S_IMODE(Path(file).stat().st_mode):04o}.",
                "Give it mode 0600.",
            )

    readable(file, where, to, long_enough)
