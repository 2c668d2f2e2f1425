"""Nothing that a user can type, get or read is undocumented."""

from __future__ import annotations

import re

import click
import pytest

from docsite import columns, metrics, options, schema
from docsite.places import DOCS
from pcapdiag.cli import status
from pcapdiag.cli.main import cli
from pcapdiag.diagnose.pages import codes
from pcapdiag.triage.columns import TABLES

pytestmark = pytest.mark.once


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_command_and_option_is_told() -> None:
    text = page("cli.md")
    for name, command in cli.all_commands().items():
        assert f"\n## pcapdiag {name}\n" in text
        assert f"<!-- options of {name} -->" in text
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.opts[-1]}"
    assert options.refreshed(text) == text, "scripts/docs --write makes the tables anew"


def test_every_column_of_triage_is_told() -> None:
    text = page("triage.md")
    for name in TABLES:
        assert f"<!-- columns of {name} -->" in text
    assert columns.refreshed(text) == text, "scripts/docs --write makes the tables anew"


def test_every_metric_is_told() -> None:
    text = page("metrics.md")
    assert "<!-- metrics -->" in text
    assert metrics.refreshed(text) == text, "scripts/docs --write makes the table anew"


def test_every_verdict_and_finding_is_told() -> None:
    told = set(re.findall(r"^\| \[?`(ok|[a-z0-9]+\.\w+)`", page("verdicts.md"), re.MULTILINE))
    assert set(codes()) == told


def test_every_member_of_the_report_is_told() -> None:
    silent = [
        path for path, member in schema.members(schema.load()) if not member.get("description")
    ]
    assert silent == []


def test_every_exit_status_is_told() -> None:
    stated = {value for name, value in vars(status).items() if name.isupper()}
    told = [
        int(number) for number in re.findall(r"^\| (\d+) \|", page("exit-status.md"), re.MULTILINE)
    ]
    assert sorted(stated) == told
