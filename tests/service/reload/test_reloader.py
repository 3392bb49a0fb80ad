"""Rules that change while they serve: swapped whole, or refused with the old ones left in place."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from caveat.compile.bundle import build_bundle
from caveat.evaluators.screen import screen
from caveat.facts.patient import Patient
from caveat.render.json import report_line
from caveat.rules.bundle import Bundle, write_bundle
from caveat.rules.bundle_keys import sign
from caveat.service.config import Config
from caveat.service.live import Holder, Live
from caveat.service.reload import Reloader, build_live
from cli.small import AS_OF, record, write_rules

KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
START = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
RENAL = "baclofen.renal.crcl-below-30"


@dataclass
class Heard:
    """A log and metrics that keep what they are told."""

    lines: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    results: list[str] = field(default_factory=list)

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: Any) -> None:
        self.lines.append(("error", event, fields))

    def reloaded(self, result: str) -> None:
        self.results.append(result)

    def events(self, level: str) -> list[str]:
        return [event for at, event, _ in self.lines if at == level]


@dataclass
class Site:
    """A service's rules on disk, what serves them, and a clock that can be set."""

    home: Path
    bundles: dict[str, Bundle]
    heard: Heard = field(default_factory=Heard)
    moment: dt.datetime = START

    @property
    def file(self) -> Path:
        return self.home / "rules.bundle"

    def put(self, name: str) -> None:
        write_bundle(self.bundles[name], self.file)

    def begin(self, every: float = 0.02, **rules: Any) -> Reloader:
        named = {"bundle": str(self.file), "keys": [str(self.home / "key.pem")], **rules}
        config = Config.model_validate({"rules": named})
        self.holder = Holder(build_live(config, self.moment.date()))
        return Reloader(self.holder, config, self.heard, self.heard, clock=lambda: self.moment, every=every)


def version(folder: Path, name: str) -> Bundle:
    rules = write_rules(folder / name)
    file = rules / "baclofen" / "baclofen.rules.yaml"
    # the name stands in what a finding shows, so that findings and digest can be held against each other
    file.write_text(file.read_text().replace("summary: Baclofen", f"summary: {name} baclofen"))
    file.write_text(file.read_text().replace('summary: "Baclofen', f'summary: "{name} baclofen'))
    (rules / "VERSION").write_text(f"{name}\n")
    return sign(build_bundle(rules), KEY)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    home = tmp_path_factory.mktemp("versions")
    one, two = version(home, "one"), version(home, "two")
    return {
        "one": one,
        "two": two,
        "unsigned": Bundle(two.files),
        "forged": Bundle({**two.files, "VERSION": "3\n"}, two.signatures),
    }


@pytest.fixture
def site(tmp_path: Path, bundles: dict[str, Bundle]) -> Site:
    shown = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(shown)
    found = Site(tmp_path, bundles)
    found.put("one")
    os.utime(found.file, (1, 1))
    os.utime(tmp_path / "key.pem", (1, 1))
    return found


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come about within 10 s")


def served(site: Site, test: Callable[[Reloader], Awaitable[None]], **rules: Any) -> Reloader:
    """Run a test while the reloader watches."""

    async def run() -> Reloader:
        reloader = site.begin(**rules)
        reloader.start()
        try:
            await test(reloader)
        finally:
            await reloader.stop()
        return reloader

    return asyncio.run(run())


def test_a_new_bundle_is_swapped_in(site: Site) -> None:
    async def test(reloader: Reloader) -> None:
        site.put("two")
        await until(lambda: reloader.last is not None)

    reloader = served(site, test)
    assert site.holder.live.rules.version == "two"
    assert reloader.last is not None
    assert reloader.last.plain() == {
        "at": "2026-11-20T12:00:00Z",
        "result": "swapped",
        "trigger": "file",
        "ruleset": site.holder.live.rules.digest,
        "warnings": ["these rules declare nothing that must fire, so that the self-test proved little"],
    }
    assert site.heard.results == ["swapped"]
    assert "rules-swapped" in site.heard.events("info")


@pytest.mark.parametrize(
    ("name", "why"), [("unsigned", "only signed rules are taken"), ("forged", "is not of this content")]
)
def test_a_bundle_that_is_not_rightly_signed_leaves_the_old_one(site: Site, name: str, why: str) -> None:
    before: list[Live] = []

    async def test(reloader: Reloader) -> None:
        before.append(site.holder.live)
        site.put(name)
        await until(lambda: reloader.last is not None)

    reloader = served(site, test)
    assert site.holder.live is before[0]
    assert reloader.last is not None
    assert reloader.last.result == "refused"
    assert why in reloader.last.why
    assert reloader.last.ruleset == before[0].rules.digest
    assert site.heard.results == ["refused"]
    assert site.heard.events("error") == ["rules-refused"]


def test_a_half_written_bundle_is_refused_and_its_rest_is_taken(site: Site) -> None:
    """Someone copies onto the file: first a part of it is there, then all."""
    raw = site.bundles["two"].encoded()

    async def test(reloader: Reloader) -> None:
        with site.file.open("wb") as file:
            file.write(raw[: len(raw) // 2])
            file.flush()
            await until(lambda: reloader.last is not None and reloader.last.result == "refused")
            assert site.holder.live.rules.version == "one"
            assert "damaged or cut off" in reloader.last.why  # type: ignore[union-attr]
            file.write(raw[len(raw) // 2 :])
        await until(lambda: site.holder.live.rules.version == "two")

    served(site, test)
    assert site.heard.results[-1] == "swapped"


def test_a_bundle_that_goes_away_leaves_the_old_one(site: Site) -> None:
    async def test(reloader: Reloader) -> None:
        site.file.unlink()
        await until(lambda: reloader.last is not None)
        assert "cannot be read" in reloader.last.why  # type: ignore[union-attr]
        site.put("two")
        await until(lambda: site.holder.live.rules.version == "two")

    served(site, test)


def test_a_bad_bundle_is_tried_once_and_not_at_every_look(site: Site) -> None:
    async def test(reloader: Reloader) -> None:
        site.put("unsigned")
        await until(lambda: reloader.last is not None)
        await asyncio.sleep(0.3)

    served(site, test)
    assert site.heard.results == ["refused"]


def test_a_file_that_is_only_touched_is_no_reason(site: Site) -> None:
    async def test(reloader: Reloader) -> None:
        os.utime(site.file, (5, 5))
        await asyncio.sleep(0.3)

    assert served(site, test).last is None


def test_a_hangup_signal_loads_again(site: Site) -> None:
    async def test(reloader: Reloader) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: reloader.last is not None)

    reloader = served(site, test, every=60)
    assert reloader.last is not None
    assert (reloader.last.trigger, reloader.last.result) == ("signal", "unchanged")
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_a_bundle_put_down_just_before_the_start_is_not_missed(site: Site) -> None:
    """Between the loading at the start and the first look there is a moment."""

    async def run() -> None:
        reloader = site.begin()
        site.put("two")
        stat = site.file.stat()
        os.utime(site.file, ns=(stat.st_atime_ns, int(START.timestamp() * 1e9)))
        late = Reloader(
            site.holder, reloader._config, site.heard, site.heard, clock=lambda: START, every=0.02
        )
        late.start()
        await until(lambda: site.holder.live.rules.version == "two")
        await late.stop()

    asyncio.run(run())


def test_an_overlay_and_the_end_of_a_change_are_noticed(site: Site) -> None:
    overlay = site.home / "ward.yaml"
    head = "format: 1\nid: ward\ntitle: Ward\nowner: o\n"
    overlay.write_text(head)
    os.utime(overlay, (1, 1))

    async def test(reloader: Reloader) -> None:
        overlay.write_text(
            head
            + f"disabled: [{{rule: {RENAL}, reason: r, owner: o, date: 2026-11-01, until: 2026-11-20}}]\n"
        )
        await until(lambda: bool(site.holder.live.rules.disabled))
        site.moment = START + dt.timedelta(days=1)
        await until(lambda: not site.holder.live.rules.disabled)
        assert reloader.last is not None
        assert reloader.last.trigger == "day"
        overlay.write_text(head + "disabled: [{rule: no.such.rule, reason: r, owner: o, date: 2026-11-01}]\n")
        await until(lambda: site.heard.results[-1] == "refused")
        assert reloader.last.why.startswith("ward.yaml:5:19: C020 unknown rule 'no.such.rule'")

    served(site, test, overlay=str(overlay))


def test_what_the_site_changed_is_said_at_the_start(site: Site) -> None:
    overlay = site.home / "ward.yaml"
    overlay.write_text(
        "format: 1\nid: ward\ntitle: Ward\nowner: o\n"
        f"disabled: [{{rule: {RENAL}, reason: r, owner: o, date: 2026-11-01}}]\n"
    )

    async def test(reloader: Reloader) -> None:
        return

    served(site, test, overlay=str(overlay))
    assert ("warning", "rules-changed-by-site") in [line[:2] for line in site.heard.lines]


def test_rules_that_change_while_they_are_read_are_read_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from caveat.service import reload as module

    whole = module.checked_live
    changes = iter(("two", "one"))

    def torn(config: Config, day: dt.date) -> Any:
        found = whole(config, day)
        for name in changes:
            site.put(name)
            break
        return found

    monkeypatch.setattr(module, "checked_live", torn)

    async def test(reloader: Reloader) -> None:
        first = await reloader.reload()
        assert (first.result, "changed while they were read" in first.why) == ("refused", True)
        await until(lambda: site.heard.results[-1] != "refused")

    served(site, test, every=0.05)
    assert site.holder.live.rules.version == "one"


def test_an_unforeseen_failure_leaves_the_old_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from caveat.service import reload as module

    def fails(config: Config, day: dt.date) -> Any:
        raise ZeroDivisionError("patient Jane Doe")

    async def test(reloader: Reloader) -> None:
        monkeypatch.setattr(module, "checked_live", fails)
        await reloader.reload()

    reloader = served(site, test)
    assert reloader.last is not None
    assert reloader.last.why == "loading failed with ZeroDivisionError"
    assert site.holder.live.rules.version == "one"


def test_calls_under_way_have_the_findings_of_their_digest(site: Site) -> None:
    """Calls from threads and from the loop, with the rules swapped beneath them again and again."""
    patient = Patient.model_validate(record())
    seen: list[tuple[str, bytes]] = []
    done = threading.Event()

    def call() -> None:
        live = site.holder.live
        report = screen(patient, live.rules, as_of=AS_OF, evaluator=live.evaluator)
        seen.append((live.rules.version, report_line(report, sources=live.sources)))

    def calls() -> None:
        while not done.is_set():
            call()

    async def test(reloader: Reloader) -> None:
        for number in range(1, 9):
            name = ("one", "two")[number % 2]
            site.put(name)
            while site.holder.live.rules.version != name:
                call()
                await asyncio.sleep(0)

    threads = [threading.Thread(target=calls) for _ in range(4)]

    async def whole(reloader: Reloader) -> None:
        for thread in threads:
            thread.start()
        try:
            await asyncio.wait_for(test(reloader), 60)
        finally:
            done.set()

    served(site, whole)
    for thread in threads:
        thread.join()
    answers: dict[str, set[bytes]] = {}
    for name, line in seen:
        answers.setdefault(name, set()).add(line)
        assert f"{name} baclofen".encode() in line
    assert {name: len(lines) for name, lines in answers.items()} == {"one": 1, "two": 1}
    assert site.heard.results == ["swapped"] * 8


def test_loading_does_not_hold_up_the_loop(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """While new rules load for half a second, the loop goes on turning."""
    import time

    from caveat.service import reload as module

    whole = module.checked_live

    def slow(config: Config, day: dt.date) -> Any:
        time.sleep(0.5)
        return whole(config, day)

    monkeypatch.setattr(module, "checked_live", slow)

    async def test(reloader: Reloader) -> None:
        turns = 0
        task = asyncio.ensure_future(reloader.reload())
        while not task.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert turns >= 20

    served(site, test, every=60)


def test_a_stopped_reloader_swaps_nothing(site: Site) -> None:
    async def run() -> None:
        reloader = site.begin(every=0.01)
        reloader.start()
        site.put("two")
        await reloader.stop()
        await asyncio.sleep(0.2)
        assert reloader.last is None

    asyncio.run(run())
    assert site.holder.live.rules.version == "one"
