"""A code's page for the terminal, and lists of codes: what ``pcapdiag explain`` prints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import wrap

from pcapdiag.diagnose import pages
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.pages import CodePage
from pcapdiag.diagnose.proxy_words import Heard
from pcapdiag.diagnose.registry import kinds
from pcapdiag.report.layout import LABEL_WIDTH, MIN_WIDTH, Page

_PLACE = re.compile(r"{(\w+)}")
_PLACES = {
    "initiator": "CLIENT:PORT",
    "initiator_ip": "CLIENT",
    "responder": "SERVER:PORT",
    "responder_ip": "SERVER",
    "initiator_host": "CLIENT",
    "responder_host": "SERVER",
    "receiver_host": "RECEIVER",
    "silent_host": "SILENT",
    "full_ping": "1472",
    "iptables_save": "iptables-save",
    "nmap": "nmap",
    "responder_port": "PORT",
    "stream": "NUMBER",
    "mtu": "MTU",
    "probe": "SIZE",
    "lost_ip": "SIZE",
    "plaintext": "-plaintext ",
    "scheme": "http",
    "is_rst": "tcp[tcpflags] & tcp-rst != 0",
    "is_rst_or_fin": "tcp[tcpflags] & (tcp-rst|tcp-fin) != 0",
    "is_syn_or_rst": "tcp[tcpflags] & (tcp-syn|tcp-rst) != 0",
    "behind": "host SERVER and not host CLIENT",
    "filter": "host CLIENT and host SERVER and tcp port PORT",
    "whose": "certificate",
    "s_client": "openssl s_client -connect SERVER:PORT -servername NAME </dev/null",
    "s_client_alpn": "openssl s_client -connect SERVER:PORT -servername NAME -alpn h2,http/1.1 "
    "</dev/null",
    "s_client_other": "openssl s_client -connect SERVER:PORT -servername OTHER_NAME </dev/null",
    "s_client_tls12": "openssl s_client -connect SERVER:PORT -servername NAME -tls1_2 </dev/null",
    "s_client_tls13": "openssl s_client -connect SERVER:PORT -servername NAME -tls1_3 </dev/null",
    "s_client_chain": "openssl s_client -connect SERVER:PORT -servername NAME -showcerts "
    "</dev/null",
    "s_client_key": "openssl s_client -connect SERVER:PORT -servername NAME -cert CERT.pem "
    "-key KEY.pem </dev/null",
}
"""What stands on a page where a report has a connection's own words; others in capitals."""
_CODED = re.compile(r"`([^`]+)`")
_GAP = "  "
MIN_SUMMARY = 20
"""Columns that a summary gets beside a code, however narrow the page."""


def render_page(told: CodePage, page: Page, heard: Sequence[Heard] = ()) -> Iterator[str]:
    """Yield a code's page line by line, without newlines; ``heard`` is what led to it."""
    for one in heard:
        yield f"{page.paint(one.says, 'label')}:"
    kind = kinds().get(told.code)
    yield f"{page.paint(told.code, 'code')}{_GAP}{told.summary}"
    yield ""
    yield from _section("WHAT", told.happened, page)
    yield from _section("TOLD BY", told.told_by, page)
    yield from _section("CAUSES", told.causes, page)
    yield from _named("FIX", [(fix.product, fix.text) for fix in told.fixes], page)
    if kind is not None:
        yield from _named("LOGS", list(log_words(kind)), page)
        if kind.commands:
            yield from page.commands("RUN", [command(text) for text in kind.commands])
            yield ""
    yield from _section("SETTLE", told.settled_by, page)
    yield from _section("UNLIKE", told.confused_with, page)
    yield from _section("SOURCES", told.references, page)
    yield from _see(pages.see_also(told), page)


def render_list(page: Page, layer: str = "") -> Iterator[str]:
    """Yield every code with a line each, or those of one layer (``tls``)."""
    verdicts = [code for code in pages.verdict_codes() if _is_of(code, layer)]
    findings = [code for code in pages.finding_codes() if _is_of(code, layer)]
    if verdicts:
        yield from _codes("VERDICTS", "how one connection failed", verdicts, page)
    if verdicts and findings:
        yield ""
    if findings:
        yield from _codes("FINDINGS", "what holds for the capture as a whole", findings, page)
    yield ""
    yield page.paint("pcapdiag explain CODE tells what to do about it.", "dim")


def render_heard(heard: Sequence[Heard], page: Page) -> Iterator[str]:
    """Yield what a proxy's words may stand for: the codes of each, with a line each."""
    for one in heard:
        yield page.paint(one.says, "label") + (f": {one.note}" if one.note else "")
        yield from _lines(one.codes, page)
        yield ""
    if any(one.codes for one in heard):
        text = "A log cannot tell these apart; a capture can: pcapdiag analyze CAPTURE"
        yield from page.labelled("NEXT", text)


def layers() -> list[str]:
    """Return what codes begin with."""
    return list(dict.fromkeys(code.partition(".")[0] for code in pages.codes()))


def log_words(kind: Kind) -> Iterator[tuple[str, str]]:
    """Yield each proxy and what it writes when the connection to its upstream fails like this."""
    if kind.envoy:
        yield "Envoy", f"flag {kind.envoy.flag}: {kind.envoy.reset_reason}"
    if kind.nginx:
        yield "NGINX", kind.nginx
    if kind.haproxy:
        yield "HAProxy", f"termination state {kind.haproxy}"


def command(template: str) -> str:
    """Return a command with words in capitals where a report has a connection's own addresses."""

    def word(place: re.Match[str]) -> str:
        return _PLACES.get(place[1], place[1].removesuffix("_ip").upper())

    return _PLACE.sub(word, template.replace("{{", "\0")).replace("\0", "{").replace("}}", "}")


def _is_of(code: str, layer: str) -> bool:
    return not layer or code.partition(".")[0] == layer


def _codes(label: str, says: str, codes: Sequence[str], page: Page) -> Iterator[str]:
    yield f"{page.paint(label, 'label')}{_GAP}{says}"
    yield from _lines(codes, page)


def _lines(codes: Sequence[str], page: Page) -> Iterator[str]:
    width = max(map(len, pages.codes())) + len(_GAP)
    for code in codes:
        head = f"{_GAP}{page.paint(code, 'code')}{' ' * (width - len(code))}"
        room = max(page.width, MIN_WIDTH) - width - len(_GAP)
        for line in wrap(pages.page(code).summary, max(room, MIN_SUMMARY)):
            yield head + line
            head = " " * (width + len(_GAP))


def _section(label: str, paragraphs: Sequence[str], page: Page) -> Iterator[str]:
    for text in paragraphs:
        yield from page.hanging(label, plain(text), 2 if text.startswith("- ") else 0)
        label = ""
    yield ""


def _named(label: str, items: Sequence[tuple[str, str]], page: Page) -> Iterator[str]:
    """Yield items that begin with a name, the texts below each other."""
    if not items:
        return
    width = max(len(name) for name, _ in items) + len(_GAP)
    for name, text in items:
        yield from page.hanging(label, f"{name:<{width}}{plain(text)}", width)
        label = ""
    yield ""


def _see(codes: Sequence[str], page: Page) -> Iterator[str]:
    label = "SEE"
    for code in codes:
        yield f"{page.paint(f'{label:<{LABEL_WIDTH}}', 'label')}pcapdiag explain {code}"
        label = ""


def plain(text: str) -> str:
    """Return a text without the marks around what is typed."""
    return _CODED.sub(r"\1", text)
