"""Nothing that a user can type, get or read is undocumented."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from docsite import columns, options, schema
from docsite.places import DOCS
from pcapdiag.cli import status
from pcapdiag.cli.main import cli
from pcapdiag.fleet.columns import TABLES

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = "capture|dns|endpoint|grpc|health|http2?|icmp|mtu|path|protocol|tcp|tls"
CODE = re.compile(rf'"((?:{FAMILIES})\.[a-z0-9_]*[a-z0-9])"')
"""Verdicts and findings as the package writes them."""
NO_CODES = {"capture.pcap"}


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_command_and_option_is_told() -> None:
    text = page("cli.md")
    for name, command in cli.commands.items():
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


def test_every_verdict_and_finding_is_told() -> None:
    sources = (ROOT / "pcapdiag").rglob("*.py")
    codes = {code for path in sources for code in CODE.findall(path.read_text(encoding="utf-8"))}
    told = set(re.findall(rf"^\| \[`((?:{FAMILIES})\.\w+)`\]", page("verdicts.md"), re.MULTILINE))
    assert codes - NO_CODES == told


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
