"""From a configuration to a worker that can answer."""

from __future__ import annotations

import datetime as dt
import gc
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

from caveat.errors import CaveatError
from caveat.service.config import Config
from caveat.service.state import Clock, State, site_of

GIVEN: Final = "CAVEAT_SERVE"
"""The environment variable by which a worker is handed its configuration, as JSON."""


def factory() -> Any:
    """The application of a worker that `caveat serve` started; what cannot be served is said on stderr."""
    from caveat.service.app import build_app

    given = os.environ.get(GIVEN)
    if given is None:
        raise CaveatError(f"{GIVEN} is not set. Start the service with `caveat serve`")
    try:
        app = build_app(build_state(Config.model_validate_json(given)))
        gc.collect()
        gc.freeze()  # nothing of what was loaded is garbage: no collection need look at it again
        return app
    except CaveatError as error:
        print(f"caveat serve: {error}", file=sys.stderr, flush=True)  # noqa: T201
        raise SystemExit(1) from None


def now() -> dt.datetime:
    """The instant, in UTC."""
    return dt.datetime.now(dt.UTC)


def build_state(config: Config, *, clock: Clock = now, log: Any = None) -> State:
    """Everything a worker holds: rules loaded and checked, the store open, callers' keys read.

    Raises CaveatError or RulesetError for what cannot be served; nothing is served in its place.
    """
    from zoneinfo import ZoneInfo

    from caveat.service.fetch.client import Fetcher
    from caveat.service.live import Holder
    from caveat.service.log import logger
    from caveat.service.metrics import Metrics
    from caveat.service.reload import Reloader, build_live
    from caveat.service.store.sql import SqlStore
    from caveat.service.trust.gate import Gate
    from caveat.service.trust.keys import MOST_BYTES
    from caveat.service.trust.remote import SECONDS, https_get

    folder = Path(config.state)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = logger(config.logging.level) if log is None else log
    metrics = Metrics(folder)
    day = clock().astimezone(ZoneInfo(config.time_zone)).date()
    live = build_live(config, day)
    holder = Holder(live)
    fetcher = Fetcher(config.fetching, insecure_dev=config.insecure_dev)
    keys = partial(fetcher.get_json, most_bytes=MOST_BYTES, seconds=SECONDS, private=True)
    # outside production an issuer of this machine may publish its keys without TLS
    fetch = keys if config.production else https_get
    return State(
        config=config,
        holder=holder,
        store=SqlStore(config, key_of(config), log),
        clock=clock,
        gate=Gate(config, clock, fetch=fetch, note=lambda code: log.error("keys", reason=code)),
        fetcher=fetcher,
        metrics=metrics,
        site=site_of(config),
        log=log,
        reloader=Reloader(holder, config, log, metrics, clock=clock),
    )


def key_of(config: Config) -> bytes:
    """The secret that patients are hashed with and the audit trail is chained with.

    It is that of `audit.key_file`. Without one, outside production only, a key is made once in the
    state folder, so that a restart finds what was stored before.
    """
    if config.audit.key_file is not None:
        return Path(config.audit.key_file).read_bytes().strip()
    if config.production and not config.insecure_dev:
        raise CaveatError("audit.key_file is missing: in production the audit trail needs a key of the site")
    file = Path(config.state) / "audit.key"
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _whole(file)
    with os.fdopen(handle, "wb") as stream:
        stream.write(os.urandom(32).hex().encode())
    return file.read_bytes()


def _whole(file: Path) -> bytes:
    """A key that another worker may be writing this moment."""
    from time import sleep

    for _ in range(100):
        key = file.read_bytes()
        if len(key) == 64:
            return key
        sleep(0.02)
    raise CaveatError(f"{file} is not a key of 64 characters. Take the file away to have one made")
