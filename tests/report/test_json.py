"""JSON and JSON lines: valid against the schema, masked, harmless to print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from pcapdiag.model.report import CaptureSummary, FileError, PathFacts, Report
from pcapdiag.model.report_line import LineCapture
from pcapdiag.report.escape import json_safe
from pcapdiag.report.json import render_json, render_line
from pcapdiag.report.jsonl import report_lines
from tests.report.fabricate import finding, healthy, refused, replied, report, summary_of

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "report.schema.json").read_text()
)


def checked(shown: Report) -> Any:  # noqa: ANN401
    document = json.loads("".join(render_json(shown)))
    jsonschema.validate(document, SCHEMA)
    return document


def damaged() -> CaptureSummary:
    capture = summary_of("c.pcap")
    capture.complete = capture.files[0].complete = False
    capture.files[0].error = FileError(byte=99, message="cut short")
    return capture


@pytest.mark.parametrize(
    "shown",
    [
        report([]),
        report(),
        report([refused(), healthy()], ok=3, findings=[finding()]),
        report([replied()]),
        report([], capture=summary_of("empty.pcap", packets=0)),
        report([], capture=damaged()),
    ],
)
def test_every_report_is_valid(shown: Report) -> None:
    document = checked(shown)
    assert document["schema"] == "pcapdiag-report/1"
    assert sum(document["summary"]["by_verdict"].values()) == document["summary"]["connections"]


def test_the_schema_is_one_that_rejects() -> None:
    document = checked(report())
    document["connections"][0]["verdict"]["attribution"]["side"] = "nobody"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_members_have_the_schema_s_names() -> None:
    failed = refused()
    failed.path = PathFacts(vlans=[7])
    (connection,) = checked(report([failed]))["connections"]
    assert connection["resets"][0]["from"] == "responder"
    assert connection["timeline"][1]["from"] == "responder"
    assert connection["path"]["vlans"] == [7]
    assert connection["start"] == "1700000001.204000000"


def test_every_member_we_write_is_in_the_schema() -> None:
    document = checked(report([refused()], findings=[finding()]))
    connection = SCHEMA["$defs"]["connection"]["properties"]
    assert set(document["connections"][0]) <= set(connection)
    assert set(document["summary"]) <= set(SCHEMA["properties"]["summary"]["properties"])
    assert set(document["findings"][0]) <= set(SCHEMA["$defs"]["finding"]["properties"])
    assert set(document["groups"][0]) <= set(SCHEMA["properties"]["groups"]["items"]["properties"])


def test_every_member_of_a_request_is_in_the_schema() -> None:
    (connection,) = checked(report([replied()]))["connections"]
    http = SCHEMA["$defs"]["connection"]["properties"]["http"]["properties"]
    exchange = http["exchanges"]["items"]["properties"]
    assert set(connection["http"]) <= set(http)
    for told in connection["http"]["exchanges"]:
        assert set(told) <= set(exchange)
        for member in ("local_reply", "grpc"):
            assert set(told[member] or {}) <= set(exchange[member]["properties"])
    verdict = SCHEMA["$defs"]["verdict"]["properties"]
    for told in (connection["verdict"], *connection["other_failures"]):
        assert set(told) <= set(verdict)
    envoy = verdict["envoy"]["properties"]
    assert set(connection["verdict"]["envoy"]["observed"]) <= set(envoy["observed"]["properties"])


def test_json_is_safe_to_print_and_loses_nothing() -> None:
    name = "a\x1b[2J\u202eb\x9b\x7f\u0301\U000e0041 \u00e9 \u4e2d"
    failed = refused()
    failed.responder.name = name
    printed = "".join(render_json(report([failed])))
    assert not set("\x1b\u202e\x9b\x7f\u0301\U000e0041") & set(printed)
    assert "\u00e9 \u4e2d" in printed
    assert json.loads(printed)["connections"][0]["responder"]["name"] == name


def test_a_file_name_that_is_not_utf8_can_be_written() -> None:
    assert "b\\\\udcffd" in "".join(render_json(report(capture=summary_of("b\udcffd.pcap"))))


def test_secrets_are_masked_wherever_they_stand() -> None:
    failed = refused()
    failed.verdict.notes = ["GET /a?key=s3cret"]
    failed.verdict.attribution.evidence[0].detail = "Set-Cookie: id=s3cret"
    failed.timeline[0].detail = "token=s3cret"
    assert "s3cret" not in "".join(render_json(report([failed])))
    asked = replied()
    assert asked.http
    asked.http.exchanges[1].target = "/pay?a=1&session=s3cret"
    assert "s3cret" not in "".join(render_json(report([asked])))


def test_lines_end_with_the_summary_and_each_has_what_its_type_says() -> None:
    shown = report([refused(), healthy()], ok=2, findings=[finding()], capture=damaged())
    lines = [json.loads(render_line(line)) for line in report_lines(shown)]
    assert [line["type"] for line in lines] == [
        "connection", "connection", "group", "finding", "error", "summary",
    ]  # fmt: skip
    for line in lines:
        assert set(line) == {"schema", "type", "capture", line["type"]}
        assert line["schema"] == "pcapdiag-line/1"
        assert "c.pcap" in str(line["capture"]["files"])
    assert lines[4]["error"] == {"file": "c.pcap", "message": "cut short", "byte": 99}
    assert lines[-1]["capture"]["packets"] == 1234
    jsonschema.validate(
        lines[0]["connection"], {**SCHEMA["$defs"]["connection"], "$defs": SCHEMA["$defs"]}
    )


def test_one_line_is_one_line() -> None:
    failed = refused()
    failed.verdict.title = "a\nb"
    (first, *_) = report_lines(report([failed]))
    assert render_line(first).count("\n") == 1
    assert isinstance(first.capture, LineCapture)


def test_whatever_may_be_null_may_be_null_in_the_schema() -> None:
    failed = replied()
    everything = report([failed, healthy()], findings=[finding()], capture=damaged())
    failed.path = PathFacts()
    emptied = 0
    for value in _structs(everything):
        for field in msgspec.structs.fields(value):
            if type(None) in get_args(field.type):
                setattr(value, field.name, None)
                emptied += 1
    assert emptied > 20
    checked(everything)


def _structs(value: object) -> Iterator[msgspec.Struct]:
    if isinstance(value, msgspec.Struct):
        yield value
        for name in value.__struct_fields__:
            yield from _structs(getattr(value, name))
    elif isinstance(value, list):
        for member in value:
            yield from _structs(member)


def test_the_one_ascii_control_character_that_json_leaves_is_escaped_too() -> None:
    assert json_safe('"a\x7fb"') == '"a\\u007fb"'
    assert json_safe('"ab"') == '"ab"'
