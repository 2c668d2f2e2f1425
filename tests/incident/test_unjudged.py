"""A fault of ours over one connection takes nothing from the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pcapdiag import pipeline
from pcapdiag.cli.main import cli
from pcapdiag.diagnose.judge import judge_first
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.incident import analysis
from pcapdiag.incident.telling import Teller, Told
from pcapdiag.model.context import Context
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Report
from pcapdiag.model.story import Story
from pcapdiag.triage.examine import examine
from tests.triage.several import task

PCAPS = Path(__file__).resolve().parents[2] / "fixtures" / "pcaps"
CAPTURE = PCAPS / "endpoint.down-silent-for-a-while" / "client.pcap"
FAULTY = 19
"""A stream, among others that failed alike."""


@pytest.fixture(scope="module")
def before() -> Report:
    return pipeline.analyze([str(CAPTURE)], AnalyzeOptions())


@pytest.fixture(params=["ended", "again"])
def _faulty(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one connection be too much for us, at its end or when all is known."""
    monkeypatch.delenv("PCAPDIAG_DEBUG", raising=False)
    tell = Teller.tell

    def at_its_end(story: Story, context: Context) -> object:
        if story.stream == FAULTY:
            raise KeyError("a fault of ours")
        return judge_first(story, context)

    def again(teller: Teller, story: Story, context: Context, judgement: Judgement) -> Told:
        if story.stream == FAULTY:
            raise KeyError("a fault of ours")
        return tell(teller, story, context, judgement)

    if request.param == "ended":
        monkeypatch.setattr(analysis, "judge_first", at_its_end)
    else:
        monkeypatch.setattr(Teller, "tell", again)


@pytest.mark.usefixtures("_faulty")
def test_the_others_are_told(before: Report) -> None:
    report = pipeline.analyze([str(CAPTURE)], AnalyzeOptions())
    streams = [one.stream for one in before.connections]
    assert FAULTY in streams
    assert [one.stream for one in report.connections] == [n for n in streams if n != FAULTY]
    assert report.summary.connections == before.summary.connections
    assert report.summary.by_verdict["capture.partial"] == 1
    assert report.capture.counts.unjudged == 1


@pytest.mark.usefixtures("_faulty")
def test_it_is_said_and_the_status_is_that_of_an_internal_error() -> None:
    result = CliRunner().invoke(cli, ["analyze", str(CAPTURE)])
    assert result.exit_code == 3
    said = " ".join(result.output.split())
    assert "internal error: 1 connection could not be judged" in said
    assert "stream 19: KeyError: 'a fault of ours'" in said
    assert "FAILED" in said


@pytest.mark.usefixtures("_faulty")
def test_triage_calls_the_capture_crashed() -> None:
    outcome = examine(task(CAPTURE))
    assert outcome is not None
    assert (outcome.status, outcome.transient) == ("crash", True)
    assert outcome.reason == "internal error over 1 connection; analyze tells the others"


@pytest.mark.usefixtures("_faulty")
def test_who_looks_for_it_sees_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCAPDIAG_DEBUG", "1")
    with pytest.raises(KeyError, match="a fault of ours"):
        pipeline.analyze([str(CAPTURE)], AnalyzeOptions())
