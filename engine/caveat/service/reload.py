"""The rules of a service: loaded and tried at the start, and again when they change, without a pause.

New rules are read, verified, compiled and tried in a thread. Only then are they swapped in, as a
whole: a call that has begun ends with the rules it began with. Whatever is wrong with the new ones,
the old ones go on serving, and why is said in the log, by the metrics and under /readyz.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from caveat.errors import CaveatError, RulesetError
from caveat.service.config import Config
from caveat.service.live import Holder, Live

if TYPE_CHECKING:
    from caveat.compile.ruleset import Ruleset
    from caveat.rules.bundle import Bundle

Trigger = Literal["signal", "file", "day", "asked"]
Result = Literal["swapped", "unchanged", "refused"]
Stamp = tuple[tuple[str, int, int, int], ...]

EVERY: Final = 5.0
"""Seconds between two looks at the files."""
_FRESH: Final = 10.0
"""Seconds within which a file may have been written after the service read it; it is read once more."""
_LONGEST: Final = 600
_SUFFIXES: Final = (".yaml", ".tsv")


@dataclass(frozen=True, slots=True)
class Reload:
    """One attempt to take other rules. `at` is UTC; `why` says why they were refused, `warnings` what
    the site should know of those that serve."""

    at: str
    result: Result
    trigger: Trigger
    ruleset: str
    why: str = ""
    warnings: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As /readyz shows it."""
        found: dict[str, Any] = {
            "at": self.at,
            "result": self.result,
            "trigger": self.trigger,
            "ruleset": self.ruleset,
        }
        return found | ({"why": self.why} if self.why else {}) | _listed(self.warnings)


def _listed(warnings: tuple[str, ...]) -> dict[str, Any]:
    return {"warnings": list(warnings)} if warnings else {}


def build_live(config: Config, day: dt.date) -> Live:
    """The rules that the configuration names, verified and tried, ready to serve.

    In production they come from a bundle signed by one of `rules.keys`; otherwise from a bundle, a
    folder, or those that come with the package. Raises CaveatError or RulesetError for what must
    not be served.
    """
    return checked_live(config, day)[0]


def checked_live(config: Config, day: dt.date) -> tuple[Live, tuple[str, ...]]:
    """As `build_live`, with what the site should know: what its overlay switched off or made quieter."""
    from caveat.authoring.selftest import prove, read_items, sanity

    rules, bundle, origin, signed_by = _loaded(config, day)
    wrong = [f"self-test: {text}" for text in sanity(rules, day.isoformat())]
    proofs = prove(rules, read_items(rules.root if bundle is None else bundle), every=False)
    told = [note.message for note in rules.notes]
    for proof in proofs:
        for failure in proof.failures:
            text = f"must-fire {proof.item} ({proof.rule}): {failure.subject}: {failure.why}"
            if proof.waits:
                text = f"must-fire {proof.item}: no rule yet: {proof.no_rule}"
            (told if failure.by_site or proof.waits else wrong).append(text)
    if not proofs:
        told.append("these rules declare nothing that must fire, so that the self-test proved little")
    if wrong:
        raise CaveatError(f"{origin} is not served: {'; '.join(wrong[:5])}")
    return Live.of(rules, origin=origin, signed_by=signed_by), tuple(told)


def load_rules(config: Config, day: dt.date) -> Ruleset:
    """The ruleset that the configuration names, verified as it would be to be served, and not yet tried."""
    return _loaded(config, day)[0]


def _loaded(config: Config, day: dt.date) -> tuple[Ruleset, Bundle | None, str, str]:
    """The ruleset, its bundle where it comes from one, where it is from in words, and who signed it."""
    from caveat.compile.bundle import open_bundle
    from caveat.compile.ruleset import load

    named, production = config.rules, _production(config)
    if production:
        _must_be_signed(config)
    if named.bundle is not None:
        opened = open_bundle(
            named.bundle,
            keys=named.keys,
            require_signature=production,  # asked for wherever keys are named
            policy=named.policy,
            overlay=named.overlay,
            day=day.isoformat(),
        )
        version = opened.rules.version
        origin = f"bundle {Path(named.bundle).name} (version {version})"
        return opened.rules, opened.bundle, origin, ", ".join(opened.signed_by)
    rules = load(named.folder, policy=named.policy, overlay=named.overlay, day=day.isoformat())
    origin = "the bundled rules" if named.folder is None else f"folder {Path(named.folder).name}"
    return rules, None, f"{origin} (version {rules.version}, not signed)", ""


def _production(config: Config) -> bool:
    return config.production and not config.insecure_dev


def _must_be_signed(config: Config) -> None:
    if config.rules.folder is not None:
        raise CaveatError(
            "rules.folder: in production rules come from a signed bundle, not from a folder. Build one with "
            "`caveat bundle build`, sign it, and name it under rules.bundle"
        )
    if config.rules.bundle is None:
        raise CaveatError(
            "rules.bundle is missing: in production rules come from a signed bundle. Build one with `caveat "
            "bundle build`, sign it with `caveat bundle sign`, and name it and its key under rules"
        )
    if not config.rules.keys:
        raise CaveatError(
            "rules.keys is missing: name the files of the public keys that may sign rules (`caveat bundle "
            "keygen` makes a pair)"
        )


class Reloader:
    """Looks for other rules while a worker serves, and swaps them in. One for each worker."""

    def __init__(
        self,
        holder: Holder,
        config: Config,
        log: Any,
        metrics: Any,
        *,
        clock: Callable[[], dt.datetime] | None = None,
        every: float = EVERY,
    ) -> None:
        self._holder, self._config, self._log, self._metrics = holder, config, log, metrics
        self._clock = clock or _now
        self._every = every
        self._day = self._today()
        self._lock = asyncio.Lock()
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stamp, self._content = self._first()
        self.last: Reload | None = None

    def start(self) -> None:
        """Begin to look for changes, and take SIGHUP as the wish to; within a running loop."""
        for note in self._holder.live.rules.notes:
            self._log.warning("rules-changed-by-site", kind=note.code, reason=note.message[:200])
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._watch())
        # no signals on this system, or not in the main thread: the files are still looked at
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            self._loop.add_signal_handler(signal.SIGHUP, self._asked.set)

    async def stop(self) -> None:
        """End; an attempt under way swaps nothing any more."""
        if self._task is None or self._loop is None:
            return
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            self._loop.remove_signal_handler(signal.SIGHUP)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def reload(self, trigger: Trigger = "asked") -> Reload:
        """Try the rules as they stand in the files now; `refused` leaves those before in place."""
        async with self._lock:
            day = self._today()
            stamp = await asyncio.to_thread(self._stamped)
            content = await asyncio.to_thread(self._hashed)
            why = ""
            live: Live | None = None
            warnings: tuple[str, ...] = ()
            try:
                live, warnings = await asyncio.to_thread(checked_live, self._config, day)
                if await asyncio.to_thread(self._hashed) != content:
                    why, content = "the files changed while they were read; they are read again", ""
            except RulesetError as error:
                why = _in_short(error)
            except (CaveatError, OSError) as error:
                why = str(error)
            except Exception as error:
                why = f"loading failed with {type(error).__name__}"
            self._day = day
            self._stamp, self._content = (stamp, content) if content else ((), "")
            return self._told(trigger, live, self._without_folders(why)[:_LONGEST], warnings)

    def _without_folders(self, why: str) -> str:
        """The text without the folders of this machine: /readyz may be open to anyone."""
        folder = self._config.rules.folder
        for file in (*self._files(), *([Path(folder)] if folder else [])):
            why = why.replace(str(file), file.name)
        return why

    def _told(self, trigger: Trigger, live: Live | None, why: str, warnings: tuple[str, ...]) -> Reload:
        """Swap where there is nothing against it, and say what came of it."""
        before = self._holder.live
        result: Result = "refused"
        if live is not None and not why:
            same = live.rules.digest == before.rules.digest
            result = "unchanged" if same else "swapped"
            # the same rules signed by another key are served as such
            if not same or (live.origin, live.signed_by) != (before.origin, before.signed_by):
                self._holder.swap(live)
        now = self._holder.live.rules.digest
        at = self._clock().astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        found = Reload(at, result, trigger, now, why, warnings)
        if result == "refused":
            self._log.error("rules-refused", kind=trigger, reason=why[:200], ruleset=now)
        else:
            origin = self._holder.live.origin
            before_digest = before.rules.digest
            self._log.info(
                f"rules-{result}", kind=trigger, before=before_digest, after=now, origin=origin[:200]
            )
            for text in warnings:
                self._log.warning("rules-changed-by-site", kind=trigger, reason=text[:200])
        self._metrics.reloaded(result)
        self.last = found
        return found

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._every)
            trigger = await self._trigger()
            if trigger is not None:
                await self.reload(trigger)

    async def _trigger(self) -> Trigger | None:
        """Why the rules should be tried now, or None. Files that were only touched are no reason."""
        if self._asked.is_set():
            self._asked.clear()
            return "signal"
        if self._today() != self._day and any(c.until for c in self._holder.live.rules.changes):
            return "day"
        stamp = await asyncio.to_thread(self._stamped)
        if stamp == self._stamp:
            return None
        content = await asyncio.to_thread(self._hashed)
        if content == self._content:
            self._stamp = stamp
            return None
        return "file"

    def _first(self) -> tuple[Stamp, str]:
        """What the files are at the start; none when one was written a moment ago, perhaps after reading."""
        stamp = self._stamped()
        newest = max((modified for _, modified, _, _ in stamp), default=0)
        if self._clock().timestamp() - newest / 1e9 < _FRESH:
            return (), ""
        return stamp, self._hashed()

    def _stamped(self) -> Stamp:
        """Name, time, size and place of each file; a file that is not there has none."""
        found = []
        for file in self._files():
            try:
                stat = file.stat()
            except OSError:
                found.append((str(file), 0, -1, 0))
            else:
                found.append((str(file), stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return tuple(found)

    def _hashed(self) -> str:
        """One hash over the content of all the files."""
        from caveat.rules.bundle import LARGEST

        total = hashlib.sha256()
        for file in self._files():
            total.update(os.fsencode(file) + b"\0")
            try:
                with file.open("rb") as stream:
                    total.update(hashlib.sha256(stream.read(LARGEST + 1)).digest())
            except OSError:
                total.update(b"none")
        return total.hexdigest()

    def _files(self) -> Iterator[Path]:
        named = self._config.rules
        if named.bundle is not None:
            yield Path(named.bundle)
        elif named.folder is not None:
            root = Path(named.folder)
            if root.is_file():
                yield root
            yield from sorted(p for p in root.rglob("*") if p.suffix in _SUFFIXES or p.name == "VERSION")
        for file in (named.policy, named.overlay, *named.keys):
            if file is not None:
                yield Path(file)

    def _today(self) -> dt.date:
        from zoneinfo import ZoneInfo

        return self._clock().astimezone(ZoneInfo(self._config.time_zone)).date()


def _in_short(error: RulesetError) -> str:
    """The first problem on one line, and how many more there are."""
    first, *more = error.problems
    text = str(getattr(first, "one_line", first))
    return f"{text} (and {len(more)} more)" if more else text


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
