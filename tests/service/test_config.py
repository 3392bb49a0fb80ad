"""The configuration file: what it says, what is wrong with it, and that the page tells all of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml
import yamlcore
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from caveat.rules.diagnostics import Problems
from caveat.service.config import Config
from caveat.service.config_addresses import is_loopback
from caveat.service.config_file import ConfigError, insecure_config, load_config
from caveat.service.config_schema import config_schema
from service.trust.issuer import key, public

GOOD = """\
public_url: https://cds.example.org/
trust:
  issuers:
  - {iss: "https://ehr.example.org", jwks: keys/ehr.json}
rules: {bundle: rules.caveat, keys: [site.pub]}
audit: {key_file: audit.key}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with everything GOOD names."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ehr.json").write_bytes(public(key("P-384", "one")))
    (tmp_path / "keys" / "weak.json").write_bytes(public(key("P-384", "one"), key("rsa-1024", "x")))
    (tmp_path / "keys" / "private.json").write_text(
        json.dumps({"keys": [key("P-384", "one").as_dict(private=True)]}), "utf-8"
    )
    for name, text in (
        ("rules.caveat", "x"),
        ("site.pub", "x"),
        ("audit.key", "k" * 32),
        ("short", "k" * 31),
    ):
        (tmp_path / name).write_text(text, "utf-8")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "rulesets").mkdir()
    (tmp_path / "overlay.yaml").write_text("format: 1\nid: x\ntitle: x\nowner: x\ndisabld: []\n", "utf-8")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    file = folder / "caveat.yaml"
    file.write_text(text, "utf-8")
    return file


def found(folder: Path, text: str, **options: Any) -> list[str]:
    """Every problem as `line:column code title`, warnings with a mark."""
    problems = Problems()
    raised: tuple[Any, ...] | None = None
    try:
        load_config(written(folder, text), problems=problems, **options)
    except ConfigError as error:
        raised = error.problems
    assert raised == (tuple(problems.found) if problems.errors else None)
    marks = {"error": "", "warning": " (warning)"}
    return [f"{p.place.line}:{p.place.column} {p.code} {p.title}{marks[p.level]}" for p in problems.found]


def test_good_file_becomes_a_configuration(folder: Path) -> None:
    config = load_config(written(folder, GOOD))
    assert config.public_url == "https://cds.example.org"
    assert config.trust.issuers[0].jwks == str(folder / "keys" / "ehr.json")
    assert config.rules.bundle == str(folder / "rules.caveat")
    assert config.rules.keys == (str(folder / "site.pub"),)
    assert config.audit.key_file == str(folder / "audit.key")
    assert config.state == str(folder / "caveat-state")
    assert config.store.spool == str(folder / "caveat-spool")
    assert config.store.url == f"sqlite:///{folder / 'caveat.sqlite'}"
    assert (config.production, config.insecure_dev, config.limits.depth) == (True, False, 40)
    assert Config.model_validate_json(config.model_dump_json()) == config, "as it is handed to workers"


def test_paths_count_from_the_file_wherever_it_is_read_from(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(folder, GOOD + "state: /somewhere/else\n")
    here = load_config(file)
    monkeypatch.chdir(folder)
    assert load_config("caveat.yaml") == here
    assert here.state == "/somewhere/else"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("postgresql://u@db/x", "postgresql+psycopg://u@db/x"),
        ("postgresql+psycopg://u@db/x?sslmode=require", "postgresql+psycopg://u@db/x?sslmode=require"),
        ("sqlite:///a/b.sqlite", "sqlite:///{}/a/b.sqlite"),
        ("sqlite:////a/b.sqlite", "sqlite:////a/b.sqlite"),
        ("sqlite:///b.sqlite?timeout=3", "sqlite:///{}/b.sqlite?timeout=3"),
    ],
)
def test_store_is_named_as_the_library_takes_it(folder: Path, given: str, taken: str) -> None:
    config = load_config(written(folder, f"{GOOD}store: {{url: '{given}'}}\n"))
    assert config.store.url == taken.format(folder)


def mistakes() -> list[tuple[str, list[str]]]:
    """The cases of config_mistakes.txt: a whole file, and what is found in it."""
    cases = []
    for block in (Path(__file__).with_name("config_mistakes.txt")).read_text("utf-8").split("\n\n")[1:]:
        text, expected = GOOD, []
        for line in block.splitlines():
            old, arrow, new = (part.replace("\\n", "\n") for part in line.partition(" =>"))
            if line.startswith("  "):
                expected.append(line.strip())
            elif line.startswith("="):
                text = line[1:].strip()
            elif line.startswith("+ "):
                text += line[2:] + "\n"
            else:
                assert arrow, line
                assert old in text, line
                text = text.replace(old, new.removeprefix(" "), 1)
        cases.append((text, expected))
    return cases


@pytest.mark.parametrize(("text", "problems"), mistakes())
def test_each_mistake_is_found_where_it_stands(folder: Path, text: str, problems: list[str]) -> None:
    assert found(folder, text) == problems


def test_secret_that_everyone_can_read_is_a_warning(folder: Path) -> None:
    (folder / "audit.key").chmod(0o644)
    assert found(folder, GOOD) == ["6:19 S042 audit key can be read by everyone (warning)"]


def test_mistakes_of_named_files_are_reported_with_their_own_places(folder: Path) -> None:
    text = GOOD.replace("{bundle", "{overlay: overlay.yaml, bundle") + "prot: 1\n"
    with pytest.raises(ConfigError) as error:
        load_config(written(folder, text))
    assert [(Path(p.place.file).name, p.place.line, p.code) for p in error.value.problems] == [
        ("caveat.yaml", 7, "C011"),
        ("overlay.yaml", 5, "C011"),
    ]


def test_everything_is_reported_at_once_and_nothing_twice(folder: Path) -> None:
    """A mistake in one item hides none in another, and brings no complaint of its own making."""
    text = """\
public_url: nowhere
prot: 1
trust:
  issuers:
  - {iss: a, jwks: keys/ehr.json, algorithms: [HS256]}
  - {iss: b}
  - {jwks: keys/ehr.json}
  - {iss: b, jwks: none.json}
  - {iss: c, jku: "http://c.org", algorithms: [RS384, ES384]}
rules: [x]
audit: {key_file: 7}
limits: {depth: 0, seconds: x}
time_zone: Mars
"""
    assert found(folder, text) == [
        "1:13 S003 public_url is not an absolute http or https address",
        "2:1 C011 unknown key 'prot'",
        "5:48 C013 value is not one of the choices",
        "6:5 S012 issuer without keys",
        "7:5 C012 missing key 'iss'",
        "8:5 S008 several issuers without a tenant (warning)",
        "8:11 S011 issuer 'b' stands twice",
        "8:20 S040 file cannot be read",
        "9:19 S014 jku is not an https address",
        "10:8 C015 value does not fit",
        "11:19 C015 value does not fit",
        "12:17 C015 value does not fit",
        "12:29 C015 value does not fit",
        "13:12 S050 unknown time zone 'Mars'",
    ]


def test_messages_in_full(folder: Path) -> None:
    text = """\
public_url: http://cds.example.org
trust:
  issuers: [{iss: a, jku: "http://ehr.example.org/keys"}]
rules: {folder: rulesets}
store: {url: "postgresql://caveat:canary@db.example.org/x", password_fle: x}
audit: {key_file: short}
"""
    with pytest.raises(ConfigError) as error:
        load_config(written(folder, text))
    assert (
        str(error.value).replace(str(folder), "FOLDER")
        == """\
FOLDER/caveat.yaml:1:13: S004 public_url is not https
   1 | public_url: http://cds.example.org
     |             ^^^^^^^^^^^^^^^^^^^^^^
Patient data would cross the network readable.
Put TLS in front of the service and write the https address.

FOLDER/caveat.yaml:3:27: S014 jku is not an https address
   3 |   issuers: [{iss: a, jku: "http://ehr.example.org/keys"}]
     |                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
Whoever can change the answer on its way could sign tokens.
Write the https address of the JWK Set, or name a file with `jwks:`.

FOLDER/caveat.yaml:4:17: S021 rules from a folder in production
   4 | rules: {folder: rulesets}
     |                 ^^^^^^^^
A folder is not signed: anyone who can write there changes what clinicians are told.
Build and sign a bundle with `caveat bundle`, and name it with `bundle:` and `keys:`.

FOLDER/caveat.yaml:5:14: S032 password in the configuration
   5 | store: {url: "postgresql://caveat:******@db.example.org/x", password_fle: x}
     |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
The file is read by more people and tools than a secret should be.
Put it into a file of its own and name that with `password_file:`.

FOLDER/caveat.yaml:5:61: C011 unknown key 'password_fle'
   5 | store: {url: "postgresql://caveat:******@db.example.org/x", password_fle: x}
     |                                                             ^^^^^^^^^^^^
It would be ignored.
Did you mean password_file?

FOLDER/caveat.yaml:6:19: S041 audit key is too short
   6 | audit: {key_file: short}
     |                   ^^^^^
FOLDER/short holds 31 bytes; at least 32 are needed.
Make one: python -c 'import secrets; print(secrets.token_hex(32))'."""
    )


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="C001 file cannot be read"):
        load_config(tmp_path / "none.yaml")


def test_command_line_goes_before_the_file(folder: Path) -> None:
    file = written(folder, GOOD + "port: 1\nworkers: 1\n")
    config = load_config(file, port=2, workers=3, host="10.0.0.1")
    assert (config.port, config.workers, config.host) == (2, 3, "10.0.0.1")
    config = load_config(file, insecure_dev=True)
    assert (config.insecure_dev, config.production) == (True, False)
    with pytest.raises(ConfigError, match="--host:1:1: S002") as error:
        load_config(file, insecure_dev=True, host="0.0.0.0")
    assert len(error.value.problems) == 1


def test_insecure_dev_needs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = insecure_config(rules=".", port=0)
    assert (config.insecure_dev, config.production, config.rules.folder) == (True, False, ".")
    assert config.state == str(tmp_path / "caveat-state")
    assert config.store.url == f"sqlite:///{tmp_path}/caveat-state/caveat.sqlite"
    assert insecure_config(host="::1", port=5).public_url == "http://[::1]:5"
    assert not list(tmp_path.iterdir()), "reading a configuration makes nothing"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "cds.example.org", "127.0.0.1.example.org"])
def test_insecure_dev_listens_nowhere_else(host: str) -> None:
    with pytest.raises(ConfigError, match="S002 insecure_dev listens on loopback only"):
        insecure_config(host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_what_is_loopback(host: str) -> None:
    assert is_loopback(host)


_keys = st.sampled_from([*Config.model_fields, "issuers", "iss", "url", "x"])
_yaml = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab:/@.0", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*Config.model_fields, "issuers", "iss", "url", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(data=st.dictionaries(st.sampled_from([*Config.model_fields, "x"]), _yaml, max_size=6))
def test_no_file_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]) -> None:
    """Whatever stands in it, the answer is a list of problems: none of these names a key."""
    folder = tmp_path_factory.getbasetemp()
    with pytest.raises(ConfigError) as error:
        load_config(written(folder, yaml.safe_dump(data)))
    assert error.value.problems


def leaves(model: type[BaseModel], path: str = "") -> set[str]:
    """`section.key` of every setting; those of a list's items count for its section."""
    names: set[str] = set()
    for name, info in model.model_fields.items():
        inner = [t for t in (info.annotation, *get_args(info.annotation)) if isinstance(t, type)]
        below = next((t for t in inner if issubclass(t, BaseModel)), None)
        if below is None or info.annotation is not below:
            names.add(f"{path}.{name}" if path else name)
        if below is not None:
            names |= leaves(below, path or name)
    return names


def test_every_setting_is_documented_and_nothing_else_is(root: Path) -> None:
    page = (root / "docs" / "service-config.md").read_text("utf-8").partition("## Tokens")[0]
    documented = set()
    section = ""
    for line in page.splitlines():
        heading = re.fullmatch(r"### `(\w+)`", line)
        section = heading[1] if heading else section
        row = re.match(r"\| (`.*?`) \|", line)
        for name in re.findall(r"`(\w+)`", row[1]) if row else ():
            documented.add(f"{section}.{name}" if section else name)
    assert documented == leaves(Config)


def test_every_code_is_documented_and_used(root: Path) -> None:
    page = (root / "docs" / "service-config.md").read_text("utf-8")
    rows = re.findall(r"^\| (S\d{3}) \|", page, re.MULTILINE)
    texts = [file.read_text("utf-8") for file in (root / "engine" / "caveat" / "service").glob("config*.py")]
    used = {code for text in texts for code in re.findall(r'"(S\d{3})"', text)}
    assert sorted(used) == rows
    here = Path(__file__)
    tests = here.read_text("utf-8") + here.with_name("config_mistakes.txt").read_text("utf-8")
    assert used <= set(re.findall(r"S\d{3}", tests))


def test_defaults_on_the_page_are_those_of_the_models(root: Path) -> None:
    """Numbers and short names; texts are for readers."""
    page = (root / "docs" / "service-config.md").read_text("utf-8")
    defaults = Config().model_dump()
    for section in ("limits", "fetching", "store", "trust"):
        part = page.partition(f"### `{section}`")[2].partition("\n### ")[0]
        for name, default in re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", part, re.MULTILINE):
            assert defaults[section][name] == int(default.replace(",", "")), (section, name)


def test_example_on_the_page_is_a_good_file(root: Path, folder: Path) -> None:
    page = (root / "docs" / "service-config.md").read_text("utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    (folder / "ehr.jwks.json").write_bytes(public(key("P-384", "one")))
    (folder / "db.password").write_text("secret", "utf-8")
    (folder / "db.password").chmod(0o600)
    assert found(folder, text) == []


def test_published_schema_is_the_one_of_the_models(root: Path) -> None:
    published = json.loads((root / "docs" / "schema" / "service-config.schema.json").read_text("utf-8"))
    assert published == config_schema(), (
        "caveat schema service-config > docs/schema/service-config.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(published)
    validator = jsonschema.Draft202012Validator(published)
    good = yaml.load(GOOD, Loader=yamlcore.CCoreLoader)
    assert validator.is_valid(good)
    assert not validator.is_valid({**good, "prot": 1})
    assert not validator.is_valid({**good, "limits": {"depth": 0}})
