"""The tables say what the report says."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet
import pytest

from pcapdiag import pipeline
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Report
from pcapdiag.model.units import parse_seconds
from pcapdiag.report.json import render_line
from pcapdiag.report.jsonl import report_lines
from pcapdiag.triage.cells import cells
from pcapdiag.triage.columns import TABLES, Column
from pcapdiag.triage.parquet import ParquetFile
from tests.triage.several import DOZEN, run, tree

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("triage") / "out"
    run(folder, DOZEN)
    return folder


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return {str(path): pipeline.analyze([str(path)], AnalyzeOptions()) for path in DOZEN}


def table(out: Path, name: str) -> list[dict[str, object]]:
    """All rows of a table, read by DuckDB, the day's column with them."""
    found = duckdb.sql(
        f"SELECT * FROM read_parquet('{out}/{name}/*/*.parquet', hive_partitioning = true)"
    )
    assert found is not None
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def test_each_connection_of_a_report_is_a_row(out: Path, reports: dict[str, Report]) -> None:
    rows = {(row["capture"], row["stream"]): row for row in table(out, "connections")}
    assert len(rows) == sum(len(report.connections) for report in reports.values())
    for path, report in reports.items():
        for one in report.connections:
            row = rows[path, one.stream]
            verdict, who = one.verdict, one.verdict.attribution
            assert row["code"] == verdict.code
            assert row["failed"] == verdict.failed
            assert row["title"] == verdict.title
            assert row["confidence"] == verdict.confidence
            assert (row["side"], row["party"], row["address"]) == (
                who.side,
                who.party,
                who.address,
            )
            assert (row["initiator_ip"], row["initiator_port"]) == (
                one.initiator.ip,
                one.initiator.port,
            )
            assert row["start_ns"] == parse_seconds(one.start)
            assert row["end_ns"] == parse_seconds(one.end)
            assert row["bytes_responder"] == one.bytes.responder
            assert row["caused_by"] == one.caused_by
            assert row["cause_code"] == (one.causes[-1].code if one.causes else None)
            assert row["other_codes"] == [other.code for other in one.other_failures]
            assert row["frames"] == verdict.frames
            assert row["resets"] == len(one.resets)


def test_the_request_that_failed_is_in_its_row(out: Path, reports: dict[str, Report]) -> None:
    found = 0
    rows = {(row["capture"], row["stream"]): row for row in table(out, "connections")}
    for path, report in reports.items():
        for one in report.connections:
            row = rows[path, one.stream]
            if one.http is None or one.verdict.exchange is None:
                assert row["request_method"] is None
                continue
            (exchange,) = [e for e in one.http.exchanges if e.index == one.verdict.exchange]
            found += 1
            assert row["request_method"] == exchange.method
            assert row["response_status"] == exchange.status
    assert found


def test_each_finding_is_a_row_and_connections_point_to_it(
    out: Path, reports: dict[str, Report]
) -> None:
    rows = {(row["capture"], row["number"]): row for row in table(out, "findings")}
    assert len(rows) == sum(len(report.findings) for report in reports.values()) > 3
    for path, report in reports.items():
        for number, finding in enumerate(report.findings):
            row = rows[path, number]
            assert (row["code"], row["severity"]) == (finding.code, finding.severity)
            assert row["streams"] == finding.streams
        for one in report.connections:
            for number in one.findings:
                assert one.stream in rows[path, number]["streams"]  # type: ignore[operator]


def test_each_capture_is_a_row(out: Path, reports: dict[str, Report]) -> None:
    rows = {row["capture"]: row for row in table(out, "captures")}
    assert set(rows) == set(reports)
    for path, report in reports.items():
        row, capture = rows[path], report.capture
        assert (row["status"], row["connections"], row["failed"]) == (
            "examined",
            report.summary.connections,
            report.summary.failed,
        )
        severities = Counter(finding.severity for finding in report.findings)
        assert row["findings_warning"] == severities["warning"]
        assert row["size"] == Path(path).stat().st_size
        assert (row["packets"], row["complete"]) == (capture.packets, capture.complete)
        first = parse_seconds(str(capture.first_time)) // 10**9
        assert row["day"] == datetime.fromtimestamp(first, UTC).date()


def test_the_lines_are_those_of_analyze(out: Path, reports: dict[str, Report]) -> None:
    lines = [
        json.loads(line)
        for path in sorted((out / "lines").rglob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    mine = Counter(_without_digest(line) for line in lines if line["type"] != "outcome")
    theirs = Counter(
        _without_digest(json.loads(render_line(line)))
        for report in reports.values()
        for line in report_lines(report)
    )
    assert mine == theirs
    assert sum(line["type"] == "outcome" for line in lines) == len(DOZEN)


def _without_digest(line: dict[str, object]) -> str:
    capture = line["capture"]
    assert isinstance(capture, dict)
    for file in capture["files"]:
        if isinstance(file, dict):
            file.pop("sha256", None)
    return json.dumps(line, sort_keys=True)


def test_every_column_has_a_value_somewhere_or_is_known_to_be_rare(out: Path) -> None:
    """A path of members that no report has would give a column of nulls."""
    rare = {
        "address", "ended_by", "same_as", "grpc_status", "reason", "damage", "compression",
        "initiator_name", "responder_name", "addresses", "envoy_flag", "envoy_reset_reason",
            "other_codes",
    }  # fmt: skip
    empty = {
        column.name
        for name, columns in TABLES.items()
        for column in columns
        if all(row[column.name] in (None, []) for row in table(out, name))
    }
    assert empty <= rare


def test_each_column_is_typed_and_described(out: Path) -> None:
    for name, columns in TABLES.items():
        path = sorted((out / name).rglob("*.parquet"))[0]
        schema = pyarrow.parquet.read_schema(path)
        assert schema.names == [column.name for column in columns]
        for column, field in zip(columns, schema, strict=True):
            assert field.metadata[b"description"].decode() == column.means
            if column.kind == "time":
                assert str(field.type) == "timestamp[us, tz=UTC]"


def test_a_value_is_found_along_its_path() -> None:
    columns = (
        Column("codes", "texts", "a.list[].code", ""),
        Column("last", "text", "a.list[-1].code", ""),
        Column("length", "integer", "a.list#", ""),
        Column("absent", "number", "a.none.deep", ""),
        Column("time", "time", "a.time", ""),
    )
    line = {"a": {"list": [{"code": "x"}, {"code": "y"}], "none": None, "time": "1.000002003"}}
    assert cells(columns, line) == [["x", "y"], "y", 2, None, 1_000_002]
    assert cells(columns, {}) == [[], None, 0, None, None]


def test_rows_are_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapdiag.triage.parquet.ROW_GROUP", 2)
    path = tmp_path / "part.parquet"
    columns = TABLES["connections"][:2]
    with path.open("wb") as stream, ParquetFile(stream, columns) as file:
        for number in range(5):
            file.add([str(number), "x"])
    read = pyarrow.parquet.ParquetFile(path)
    assert (read.num_row_groups, read.read().column("sha256").to_pylist()) == (3, list("01234"))
    read.close()


def test_healthy_connections_are_rows_only_where_asked(
    tmp_path: Path, reports: dict[str, Report]
) -> None:
    path = max(
        DOZEN, key=lambda p: len(reports[str(p)].connections) * 0 + _healthy(reports[str(p)])
    )
    run(tmp_path / "out", [path], AnalyzeOptions(all_connections=True))
    failed = {row["failed"] for row in table(tmp_path / "out", "connections")}
    assert failed == {True, False}


def _healthy(report: Report) -> int:
    return report.summary.connections - report.summary.failed


def test_lines_alone_leave_no_tables(tmp_path: Path) -> None:
    run(tmp_path / "out", DOZEN[:1])
    run(tmp_path / "out", DOZEN[:1], form="jsonl")
    assert {name.partition("/")[0] for name in tree(tmp_path / "out")} == {
        "lines",
        "summary.html",
        "summary.json",
    }
    run(tmp_path / "out", DOZEN[:1])
    assert table(tmp_path / "out", "connections")
