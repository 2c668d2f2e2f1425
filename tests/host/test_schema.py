"""docs/snapshot.schema.json is what the program writes, and every member of it is described."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from pcapdiag.host.load import encode_snapshot
from pcapdiag.host.take import take_snapshot
from pcapdiag.model import snapshot as model
from pcapdiag.model import snapshot_envoy
from pcapdiag.model.snapshot import Snapshot
from tests.captures import FIXTURES

pytestmark = pytest.mark.once

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "snapshot.schema.json").read_text()
)
STORED = sorted(
    path.parent / name
    for path in FIXTURES.glob("pcaps/*/truth.json")
    for name in json.loads(path.read_text()).get("snapshots", [])
)


def objects(schema: object) -> typing.Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for member in schema.values():
            yield from objects(member)


def test_every_member_is_described() -> None:
    silent = [
        name
        for one in objects(SCHEMA)
        for name, member in one["properties"].items()
        if len(member.get("description", "")) < 4
    ]
    assert not silent


def test_the_schema_has_the_members_of_the_classes() -> None:
    told = {frozenset(one["properties"]) for one in objects(SCHEMA)}
    classes = [
        kind
        for kind in [*vars(model).values(), *vars(snapshot_envoy).values()]
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not model.Part
    ]
    written = {
        frozenset(field.encode_name for field in msgspec.structs.fields(kind)) for kind in classes
    }
    assert told == written


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_stored_snapshots_are_valid(path: Path) -> None:
    jsonschema.validate(json.loads(path.read_text()), SCHEMA)
    assert msgspec.json.decode(path.read_bytes(), type=Snapshot).sockets.listeners is not None


def test_a_snapshot_of_this_host_is_valid() -> None:
    jsonschema.validate(json.loads(encode_snapshot(take_snapshot())), SCHEMA)


def test_the_schema_rejects() -> None:
    document = json.loads(encode_snapshot(take_snapshot()))
    document["sockets"]["listeners"] = [{"address": "::"}]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)
