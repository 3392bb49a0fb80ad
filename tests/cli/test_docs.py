"""Every command, option, exit code and field is documented, and nothing else is."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import click
import pytest

from caveat.cli.group import COMMANDS, caveat
from caveat.render import shapes


@pytest.fixture(scope="module")
def pages(root: Path) -> dict[str, str]:
    return {name: (root / "docs" / f"{name}.md").read_text("utf-8") for name in ("cli", "output")}


def section(page: str, name: str) -> str:
    """The text under `## caveat NAME`."""
    found = re.search(rf"^## `caveat {name}`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"docs/cli.md has no section for caveat {name}"
    return found[1]


def options(command: click.Command) -> set[str]:
    """Every spelling of every option, those of commands below it too."""
    own = {
        text for p in command.params if isinstance(p, click.Option) for text in (*p.opts, *p.secondary_opts)
    }
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return own.union(*(options(each) for each in below))


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_and_option_is_documented(pages: dict[str, str], name: str) -> None:
    command = import_module(f"caveat.cli.{name}").command
    assert command.name == name
    text = section(pages["cli"], name)
    named = set(re.findall(r"`(-{1,2}[a-z][a-z-]*)", text))
    assert options(command) == named, f"caveat {name}"


def test_general_options_and_exit_codes_are_documented(pages: dict[str, str]) -> None:
    for option in (*options(caveat), "-h", "--help"):
        assert f"`{option}`" in pages["cli"]
    from caveat import cli

    for code in (cli.DONE, cli.FOUND, cli.BROKEN, cli.BAD_INPUT, cli.INTERRUPTED, cli.PIPE_CLOSED):
        assert re.search(rf"^\| {code} \|", pages["cli"], re.MULTILINE), f"exit code {code}"


def test_no_section_is_about_a_command_that_does_not_exist(pages: dict[str, str]) -> None:
    assert set(re.findall(r"^## `caveat ([a-z]+)`", pages["cli"], re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize(
    "kind", [kind for name, kind in vars(shapes).items() if name.endswith("JSON") and isinstance(kind, type)]
)
def test_each_field_of_the_report_is_documented(pages: dict[str, str], kind: type) -> None:
    from typing import get_type_hints

    for field in get_type_hints(kind):
        assert re.search(rf"`{field}`", pages["output"]), f"{kind.__name__}.{field}"
