"""JUnit XML as test servers read it: which cases there are, what failed, and that it is XML."""

from __future__ import annotations

from xml.etree import ElementTree

import junitparser
import pytest

from pcapdiag.model.report import CaptureFile, FileError, Report, UnreadableFile
from pcapdiag.report import junit
from pcapdiag.report.junit import render_junit
from tests.report.fabricate import finding, healthy, refused, report

pytestmark = pytest.mark.once

HOSTILE = "]]> <x> & \" ' \x00\x1b[31m\ufffe\ud800\u202e\r\n</failure>"
PLACES = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase", "system-out"},
    "testcase": {"failure", "error", "skipped"},
}
"""Which elements may be in which, in every dialect."""
NEEDED = {
    "testsuites": {"tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"classname", "name", "time"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"message"},
}


def text(of: Report) -> str:
    return "".join(render_junit(of))


def checked(of: Report) -> ElementTree.Element:
    """Return the suite of a document that has the common form, and counts that are right."""
    root = ElementTree.fromstring(text(of).encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        assert {child.tag for child in element} <= PLACES.get(element.tag, set())
        assert NEEDED.get(element.tag, set()) <= set(element.attrib)
    (suite,) = root
    for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(suite.attrib[count]) == len(suite.findall(f"testcase/{tag}"))
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
    assert all(len(case) <= 1 for case in suite.iter("testcase"))
    return suite


def case(suite: ElementTree.Element, name: str) -> ElementTree.Element:
    (found,) = (case for case in suite.iter("testcase") if case.attrib["name"] == name)
    return found


def test_an_endpoint_is_a_case() -> None:
    other = refused(18)
    other.verdict.code, other.verdict.title = "tcp.connection_timeout", "nobody answered"
    shown = report([refused(), refused(19), other, healthy()], findings=[finding()])
    suite = checked(shown)
    assert [one.attrib["name"] for one in suite.iter("testcase")] == [
        "capture.pcap",
        "10.0.2.7:8443",
        "10.0.2.7:9090",
        "endpoint.down: 10.0.2.7:8443 stopped serving",
    ]
    assert len(case(suite, "10.0.2.7:9090")) == 0
    failure = case(suite, "10.0.2.7:8443")[0]
    assert failure.attrib == {
        "type": "tcp.connection_refused",
        "message": "3 of 3 connections failed: 10.0.1.5 could not connect to 10.0.2.7:8443: "
        "refused; and 1 more kind of failure",
    }
    told = failure.text or ""
    assert "FAILED  2 connections to 10.0.2.7:8443" in told
    assert "NEXT    ss -ltnp 'sport = :8443'" in told
    assert "nobody answered" in told
    assert suite.attrib["timestamp"] == "2023-11-14T22:13:20"
    assert text(shown) == text(shown)


def test_test_servers_libraries_read_it() -> None:
    read = junitparser.JUnitXml.fromstring(text(report([refused(), healthy()])).encode())
    (suite,) = read
    assert (read.tests, read.failures, read.errors, suite.tests) == (3, 1, 0, 3)
    failed = [one for one in suite if one.result]
    assert [one.name for one in failed] == ["10.0.2.7:8443"]
    assert isinstance(failed[0].result[0], junitparser.Failure)


def test_what_could_not_be_read_or_judged_did_not_pass() -> None:
    partial = healthy(2)
    partial.verdict.code = "capture.partial"
    shown = report([partial])
    damaged = CaptureFile(path="cut.pcap", format="pcap")
    damaged.error = FileError(byte=99, message="the file ends in a packet")
    shown.capture.files.append(damaged)
    shown.capture.unreadable.append(UnreadableFile(path="gone.pcap", message="no such file"))
    suite = checked(shown)
    assert case(suite, "gone.pcap")[0].tag == "error"
    assert case(suite, "cut.pcap")[0].tag == "skipped"
    assert case(suite, "10.0.2.7:9090")[0].tag == "skipped"


def test_a_finding_that_only_warns_is_no_failure() -> None:
    warning = finding()
    warning.severity = "warning"
    suite = checked(report([healthy()], findings=[warning]))
    assert suite.attrib["failures"] == "0"
    assert "warning: 10.0.2.7:8443 stopped serving" in (suite.findtext("system-out") or "")


def test_one_connection_before_and_behind_a_nat_counts_once() -> None:
    twin = refused(18, port=9999)
    twin.same_as = 17
    names = [one.attrib["name"] for one in checked(report([refused(), twin])).iter("testcase")]
    assert "10.0.2.7:9999" not in names


def test_further_endpoints_share_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "MAX_ENDPOINTS", 2)
    suite = checked(report([refused(n, port=n) for n in range(1, 6)]))
    assert case(suite, junit.OTHERS)[0].attrib["message"].startswith("3 of 3 connections failed")


def test_whatever_was_captured_it_is_xml() -> None:
    failed, found = refused(), finding()
    failed.verdict.title = failed.verdict.explanation = failed.initiator.name = HOSTILE
    failed.verdict.fixes = failed.verdict.commands = [HOSTILE]
    found.title = found.detail = HOSTILE
    shown = report([failed], findings=[found])
    shown.capture.files[0].path = HOSTILE
    shown.capture.notes.append(HOSTILE)
    suite = checked(shown)
    assert "]]> <x> & \" ' \\x00\\x1b[31m" in suite.attrib["name"]
    assert "</failure>" in (suite.findtext("testcase/failure") or "")
