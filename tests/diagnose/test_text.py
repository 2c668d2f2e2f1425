"""A kind's texts for one connection."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.curl import as_it_speaks
from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.registry import kind_of, kinds
from pcapdiag.diagnose.tcp.closed_before_response import KIND
from pcapdiag.diagnose.text import AtEnds, Words, fill
from pcapdiag.model.report import Side
from pcapdiag.model.story import Story
from tests.captures import FIXTURES
from tests.diagnose.playbook import GET, HANDSHAKE, C, S, around, play
from tests.diagnose.tls.scenes import HELLO, hello, scene

pytestmark = pytest.mark.once

REFUSED = "pcaps/http.local_reply-envoy-refused/proxy.pcap"
WHO = dict.fromkeys(("silent", "receiver", "sender", "prober"), "2001:db8::7")
"""Ends as some kinds call them."""


def over_ipv6() -> Story:
    story = play(*HANDSHAKE)
    story.initiator.address, story.responder.address = "2001:db8::1", "2001:db8::2"
    story.ip_version = 6
    return story


@pytest.mark.parametrize(("request_", "curl"), [(GET, True), (b"*1\r\n$4\r\nPING\r\n", False)])
def test_curl_is_told_only_where_the_port_may_speak_http(request_: bytes, curl: bool) -> None:
    story = play(*HANDSHAKE, C("PSH,ACK", request_), S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
    commands = fill(KIND, judge(story, around(story)), story).commands
    assert any(command.startswith("curl ") for command in commands) is curl
    assert commands


def test_the_filter_for_what_lies_behind_matches_something() -> None:
    story = play(*HANDSHAKE)
    assert Words(story, {})["behind"] == "host 10.0.2.7 and not host 10.0.1.5"
    story.initiator.address = story.responder.address = "127.0.0.1"
    assert Words(story, {})["behind"] == "tcp and not port 8443"
    story.initiator.address, story.responder.address = "10.0.1.5", "127.0.0.1"
    assert Words(story, {})["behind"] == "tcp and not port 8443"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_loopback_address_is_no_place_to_go_to(address: str) -> None:
    story = play(*HANDSHAKE, C("PSH,ACK", GET), S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
    judgement = judge(story, around(story))
    assert any("# on 10.0.2.7" in one for one in fill(KIND, judgement, story).commands)
    story.responder.address = address
    commands = " ".join(fill(KIND, judgement, story).commands)
    assert "# on the captured host" in commands
    assert f"# on {address}" not in commands
    assert "# from 10.0.1.5" in commands


CLOSED = (S("FIN,ACK"), C("FIN,ACK"), S("ACK"))


def test_curl_asks_as_the_connection_did() -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    plain = play(*HANDSHAKE, C("PSH,ACK", GET), *CLOSED)
    assert curl(plain) == "curl -v --max-time 10 'http://10.0.2.7:8443/'  # from 10.0.1.5"
    http2 = play(*HANDSHAKE, C("PSH,ACK", preface), *CLOSED)
    assert curl(http2).startswith("curl --http2-prior-knowledge -v --max-time 10 'http://")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("app.internal", "--connect-to '::10.0.2.7:8443' 'https://app.internal:8443/'"),
        (None, "'https://10.0.2.7:8443/'"),
        ("$(id)", "'https://10.0.2.7:8443/'"),
    ],
)
def test_curl_asks_over_tls_by_the_name_that_was_asked_for(name: str | None, said: str) -> None:
    story = scene(HELLO, *CLOSED, client_hello=hello(sni=name))
    asked = as_it_speaks("curl -v 'http://10.0.2.7:8443/'  # from 10.0.1.5", story)
    assert asked == f"curl -k -v {said}  # from 10.0.1.5"


def curl(story: Story) -> str:
    """The command for a connection."""
    return fill(KIND, judge(story, around(story)), story).commands[0]


def every_command(kind: Kind) -> tuple[str, ...]:
    return (*kind.commands, *kind.path_commands, *kind.responder_commands)


@pytest.mark.parametrize("code", sorted(kinds()))
def test_ss_gets_an_ipv6_address_in_brackets(code: str) -> None:
    for command in every_command(kind_of(code)):
        assert not re.search(r"\bdst \{(?!\w+_host\})", command)


def test_words_of_an_ipv6_connection() -> None:
    words = Words(over_ipv6(), WHO)
    told = "{silent_host} {silent} {responder_host} {initiator_host} {full_ping}".format_map(words)
    assert told == "[2001:db8::7] 2001:db8::7 [2001:db8::2] [2001:db8::1] 1452"
    with pytest.raises(KeyError):
        "{unheard_of}".format_map(words)


def test_programs_are_told_that_it_is_ipv6() -> None:
    told = "{iptables_save}, {nmap}"
    assert told.format_map(Words(play(*HANDSHAKE), {})) == "iptables-save, nmap"
    assert told.format_map(Words(over_ipv6(), {})) == "ip6tables-save, nmap -6"


def test_a_filter_for_flags_looks_into_the_connections_own_version() -> None:
    told = "{is_rst}; {is_rst_or_fin}; {is_syn_or_rst}"
    assert told.format_map(Words(play(*HANDSHAKE), {})) == (
        "tcp[tcpflags] & tcp-rst != 0; tcp[tcpflags] & (tcp-rst|tcp-fin) != 0; "
        "tcp[tcpflags] & (tcp-syn|tcp-rst) != 0"
    )
    assert told.format_map(Words(over_ipv6(), {})) == (
        "ip6[53] & 4 != 0; ip6[53] & 5 != 0; ip6[53] & 6 != 0"
    )


@pytest.mark.needs(program="tcpdump")
@pytest.mark.parametrize("code", sorted(kinds()))
def test_tcpdump_takes_its_filters(code: str) -> None:
    for story in (play(*HANDSHAKE), over_ipv6()):
        words = Words(story, WHO)
        for command in every_command(kind_of(code)):
            found = re.search(r"tcpdump [^']*'([^']*)'", command)
            if found is None:
                continue
            expression = found[1].format_map(words)
            compiled = ["tcpdump", "-d", "-y", "EN10MB", expression]
            done = subprocess.run(compiled, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, ""), expression


@pytest.mark.needs(program="tshark")
def test_tshark_takes_its_filters() -> None:
    found = {
        expression.format_map(Words(play(*HANDSHAKE), {"stream": "1"}))
        for kind in kinds().values()
        for command in every_command(kind)
        for expression in re.findall(r"tshark [^|]*?-Y '([^']*)'", command)
    }
    assert len(found) > 5
    # Dissected as one expression: each starts a program that takes a second.
    whole = " || ".join(f"({one})" for one in sorted(found))
    command = ["tshark", "-r", str(FIXTURES / REFUSED), "-Y", whole]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.needs(program="ss")
@pytest.mark.parametrize("code", sorted(kinds()))
def test_ss_takes_its_commands(code: str) -> None:
    words = Words(over_ipv6(), WHO)
    for command in every_command(kind_of(code)):
        for part in command.partition("  #")[0].split(";"):
            if not part.strip().startswith("ss "):
                continue
            arguments = shlex.split(part.partition("|")[0].format_map(words))
            done = subprocess.run(arguments, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, ""), command


def test_curl_speaks_what_the_connection_spoke() -> None:
    for first, begins in (
        (GET, "curl -v --max-time 10 'http://"),
        (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "curl --http2-prior-knowledge -v --max-time 10 'http://",
        ),
        (b"\x16\x03\x01\x00\x50\x01\x00\x00\x4c\x03\x03", "curl -v --max-time 10 'https://"),
    ):
        story = play(*HANDSHAKE, C("PSH,ACK", first), S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
        whole = judge(story, around(story))
        facts = {"waited": "1 s", "sender": "10.0.2.7", "frame": "7", "word": "FIN", "number": "1"}
        told = fill(KIND, replace(whole, facts=whole.facts | facts), story).commands
        assert any(command.startswith(begins) for command in told), told


def test_behind_a_nat_every_host_is_told_what_it_knows() -> None:
    story = play(*HANDSHAKE, C("PSH,ACK", GET), S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
    judgement = replace(judge(story, around(story)), facts={"sender": "10.0.2.7"})
    kind = Kind(
        code=judgement.code,
        title="{responder}",
        explanation="{initiator}",
        fixes=("{sender} or {responder_ip}:{responder_port} to {initiator_ip}",),
        commands=(
            "a {responder_port} {initiator_ip}  # on {responder_ip}",
            "b {responder_ip} {responder_port}  # from {initiator_ip}: once",
            "c {responder_port}  # on {sender}",
            "d {responder_port}  # on NATs between",
            "e '{filter}'  # at both ends at once",
        ),
    )
    ours = ("10.0.1.5", 40000), ("10.0.2.7", 8443)
    theirs = ("192.0.2.1", 7000), ("10.99.0.7", 9443)
    texts = fill(kind, judgement, story, "responder", AtEnds(ours, theirs))
    assert (texts.title, texts.explanation[:8]) == ("10.0.2.7:8443", "10.0.1.5")
    assert texts.fixes == ("10.99.0.7 or 10.99.0.7:9443 to 10.0.1.5",)
    assert texts.commands == (
        "a 9443 192.0.2.1  # on 10.99.0.7",
        "b 10.0.2.7 8443  # from 10.0.1.5: once",
        "c 9443  # on 10.99.0.7",
        "d 8443  # on NATs between",
        "e 'tcp and (port 8443 or port 9443)'  # at both ends at once",
    )


@pytest.mark.parametrize(
    ("side", "first", "run_on"),
    [
        ("unknown", "does a firewall, security group or NetworkPolicy", "# on 10.0.2.7"),
        ("path", "find what drops it", "# on routers and nodes between"),
        ("responder", "does a firewall on 10.0.2.7 itself", "# on 10.0.2.7"),
    ],
)
def test_who_is_named_decides_what_to_do(side: Side, first: str, run_on: str) -> None:
    story = play(C("SYN"), C("SYN", again=True, after=1000), C("SYN", again=True, after=2000))
    judgement = judge(story, around(story))
    assert judgement.code == "tcp.connection_timeout"
    texts = fill(kind_of(judgement.code), judgement, story, side)
    assert texts.fixes[0].startswith(first)
    assert texts.commands[0].endswith(run_on)
