"""Reading the configuration file: strict, every problem at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from caveat.errors import CaveatError
from caveat.rules.diagnostics import Diagnostic, Problems
from caveat.rules.diagnostics import Path as Where
from caveat.rules.parse import parse
from caveat.rules.source import Source, read_source
from caveat.service.config import Config, Rules
from caveat.service.config_checks import check
from caveat.service.config_parts import Checker, readable_part

_SECRET: Final = re.compile(r"(?<=://)([^\s/@'\"]*?:)([^\s@'\"]+)(?=@)")
_FILES: Final = (
    ("state",),
    ("rules", "bundle"),
    ("rules", "folder"),
    ("rules", "policy"),
    ("rules", "overlay"),
    ("store", "password_file"),
    ("store", "spool"),
    ("audit", "key_file"),
)


class ConfigError(CaveatError):
    """Everything that is wrong with a configuration, in `problems`; warnings are among them."""

    def __init__(self, problems: Sequence[Diagnostic]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n\n".join(str(problem) for problem in self.problems))


def load_config(
    path: str | Path,
    *,
    insecure_dev: bool = False,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    problems: Problems | None = None,
) -> Config:
    """The configuration in a file, with absolute paths and addresses in one form.

    `insecure_dev`, `host`, `port` and `workers` go before what the file says. Relative paths count
    from the file's folder. Raises ConfigError with every problem of the file, between its settings
    and of the files it names; `problems` collects warnings too, which stop nothing.
    """
    file = Path(path)
    found = Problems() if problems is None else problems
    source = read_source(file, found)
    config = None if source is None else parse(Config, source, found)
    left: frozenset[Where] = frozenset()
    kept: dict[Where, list[int]] = {}
    if source is not None and config is None:
        config, left, kept = readable_part(source)
    if config is not None and source is not None:
        given = {"host": host, "port": port, "workers": workers}
        changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        if insecure_dev:
            changes |= {"insecure_dev": True, "production": False}
        config = _resolved(config.model_copy(update=changes), file.absolute().parent)
        check(config, Checker(source, found, left, frozenset(changes), kept))
    found.found[:] = sorted(map(_mended, found.found), key=lambda problem: _order(problem, str(file)))
    if found.errors or config is None:
        raise ConfigError(found.found)
    return config


def insecure_config(
    *,
    rules: str | None = None,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
) -> Config:
    """What `--insecure-dev` without a file means: no tokens, loopback only, `rules` or the bundled rules.

    Everything is kept in `caveat-state` in the working folder. Raises ConfigError for a host that is not
    loopback.
    """
    given = {"host": host, "port": port, "workers": workers}
    changes = {key: value for key, value in given.items() if value is not None}
    config = Config(production=False, insecure_dev=True, rules=Rules(folder=rules)).model_copy(update=changes)
    shown = f"[{config.host}]" if ":" in config.host else config.host
    state = Path(config.state).absolute()
    config = config.model_copy(
        update={
            "public_url": f"http://{shown}:{config.port}",
            "state": str(state),
            "store": config.store.model_copy(
                update={"url": f"sqlite:///{state / 'caveat.sqlite'}", "spool": str(state / "spool")}
            ),
        }
    )
    found = Problems()
    check(config, Checker(Source("--insecure-dev", []), found, frozenset(), frozenset()))
    if found.errors:
        raise ConfigError(found.found)
    return config


def _resolved(config: Config, folder: Path) -> Config:
    """With absolute paths, and addresses without a slash at the end."""
    data = config.model_dump()
    for section, *rest in _FILES:
        part, key = (data[section], rest[0]) if rest else (data, section)
        if part[key] is not None:
            part[key] = str(folder / part[key])
    data["rules"]["keys"] = [str(folder / key) for key in config.rules.keys]
    for issuer in data["trust"]["issuers"]:
        if issuer["jwks"] is not None:
            issuer["jwks"] = str(folder / issuer["jwks"])
    data["public_url"] = config.public_url.rstrip("/")
    data["trust"]["cors_origins"] = [origin.lower() for origin in config.trust.cors_origins]
    data["store"]["url"] = _store_url(config.store.url, folder)
    return Config.model_validate(data)


def _store_url(url: str, folder: Path) -> str:
    """The form SQLAlchemy takes, a file of SQLite with its whole path."""
    if url.startswith("postgresql://"):
        return "postgresql+psycopg://" + url.removeprefix("postgresql://")
    name, mark, options = url.removeprefix("sqlite:///").partition("?")
    if not url.startswith("sqlite:///") or name in ("", ":memory:"):
        return url
    return f"sqlite:///{folder / name}{mark}{options}"


def _order(problem: Diagnostic, file: str) -> tuple[bool, str, int, int]:
    """The configuration itself first, from its top to its end."""
    place = problem.place
    return place.file != file, place.file, place.line, place.column


def _mended(problem: Diagnostic) -> Diagnostic:
    """Without the password of an address, and with hints that are about a configuration."""
    text = _SECRET.sub(lambda found: found[1] + "*" * len(found[2]), problem.place.text)
    hint = problem.hint
    if problem.code == "C004":
        hint = "Write at least `public_url:`, `trust:` and `rules:`."
    elif problem.code == "C013" and problem.title == "file is not a mapping":
        hint = "Begin with `public_url: https://...`."
    why = problem.why.replace("Input should be ", "It must be ")
    return replace(problem, place=replace(problem.place, text=text), why=why, hint=hint)
