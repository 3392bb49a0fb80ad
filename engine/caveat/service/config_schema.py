"""The JSON Schema of the configuration file, for editors and for checks before a roll-out."""

from __future__ import annotations

from typing import Any

from caveat.authoring.schemas import DIALECT
from caveat.service.config import Config


def config_schema() -> dict[str, Any]:
    """The schema (2020-12) of `caveat serve --config FILE`, from the models that read it."""
    body = _plain(Config.model_json_schema(mode="validation"))
    body.pop("title", None)
    return {"$schema": DIALECT, "title": "caveat service configuration", **body}


def _plain(part: Any) -> Any:
    """With each description on lines of its own, and without titles that repeat a key."""
    if isinstance(part, list):
        return [_plain(item) for item in part]
    if not isinstance(part, dict):
        return part
    found = {
        key: _plain(value) for key, value in part.items() if not (key == "title" and isinstance(value, str))
    }
    if isinstance(found.get("description"), str):
        texts = found["description"].replace("`", "").split("\n\n")
        found["description"] = "\n\n".join(" ".join(text.split()) for text in texts)
    return found
