"""A program that reads one capture after the other needs memory for one of them at a time."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.pipeline import analyze
from tests.captures import FIXTURES


@pytest.fixture
def _no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collection")
@pytest.mark.parametrize(
    "capture",
    [
        "tcp.connection_refused-closed-port/client.pcap",
        "http.local_reply-envoy-retries/proxy.pcap",
        "tls.certificate_expired-envoy/proxy.pcap",
        "healthy-h2-drain-envoy/proxy.pcap",
    ],
)
def test_an_analysis_goes_with_its_report(capture: str) -> None:
    before = trackers()
    report = analyze([FIXTURES / "pcaps" / capture], AnalyzeOptions(all_connections=True))
    assert len(list(report.connections)) == report.summary.connections
    assert trackers() == before + 1
    del report
    assert trackers() == before


def trackers() -> int:
    return sum(type(one) is Tracker for one in gc.get_objects())
