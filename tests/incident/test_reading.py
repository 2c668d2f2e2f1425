"""What is read of connections above TCP, and what of it stays."""

from __future__ import annotations

import pytest

from pcapdiag.capture import Capture
from pcapdiag.flow.records import Flow
from pcapdiag.incident.analysis import Analysis
from pcapdiag.incident.reading import Readers
from pcapdiag.model.application import Application
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.story import Story
from pcapdiag.pipeline import analyze
from tests.captures import FIXTURES


@pytest.mark.parametrize(
    "capture", ["tls.certificate_expired-curl/client.pcap", "grpc.error-unavailable/client.pcap"]
)
def test_a_reader_goes_when_its_connection_is_told(
    capture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands that end together are held until the last one is judged, but not their readers."""
    read: list[Flow] = []
    application = Readers.application

    def told(readers: Readers, flow: Flow, story: Story) -> Application | None:
        read.append(flow)
        return application(readers, flow, story)

    monkeypatch.setattr(Readers, "application", told)
    analysis = Analysis(Capture.open([str(FIXTURES / "pcaps" / capture)]), AnalyzeOptions())
    for batch in analysis.capture.batches():
        assert batch is not None
        analysis.take(batch)
    analysis.finish()
    assert read
    assert all(flow.reading is None for flow in read)


def test_a_key_log_of_another_run_is_told() -> None:
    def notes(keys: str) -> list[str]:
        options = AnalyzeOptions(keylog=str(FIXTURES / "pcaps" / keys / "keylog.txt"))
        return analyze(
            [FIXTURES / "pcaps/http2.goaway-inside-tls/client.pcap"], options
        ).capture.notes

    (note,) = [one for one in notes("http2.rst_stream-inside-tls") if one.startswith("key log")]
    assert "no secret of 1 TLS connection" in note
    assert not [one for one in notes("http2.goaway-inside-tls") if one.startswith("key log")]
