"""`caveat bundle`: rules as one signed file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from caveat.rules.bundle import Bundle

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("bundle")
def command() -> None:
    """Build, sign and verify a bundle: a ruleset as one file, with the digest of its content.

    A service in production takes rules from a bundle only, and only when one of its keys signed it.
    """


@command.command("build")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--out", required=True, type=_FILE, metavar="FILE", help="The bundle to write.")
@click.option("--version", metavar="TEXT", help="The version it states. Default: the VERSION file of DIR.")
@click.pass_context
def build(ctx: click.Context, folder: Path, out: Path, version: str | None) -> None:
    """Make a bundle of the rulesets in DIR, after checking them.

    Rules with errors are not built. Vocabulary and policy that DIR does not have are taken from the
    bundled ones, so that the bundle is whole.
    """
    from caveat.authoring.check import check_folder
    from caveat.authoring.selftest import read_items
    from caveat.cli.talk import print_diagnostics, say
    from caveat.compile.bundle import build_bundle
    from caveat.render.words import counted
    from caveat.rules.bundle import write_bundle

    if not folder.is_dir():
        raise click.UsageError(f"{folder}: no such folder. Name the folder of rulesets to build a bundle of")
    errors = [found for found in check_folder(folder) if found.level == "error"]
    if errors:
        print_diagnostics(errors, sys.stderr)
        say(f"{folder}: {counted(len(errors), 'error')}; no bundle was written")
        ctx.exit(2)
    bundle = build_bundle(folder, version)
    read_items(bundle)
    write_bundle(bundle, out)
    _describe(bundle)
    say(f"{out} is not signed yet: caveat bundle sign {out} --key PRIVATE.pem")


@command.command("sign")
@click.argument("file", type=_FILE)
@click.option(
    "--key", required=True, type=_FILE, metavar="PRIVATE.pem", help="The private key (Ed25519, PEM)."
)
def sign(file: Path, key: Path) -> None:
    """Add a signature to a bundle, in place; one by the same key is replaced."""
    from caveat.cli.talk import out
    from caveat.rules.bundle import read_bundle, write_bundle
    from caveat.rules.bundle_keys import fingerprint, read_private
    from caveat.rules.bundle_keys import sign as signed

    private = read_private(key)
    bundle = signed(read_bundle(file), private)
    write_bundle(bundle, file)
    out(f"{bundle.digest} signed by {fingerprint(private.public_key())}\n")


@command.command("verify")
@click.argument("file", type=_FILE)
@click.option(
    "--keys",
    multiple=True,
    type=_FILE,
    metavar="PUBLIC.pem",
    help="A key that may sign. May be given several times.",
)
@click.pass_context
def verify(ctx: click.Context, file: Path, keys: tuple[Path, ...]) -> None:
    """Verify that a bundle is whole and signed by one of the keys; then the exit code is 0.

    Without --keys only the content is verified, which proves nothing of who made it; that is said,
    and the exit code is 1.
    """
    from caveat.cli.talk import out, say
    from caveat.rules.bundle import read_bundle
    from caveat.rules.bundle_keys import read_public
    from caveat.rules.bundle_keys import verify as verified

    bundle = read_bundle(file)
    if not keys:
        out(f"{bundle.digest} whole\n")
        say(f"{file}: no signature was verified. Name the keys that may sign with --keys PUBLIC.pem")
        ctx.exit(1)
    for name in verified(bundle, [read_public(key) for key in keys], str(file)):
        out(f"{bundle.digest} signed by {name}\n")


@command.command("show")
@click.argument("file", type=_FILE)
@click.option("--text", metavar="PATH", help="Print one text of the bundle instead.")
def show(file: Path, text: str | None) -> None:
    """Show what a bundle holds: version, digests, rules, texts, and whose signatures are on it.

    The content is verified, the signatures are only listed.
    """
    from caveat.cli.talk import out
    from caveat.compile.bundle import compile_bundle
    from caveat.errors import CaveatError
    from caveat.rules.bundle import read_bundle
    from caveat.rules.diagnostics import did_you_mean

    bundle = read_bundle(file)
    if text is not None:
        if text not in bundle.files:
            raise CaveatError(f"{file} holds no text {text!r}. {did_you_mean(text, bundle.files)}".rstrip())
        out(bundle.files[text])
        return
    _describe(bundle)
    rules = compile_bundle(bundle, file)
    out(f"ruleset    {rules.digest}\nrules      {len(rules.program.rules)}\npolicy     {rules.policy}\n")
    for signature in bundle.signatures:
        out(f"signed by  {signature.key} (not verified here)\n")
    if not bundle.signatures:
        out("signed by  nobody\n")
    for path, content in bundle.files.items():
        out(f"{len(content.encode()):>10} {path}\n")


@command.command("keygen")
@click.option("--out", "prefix", required=True, type=click.Path(path_type=Path), metavar="PREFIX")
def keygen(prefix: Path) -> None:
    """Make a pair of keys: PREFIX.pem, which signs and stays with you, and PREFIX.pub.pem for services.

    Nothing is overwritten. The private key has no password: keep it where only you can read it, and
    never on a server that serves rules.
    """
    from caveat.cli.talk import out
    from caveat.rules.bundle_keys import make_keys

    private, public, name = make_keys(prefix)
    out(f"{private} (private)\n{public} (public)\nkey {name}\n")


def _describe(bundle: Bundle) -> None:
    from caveat.cli.talk import out

    out(f"version    {bundle.version}\ncontent    {bundle.digest}\ntexts      {len(bundle.files)}\n")
