"""`caveat audit`: the audit trail verified, read, exported, replayed and pruned."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from caveat.service.audit.verify import Verdict
    from caveat.service.config import Config, Rules
    from caveat.service.live import Live
    from caveat.service.store.database import Database
    from caveat.service.store.keys import Keys

F = TypeVar("F", bound=Callable[..., Any])
FINE, FAULTY, OTHER_RULES = 0, 1, 2
_AGE: Final = re.compile(r"(\d+)\s*d")


@click.group("audit")
def command() -> None:
    """Verify, export and replay the audit trail.

    Each subcommand takes the store from the service's configuration (--config) or from --store and
    --key. docs/audit.md says what the trail holds.
    """


def store_options(function: F) -> F:
    """`--config`, or `--store`, `--key` and `--password-file`."""
    for option in reversed(
        (
            click.option("--config", "config_file", type=_file(), metavar="FILE", help="The configuration."),
            click.option(
                "--store", "url", metavar="URL", help="The database: sqlite:///FILE, postgresql://…"
            ),
            click.option("--key", "key_file", type=_file(), metavar="FILE", help="The audit key."),
            click.option(
                "--password-file", type=_file(), metavar="FILE", help="The password of the database."
            ),
        )
    ):
        function = option(function)
    return function


def _file() -> click.Path:
    return click.Path(path_type=Path)


@contextmanager
def opened(
    config_file: Path | None, url: str | None, key_file: Path | None, password_file: Path | None
) -> Iterator[tuple[Database, Keys, Config | None]]:
    """The database and keys that the options name; closed at the end. Raises CaveatError."""
    from caveat.errors import CaveatError
    from caveat.service.config import Storing
    from caveat.service.store.base import StoreAway
    from caveat.service.store.database import open_database
    from caveat.service.store.keys import Keys
    from caveat.service.store.migrate import newest, revision_of

    if (config_file is None) == (url is None):
        raise click.UsageError("name the store with --config FILE, or with --store URL and --key FILE")
    config: Config | None = None
    if config_file is not None:
        from caveat.service.config_file import load_config
        from caveat.service.start import key_of

        config = load_config(config_file)
        storing, key = config.store, key_of(config)
    else:
        if key_file is None:
            raise click.UsageError("--store goes with --key FILE, the secret the trail is chained with")
        if not key_file.is_file():
            raise CaveatError(f"{key_file}: no such file. --key takes the file of the audit key")
        key = key_file.read_bytes().strip()
        storing = Storing(url=url or "", password_file=None if password_file is None else str(password_file))
    keys, database = Keys(key), open_database(storing)
    try:
        if database.file is not None and not database.file.is_file():
            raise CaveatError(f"{database.file}: no such database file")
        with database.read() as connection:
            found = revision_of(connection)
        if found != newest():
            raise CaveatError(
                f"the database is of revision {found or 'none'}, and this release reads {newest()}. "
                "`caveat serve` brings an older one up to date"
            )
        yield database, keys, config
    except StoreAway as away:
        raise CaveatError(f"{away}. Nothing was read") from None
    finally:
        database.close()


@command.command("verify")
@store_options
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="HASH:SEQ",
    help="A head that was written down before; the trail must still hold it. May be given more than once.",
)
@click.pass_context
def verify_command(ctx: click.Context, /, heads: tuple[str, ...], **store: Any) -> None:
    """Find any change: rows altered, removed, inserted, reordered or cut off, sealed inputs altered.

    Prints the head to write down. With an earlier --head an older copy that was put back is found
    too. Exit code 1 when something is not as it was written.
    """
    from caveat.service.audit.verify import parse_head, verify

    earlier = [parse_head(text) for text in heads]
    with opened(**store) as (database, keys, _):
        verdict = verify(database, keys, earlier)
    _print_verdict(verdict)
    ctx.exit(FAULTY if verdict.faults else FINE)


def _print_verdict(verdict: Verdict) -> None:
    from caveat.cli.talk import out
    from caveat.render.words import counted

    rows = counted(verdict.rows, "row")
    lines = [str(fault) for fault in verdict.faults]
    pruned = f"; {counted(verdict.pruned, 'input')} pruned, as the trail says" if verdict.pruned else ""
    if lines:
        lines.append(f"THE AUDIT TRAIL IS NOT AS IT WAS WRITTEN ({rows} read{pruned})")
    else:
        lines.append(f"{rows}, nothing altered{pruned}")
        lines.append(f"head {verdict.head}")
    out("\n".join(lines) + "\n")


@command.command("list")
@store_options
@click.option("--from", "since", metavar="DATE", help="From this day or instant on (UTC).")
@click.option("--to", "until", metavar="DATE", help="Up to this day, it included, or instant (UTC).")
@click.option("--patient", metavar="ID", help="Only this patient, by the id as callers give it.")
@click.option("--tenant", default="", metavar="NAME", help="The tenant of --patient.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
def list_command(
    since: str | None,
    until: str | None,
    patient: str | None,
    tenant: str,
    last: int | None,
    form: str,
    **store: Any,
) -> None:
    """Show evaluations, oldest first: one line each, or whole rows as NDJSON with --format json."""
    from caveat.cli.talk import out
    from caveat.render.json import dump
    from caveat.service.audit.trail import rows

    first, end = _from(since), _to(until)
    with opened(**store) as (database, keys, _):
        hashed = keys.patient(patient, tenant) if patient else ""
        for row in rows(database, since=first, until=end, patient=hashed, last=last or 0):
            out(dump(row) + b"\n" if form == "json" else _line(row))


def _line(row: dict[str, Any]) -> str:
    from caveat.render.clean import clean

    counts = row["counts"]
    said = f"{counts['alerts']} alerts, {counts['cannot_assess']} open" if counts else "-"
    who = ",".join(one[:12] for one in row["patients"][:3]) or "-"
    more = f"+{len(row['patients']) - 3}" if len(row["patients"]) > 3 else ""
    parts = (str(row["sequence"]), row["at"], row["kind"], str(row["status"]), said, who + more)
    return clean("  ".join((*parts, row["issuer"], row["evaluation"])), 400) + "\n"


@command.command("export")
@store_options
@click.option("--from", "since", metavar="DATE", help="From this day or instant on (UTC).")
@click.option("--to", "until", metavar="DATE", help="Up to this day, it included, or instant (UTC).")
def export_command(since: str | None, until: str | None, **store: Any) -> None:
    """Write FHIR R4 AuditEvent resources as NDJSON to stdout. Patients are named by their hash only."""
    from caveat.cli.talk import out
    from caveat.render.json import dump
    from caveat.service.audit.export import audit_event
    from caveat.service.audit.trail import rows

    first, end = _from(since), _to(until)
    with opened(**store) as (database, _, config):
        observer = config.public_url if config is not None else "caveat"
        for row in rows(database, since=first, until=end):
            out(dump(audit_event(row, observer)) + b"\n")


@command.command("replay")
@click.argument("evaluation", metavar="ID")
@store_options
@click.option("--rules", "folder", type=_file(), metavar="DIR", help="The rules, as a folder.")
@click.option("--policy", type=_file(), metavar="FILE", help="The site's policy file, with --rules.")
@click.option("--bundle", type=_file(), metavar="FILE", help="The rules, as a bundle.")
@click.option("--overlay", type=_file(), metavar="FILE", help="The site's overlay.")
@click.option("--body", is_flag=True, help="Write the answer to stdout; it holds patient data.")
@click.pass_context
def replay_command(
    ctx: click.Context,
    /,
    evaluation: str,
    folder: Path | None,
    policy: Path | None,
    bundle: Path | None,
    overlay: Path | None,
    body: bool,
    **store: Any,
) -> None:
    """Answer a stored question again and compare with what was told then.

    ID is that of the evaluation (the header X-Caveat-Evaluation). The rules are those of the
    configuration, or those named. Exit code 0 for the same bytes, 1 for other bytes, 2 when the rules
    are not those it was judged by, 3 for an ID that is not there.
    """
    from caveat.cli.talk import out, say
    from caveat.errors import InputError
    from caveat.service.audit.replay import replay
    from caveat.service.audit.trail import one
    from caveat.service.config import Rules
    from caveat.service.problems import Refused

    if folder is not None and bundle is not None:
        raise click.UsageError("give --rules DIR or --bundle FILE, not both")
    named = Rules(bundle=_text(bundle), folder=_text(folder), policy=_text(policy), overlay=_text(overlay))

    with opened(**store) as (database, keys, config):
        try:
            day = dt.date.fromisoformat(one(database, evaluation)["at"][:10])
        except LookupError:
            raise InputError(f"there is no evaluation {evaluation} in the audit trail") from None
        live = _live(config, named, day)
        try:
            found = replay(database, keys, evaluation, live)
        except Refused as refused:
            say(f"the question is refused now: {refused.title}")
            ctx.exit(FAULTY)
    if found.needs:
        say(f"evaluation {evaluation} was judged by rules {found.needs}; these are {live.rules.digest}")
        ctx.exit(OTHER_RULES)
    if body:
        out(found.body)
    if not found.differences:
        (say if body else _tell)("same bytes")
        ctx.exit(FINE)
    for line in found.differences:
        (say if body else _tell)(line)
    ctx.exit(FAULTY)


def _tell(text: str) -> None:
    from caveat.cli.talk import out
    from caveat.render.clean import clean

    out(clean(text, 400) + "\n")


def _live(config: Config | None, named: Rules, day: dt.date) -> Live:
    """The rules as of the day of the evaluation; those of the configuration unless others are named."""
    from caveat.service.config import Config, Rules
    from caveat.service.live import Live
    from caveat.service.reload import load_rules

    if config is None or named != Rules():
        config = Config(production=False, rules=named)
    return Live.of(load_rules(config, day))


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


@command.command("prune-inputs")
@store_options
@click.option(
    "--older-than", "age", required=True, metavar="DAYS", help="Age in days, such as 30d; at least 1d."
)
def prune_command(age: str, **store: Any) -> None:
    """Take away sealed inputs, and what was shown with its facts, that are older than so many days.

    The trail still verifies: a row of it says what was taken away. What is gone cannot be replayed.
    """
    from caveat.render.words import counted
    from caveat.service.audit.trail import prune

    days = _AGE.fullmatch(age.strip())
    if days is None or not 1 <= int(days[1]) <= 36_500:
        raise click.BadParameter(f"{age!r} is not a number of days such as 30d", param_hint="--older-than")
    now = dt.datetime.now(dt.UTC)
    with opened(**store) as (database, keys, _):
        before = _instant(now - dt.timedelta(days=int(days[1])))
        inputs, shown = prune(database, keys, before=before, at=_instant(now))
    _tell(
        f"{counted(inputs, 'input')} and {counted(shown, 'shown finding')} older than {before} are gone; "
        "the trail says so"
    )


def _instant(at: dt.datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _from(text: str | None) -> str:
    return "" if text is None else _read_instant(text, "--from", 0)


def _to(text: str | None) -> str:
    """The instant that is not in any more: the end of a day, where a day is given."""
    return "" if text is None else _read_instant(text, "--to", 1)


def _read_instant(text: str, option: str, days: int) -> str:
    try:
        if len(text) == 10:
            day = dt.date.fromisoformat(text) + dt.timedelta(days=days)
            return f"{day.isoformat()}T00:00:00.000Z"
        at = dt.datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{text!r} is no day (2026-01-31) and no instant (2026-01-31T10:00:00Z)", param_hint=option
        ) from None
    return _instant((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).astimezone(dt.UTC))
