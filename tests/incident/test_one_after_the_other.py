"""A program that reads one capture after the other needs memory for a few of them, and not for all.

An analysis is a circle of references: the collection of garbage has to come by for it.
"""

from __future__ import annotations

import gc

from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.pipeline import analyze
from tests.captures import FIXTURES

CAPTURE = FIXTURES / "pcaps/tcp.connection_refused-closed-port/client.pcap"


def test_analyses_are_forgotten() -> None:
    assert gc.isenabled()
    for _ in range(40):
        assert analyze([CAPTURE], AnalyzeOptions()).summary.failed
    assert sum(type(one) is Tracker for one in gc.get_objects()) <= 20
    assert gc.isenabled()
