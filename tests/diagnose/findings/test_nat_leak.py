"""Finding path.nat_leak: packets that a NAT should have translated."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.nat_leak import NatLeak
from pcapdiag.model.fleet import Fleet, LeakFact

pytestmark = pytest.mark.once


def leak(number: int, stranger: str = "10.0.2.7") -> LeakFact:
    return LeakFact(
        host="10.0.1.5",
        port=40_000 + number,
        stranger=stranger,
        stranger_port=8080,
        known="203.0.113.80",
        known_port=80,
        stream=10 + number,
        of_stream=number,
        frames=[20 + number, 30 + number],
        time=1_700_000_000_000_000_000 + number,
    )


def test_leaks_of_one_address_are_one_finding() -> None:
    (finding,) = NatLeak().findings(Fleet(leaks=[leak(1), leak(2)]))
    assert (finding.code, finding.severity, finding.count) == ("path.nat_leak", "failure", 2)
    assert finding.title == "packets of 10.0.2.7 arrive untranslated, in place of 203.0.113.80"
    assert "2 connections of 10.0.1.5 to 203.0.113.80:80 went on from 10.0.2.7:8080" in (
        finding.detail
    )
    assert finding.streams == [1, 2, 11, 12]
    assert finding.endpoint == "203.0.113.80:80"
    assert finding.commands[0] == "conntrack -L -p tcp --reply-src 10.0.2.7  # on the NAT"


def test_each_hidden_address_is_told_by_itself() -> None:
    found = NatLeak().findings(Fleet(leaks=[leak(1), leak(2, "10.0.2.8"), leak(3, "10.0.2.8")]))
    assert [one.addresses[0] for one in found] == ["10.0.2.8", "10.0.2.7"]


def test_no_leak_no_finding() -> None:
    assert NatLeak().findings(Fleet()) == []
