"""What the page says before any script: the terminal's words, group by group."""

from __future__ import annotations

import msgspec

from pcapdiag.model.report import Cause, Connection, Group, Report, Topology
from pcapdiag.report.clock import Clock
from pcapdiag.report.html.members import Members
from pcapdiag.report.html.slips import Slip, SlipPage, slips_of
from pcapdiag.report.html.told import Teller, Told
from pcapdiag.report.html.topology import draw_topology
from tests.report.fabricate import START, healthy, refused, replied, report


def told(of: Report) -> list[Told]:
    return list(Teller(of, Clock(start=str(START))).groups())


def labels(slips: list[Slip]) -> list[str]:
    return [slip.label for slip in slips]


def test_a_group_says_what_the_terminal_says_in_its_order() -> None:
    (group,) = told(report([refused(17), refused(18, 2.0)]))
    assert (group.count, group.party, group.sure) == ("2", "upstream", "0.93")
    assert group.verdict == "tcp.connection_refused  0.99"
    assert group.first_fix.startswith("Is the service on 10.0.2.7 running")
    assert labels(group.slips) == [
        "FAILED", "WHAT", "WHO", "CHAIN", "FOR", "AGAINST", "SCOPE", "FIX", "NEXT", "SEE", "SEE",
    ]  # fmt: skip
    see, log = group.slips[-2:]
    assert (see.kind, see.texts) == ("commands", ["tcp.stream in {17, 18}"])
    assert log.texts == ["Envoy log: UF, remote connection failure"]


def test_an_effect_names_its_cause() -> None:
    effect, cause = replied(1), refused(17)
    effect.causes = [
        Cause(stream=17, frame=1, code="tcp.connection_refused", endpoint="10.0.2.7:8443")
    ]
    first, second = told(report([effect, cause]))
    assert (first.cause, first.cause_title) == (second.number, cause.verdict.title)
    assert "FIX" not in labels(first.slips)


def test_everything_is_told_of_one_connection() -> None:
    one = refused()
    sign = one.verdict.attribution.evidence[0]
    one.verdict.attribution.evidence += [
        msgspec.structs.replace(sign, signal=f"s{n}", detail=f"sign {n}") for n in range(9)
    ]
    slips = Teller(report([one]), Clock()).connection(one)
    (found,) = [slip for slip in slips if slip.label == "FOR"]
    assert len(found.texts) == 10


def test_what_worked_has_its_filter() -> None:
    one = healthy(3)
    (see,) = Teller(report([one]), Clock()).connection(one)
    assert (see.label, see.texts) == ("SEE", ["tcp.stream==3"])


def test_rows_of_one_label_are_one_slip() -> None:
    page = SlipPage()
    page.labelled("FOR", "one")
    page.labelled("FOR", "two")
    page.labelled("", "three")
    page.with_right("BECAUSE", "four", "code")
    page.with_right("BECAUSE", "five", "code")
    slips = slips_of(iter(()), page)
    assert [slip.texts for slip in slips] == [["one", "two", "three"], ["four"], ["five"]]
    assert slips_of(iter(()), page) == []


def test_filters_of_several_points_stand_alone() -> None:
    page = SlipPage()
    page.labelled(
        "SEE", "client: tcp.stream==1   a.b: tcp.stream in {2, 3} and 4 more   Envoy log: UF"
    )
    assert [(s.right, s.texts) for s in page.slips] == [
        ("client", ["tcp.stream==1"]),
        ("a.b", ["tcp.stream in {2, 3}"]),
        ("", ["and 4 more", "Envoy log: UF"]),
    ]


def test_a_connection_is_a_member_of_the_nearest_group() -> None:
    one, base = refused(port=8443), report([refused(port=8443)]).groups[0]
    host = msgspec.structs.replace(base, responder="10.0.2.7")
    other = msgspec.structs.replace(base, responder="10.0.2.7:9000")
    anyone = msgspec.structs.replace(base, address=None, responder=None)
    assert place(one, other, anyone, host, base) == 3
    assert place(one, other, anyone, host) == 2
    assert place(one, other, anyone) == 1
    assert place(one, other) == -1


def place(one: Connection, *groups: Group) -> int:
    return Members(groups).group_of(one)


def test_legs_count_what_failed_and_of_how_many() -> None:
    (row,) = draw_topology(report([refused(17), refused(18, port=9000)]))
    (line,) = row.lines
    assert (line.failed, line.of) == ("2", "30 connections")
    assert line.by_party == [("upstream", "upstream", "2")]
    assert [node.name for node in row.nodes] == ["proxy", "upstream"]


def test_both_legs_of_a_proxy_are_one_row() -> None:
    made = report([refused(17)])
    made.topology = Topology(
        clients=["10.0.0.9"],
        proxies=["10.0.1.5"],
        upstreams=["10.0.2.6", "10.0.2.7"],
        assumed=False,
    )
    (row,) = draw_topology(made)
    assert [line.failed for line in row.lines] == ["", "1"]
    assert [node.name for node in row.nodes] == ["client", "proxy", "upstream"]
    assert row.nodes[2].addresses == ["10.0.2.7", "10.0.2.6"]


def test_nothing_is_drawn_where_nothing_failed() -> None:
    assert draw_topology(report([], ok=3)) == []
