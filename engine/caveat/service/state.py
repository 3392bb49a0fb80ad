"""Everything one worker of the service holds; passed in, never global."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from caveat.service.aside import Aside
from caveat.service.config import Config
from caveat.service.live import Holder
from caveat.service.question import Site
from caveat.service.store.base import Store

if TYPE_CHECKING:
    from caveat.service.fetch.client import Fetcher
    from caveat.service.metrics import Metrics
    from caveat.service.reload import Reloader
    from caveat.service.trust.gate import Gate

Clock = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class State:
    """`clock` gives the instant in UTC; `day` the date at the site."""

    config: Config
    holder: Holder
    store: Store
    clock: Clock
    gate: Gate
    fetcher: Fetcher
    metrics: Metrics
    site: Site
    log: Any = field(repr=False, default=None)
    reloader: Reloader | None = None
    aside: Aside = field(default_factory=Aside, repr=False)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the application is up: the store is open, and new rules are looked for."""
        if self.reloader is not None:
            self.reloader.start()
        live = self.holder.live
        self.log.info(
            "ready",
            worker=os.getpid(),
            rules=len(live.rules.program.rules),
            ruleset=live.rules.digest,
            origin=live.origin,
        )
        try:
            yield
        finally:
            if self.reloader is not None:
                await self.reloader.stop()
            self.gate.close()
            await self.fetcher.close()
            await self.store.close()
            self.metrics.close()
            self.aside.close()

    def at(self) -> str:
        """The instant as ISO text in UTC with milliseconds."""
        return self.clock().astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def day(self) -> str:
        """Today at the site."""
        from zoneinfo import ZoneInfo

        return self.clock().astimezone(ZoneInfo(self.config.time_zone)).date().isoformat()


def site_of(config: Config) -> Site:
    """What of the configuration decides an answer."""
    cards, limits = config.cards, config.limits
    return Site(
        public_url=config.public_url.rstrip("/"),
        label=cards.label,
        url=cards.url,
        icon=cards.icon,
        cannot_assess=cards.cannot_assess,
        detected_issue=cards.detected_issue,
        suppress_repeats=cards.suppress_repeats,
        most=cards.most,
        orders=limits.orders,
        entries=limits.entries,
        depth=limits.depth,
    )
