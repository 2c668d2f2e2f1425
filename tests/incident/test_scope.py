"""What became of the other connections to an endpoint counts by the last judgement."""

from __future__ import annotations

import pytest

import pcapdiag
from tests.captures import FIXTURES

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("name", "file"),
    [
        # Only the proxy's other leg, which ends later, shows that these failed.
        ("http.response_rejected-envoy-two-lengths", "proxy.pcap"),
        ("http.response_lost-haproxy-401", "proxy.pcap"),
        ("tcp.connection_refused-one-of-many", "client.pcap"),
    ],
)
def test_a_failed_connection_is_among_those_that_failed(name: str, file: str) -> None:
    report = pcapdiag.analyze(FIXTURES / "pcaps" / name / file)
    failed = [one for one in report.connections if one.verdict.failed]
    assert failed
    for one in failed:
        alike = [other for other in failed if other.responder == one.responder]
        assert one.scope is not None
        assert one.scope.failed == len(alike)
        assert one.scope.worked == one.scope.connections - len(alike)
