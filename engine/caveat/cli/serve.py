"""`caveat serve`: CDS Hooks and REST over HTTP."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import socket

    import uvicorn

    from caveat.service.config import Config


@click.command("serve")
@click.option(
    "--config", "file", type=click.Path(path_type=Path), metavar="FILE", help="Configuration of the service."
)
@click.option(
    "--insecure-dev",
    is_flag=True,
    help="Ask for no tokens and take unsigned rules; listens on loopback only.",
)
@click.option("--check", is_flag=True, help="Check the configuration and what it names, and stop.")
@click.option("--host", metavar="ADDRESS", help="Listen here instead of where the configuration says.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="0 takes any free port.")
@click.option("--workers", type=click.IntRange(1, 64), metavar="N", help="Processes that answer.")
@click.option(
    "--rules",
    "rules_path",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of rulesets (with --insecure-dev). Default: the bundled rules.",
)
def command(
    file: Path | None,
    insecure_dev: bool,
    check: bool,
    host: str | None,
    port: int | None,
    workers: int | None,
    rules_path: Path | None,
) -> None:
    """Answer CDS Hooks calls and REST calls until it is stopped.

    Without --insecure-dev every call needs a signed token, and rules come from a signed bundle.
    SIGHUP loads the rules again; SIGTERM finishes what is being answered.
    """
    config = configured(file, insecure_dev, host, port, workers, rules_path)
    if check:
        _checked(config)
        return
    _serve(config)


def configured(
    file: Path | None,
    insecure_dev: bool,
    host: str | None,
    port: int | None,
    workers: int | None,
    rules: Path | None,
) -> Config:
    """The configuration of options and file together. Raises everything that is wrong with it at once."""
    from caveat.service.config_file import insecure_config, load_config

    if file is None and not insecure_dev:
        raise click.UsageError(
            "name a configuration with --config FILE, or try it out with --insecure-dev (loopback only)"
        )
    if rules is not None and not insecure_dev:
        raise click.UsageError("--rules goes with --insecure-dev; a configuration names its rules itself")
    if file is None:
        folder = None if rules is None else str(rules.resolve())
        return insecure_config(rules=folder, host=host, port=port, workers=workers)
    from caveat.cli.talk import say
    from caveat.rules.diagnostics import Problems

    problems = Problems()
    config = load_config(
        file, insecure_dev=insecure_dev, host=host, port=port, workers=workers, problems=problems
    )
    for warning in problems.found:
        say(warning.one_line)
    return config


def _checked(config: Config) -> None:
    from caveat.cli.talk import out
    from caveat.service.start import build_state

    rules = build_state(config).holder.live.rules
    out(f"{_mode(config)}: {len(rules.program.rules)} rules, {rules.digest}\n")


def _mode(config: Config) -> str:
    if config.insecure_dev:
        return "insecure-dev (no tokens are asked, loopback only)"
    return "production" if config.production else "not production (unsigned rules are taken)"


def _serve(config: Config) -> None:
    import uvicorn

    from caveat.cli.talk import say
    from caveat.service.limits.protocol import NAME
    from caveat.service.start import GIVEN

    settings = uvicorn.Config(
        "caveat.service.start:factory",
        factory=True,
        host=config.host,
        port=config.port,
        workers=config.workers,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=20,
        http=NAME,
    )
    listening = _bound(settings)
    where = "{}:{}".format(*listening.getsockname()[:2])
    os.environ[GIVEN] = config.model_dump_json()
    _prepare(config)
    say(f"http://{where} · {_mode(config)} · {config.workers} worker{'s' if config.workers > 1 else ''}")
    if config.workers > 1:
        _supervisor(settings, listening).run()
        return
    server = uvicorn.Server(settings)
    server.run(sockets=[listening])
    if not server.started:
        raise SystemExit(2)


def _supervisor(settings: uvicorn.Config, listening: socket.socket) -> Any:
    """Keeps the workers alive, and passes SIGHUP on to them: each loads the rules again by itself."""
    from uvicorn.supervisors import Multiprocess

    class Workers(Multiprocess):
        def handle_hup(self) -> None:
            for process in self.processes:
                if process.pid is not None:
                    os.kill(process.pid, signal.SIGHUP)

    return Workers(settings, sockets=[listening])


def _bound(settings: uvicorn.Config) -> socket.socket:
    """The socket, bound before any worker starts; says in one line why it cannot be had."""
    import socket as sockets

    from caveat.errors import CaveatError

    host, port = settings.host, settings.port
    family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
    listening = sockets.socket(family, sockets.SOCK_STREAM)
    listening.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise CaveatError(
            f"cannot listen on {host}:{port}: {error.strerror}. Name another with --port"
        ) from None
    listening.set_inheritable(True)
    return listening


def _prepare(config: Config) -> None:
    """What is wrong with rules, keys or store is said here, once, and not by each worker."""
    from caveat.service.metrics import clear
    from caveat.service.reload import build_live
    from caveat.service.start import key_of, now

    Path(config.state).mkdir(parents=True, exist_ok=True, mode=0o700)
    clear(Path(config.state))
    key_of(config)
    if config.workers > 1:
        build_live(config, now().date())
