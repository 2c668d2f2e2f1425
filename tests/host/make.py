"""Snapshots for tests: of the lab, and made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pcapdiag.model.snapshot import SCHEMA
from tests.captures import FIXTURES

LAB = FIXTURES / "pcaps"


def stored(scenario: str, name: str = "host") -> dict[str, Any]:
    """Return a snapshot of the lab as what its JSON holds."""
    document: dict[str, Any] = json.loads((LAB / scenario / f"{name}.json").read_text())
    return document


def least(**members: object) -> dict[str, Any]:
    """Return the smallest snapshot, with these members."""
    return {"schema": SCHEMA, "time": "1700000000.000000000", **members}


def written(folder: Path, document: object, name: str = "host.json") -> str:
    """Write a document and return its path."""
    path = folder / name
    path.write_text(json.dumps(document))
    return str(path)
