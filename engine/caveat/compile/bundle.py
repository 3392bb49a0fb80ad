"""A ruleset from a bundle, with its signatures asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from caveat.compile.ruleset import Ruleset, assemble, bundled, compiled, inputs_of
from caveat.rules.bundle import Bundle, BundleError, extract, gather, read_bundle
from caveat.rules.bundle_keys import read_public, verify


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle that was read and judged: its ruleset, and the keys whose signatures hold."""

    rules: Ruleset
    bundle: Bundle
    signed_by: tuple[str, ...]


def load_bundle(
    path: str | Path,
    *,
    keys: Sequence[str | Path] = (),
    require_signature: bool = True,
    policy: str | Path | None = None,
    overlay: str | Path | None = None,
    day: str | None = None,
) -> Ruleset:
    """The ruleset of a bundle: the same, digest included, as that of the folder it was built from.

    `keys` are files of the public keys (PEM) of which at least one must have signed it; without
    `require_signature` they are asked only where they are given. `policy`, `overlay` and `day` are
    those of `load`. Raises BundleError for what cannot be trusted, RulesetError for bad rules.
    """
    opened = open_bundle(
        path, keys=keys, require_signature=require_signature, policy=policy, overlay=overlay, day=day
    )
    return opened.rules


def open_bundle(
    path: str | Path,
    *,
    keys: Sequence[str | Path] = (),
    require_signature: bool = True,
    policy: str | Path | None = None,
    overlay: str | Path | None = None,
    day: str | None = None,
) -> Opened:
    """As `load_bundle`, with what was verified. The file is read once, and nothing of it is kept."""
    file = Path(path)
    bundle = read_bundle(file)
    held: tuple[str, ...] = ()
    if require_signature or keys:
        held = verify(bundle, [read_public(Path(key)) for key in keys], str(file))
    return Opened(compile_bundle(bundle, file, policy=policy, overlay=overlay, day=day), bundle, held)


def compile_bundle(
    bundle: Bundle,
    file: Path,
    *,
    policy: str | Path | None = None,
    overlay: str | Path | None = None,
    day: str | None = None,
) -> Ruleset:
    """The ruleset of a bundle that was read; `root` is its file."""
    try:
        with tempfile.TemporaryDirectory(prefix="caveat-") as folder:
            root = Path(folder) / "bundle"
            root.mkdir()
            extract(bundle, root)
            return assemble(compiled(inputs_of(root, policy, overlay, day)), file)
    except OSError as error:
        raise BundleError(f"{file}: bundle cannot be unpacked: {error.strerror or error}") from None


def build_bundle(root: str | Path, version: str | None = None) -> Bundle:
    """The bundle of a folder of rulesets, as it loads; `version` takes the place of its VERSION.

    It is loaded once with each of its policies. Beyond what that finds (RulesetError, BundleError) it
    is not checked for mistakes here.
    """
    folder = Path(root)
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such folder. Name the folder of rulesets to build a bundle of")
    inputs = inputs_of(folder)
    default = inputs.policy if inputs.policy is not None else bundled() / "policies" / "default.yaml"
    bundle = gather(folder, inputs.concepts, default, version)
    named = Path(folder.name or "bundle")
    for path in bundle.files:
        if path.startswith("policies/"):
            compile_bundle(bundle, named, policy=Path(path).stem)
    return bundle
