"""What the reader is told, whatever strangers wrote."""

from __future__ import annotations

import msgspec
import pytest

from pcapdiag.bundle import readme
from pcapdiag.bundle.vendors.registry import VENDORS
from tests.bundle.make import REFUSED, bundle

HOSTILE = "x](javascript:alert(1)) <img src=x onerror=y> `id` =cmd|'/c calc'!A0 \x1b]0;t\x07 |a|\nb"


def told(vendor: str = "generic", title: str = "") -> str:
    made = bundle(REFUSED)
    report = made.report
    if title:
        groups = [msgspec.structs.replace(group, title=title) for group in report.groups]
        report = msgspec.structs.replace(report, groups=groups)
    what = {"capture.pcapng": "the packets"}
    return readme.render(readme.Told(report, made.manifest, VENDORS[vendor], what))


@pytest.mark.parametrize("name", VENDORS)
def test_each_vendor_gets_what_it_asks_for(name: str) -> None:
    text, vendor = told(name), VENDORS[name]
    assert f"## For {vendor.reader}" in text
    for what, where in vendor.fill_in:
        assert f"| {what} | {where} |" in text
    assert all(page in text for page in vendor.sources)
    assert text.index(f"## For {vendor.reader}") < text.index("## What is in here")
    assert "2026-11-28T19:58:07.975Z" in text
    assert "(UTC, " in text


def test_it_says_what_failed_who_did_it_and_what_is_asked() -> None:
    text = told("aws")
    assert text.startswith("# 2 failed connections: ")
    assert "tcp.connection_refused" in text
    assert "who: the upstream" in text
    assert "What did `" in text
    assert "Original addresses" in text
    assert "VPC Flow Logs" in text
    assert "searched for what was renamed" in text


def test_hostile_texts_do_no_harm() -> None:
    text = told(title=HOSTILE)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "<img" not in text
    assert "](javascript" not in text
    rows = [line for line in text.splitlines() if line.startswith(("=", "|a|"))]
    assert rows == []
