"""Verdicts on what no packet shows: a name without an address, and errors of this host alone."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Sequence

from msgspec.structs import replace

from pcapdiag.diagnose.pages import PRODUCTS, page
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.text import Words
from pcapdiag.diagnose.tls.commands import s_client_words
from pcapdiag.model.harmless import command_word, harmless
from pcapdiag.model.probe import ProbeVerdict, ProbeWho
from pcapdiag.model.story import Story
from pcapdiag.probe import kernel
from pcapdiag.probe.lookup import TIMED_OUT, Lookup

NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN)
"""Errors of a connect that, without an ICMP error behind them, are this host's own."""
FORBIDDEN = (errno.EACCES, errno.EPERM)
VERIFY_CODES = {
    **dict.fromkeys((9, 10), "tls.certificate_expired"),
    **dict.fromkeys((2, 18, 19, 20, 21), "tls.certificate_untrusted"),
    **dict.fromkeys((62, 63, 64), "tls.certificate_name_mismatch"),
}
"""OpenSSL's numbers (x509_vfy.h, X509_V_ERR_...): dates; issuers; host, e-mail, IP mismatch."""
_CONFIDENCE = 0.95
_FIRST = PRODUCTS[0]


def lookup_verdict(name: str, lookups: Sequence[Lookup]) -> ProbeVerdict | None:
    """Return the verdict on a name: failed, or one family of it unanswered; None: all is well."""
    if not any(lookup.addresses for lookup in lookups):
        return _no_address(name, lookups)
    silent = [lookup for lookup in lookups if lookup.error and not lookup.empty]
    if not silent:
        return None
    family = _family(silent[0])
    return ProbeVerdict(
        code="dns.family_failing",
        title=f"{family} lookups of {harmless(name)} fail: {silent[0].error}",
        explanation=(
            "The other family has an answer. A program that asks for both waits for this one, too."
        ),
        confidence=_CONFIDENCE,
        who=_resolver(silent[0].error or ""),
        fixes=_page_fixes("dns.family_failing"),
        commands=_dig(name),
        settle=_settled("dns.family_failing"),
    )


def _no_address(name: str, lookups: Sequence[Lookup]) -> ProbeVerdict:
    reasons = list(dict.fromkeys(lookup.error for lookup in lookups if lookup.error))
    reason = "; ".join(reasons)
    return ProbeVerdict(
        code="dns.failure",
        title=f"{harmless(name)} has no address: {reason}",
        explanation=(
            f"The system's resolver (hosts file, then its servers) gave none for {harmless(name)}, "
            "so there is nothing to connect to."
        ),
        confidence=_CONFIDENCE,
        who=_resolver(reason),
        fixes=_page_fixes("dns.failure"),
        commands=_dig(name),
        settle=_settled("dns.failure"),
    )


def _resolver(reason: str) -> ProbeWho:
    if TIMED_OUT in reason:
        return ProbeWho(side="unknown", says="a name server, or the way to it: nothing came back")
    return ProbeWho(
        side="server", says="the name servers that this host asks; or the name is wrong"
    )


def _family(lookup: Lookup) -> str:
    return "IPv4 (A)" if lookup.family.name == "AF_INET" else "IPv6 (AAAA)"


def _dig(name: str) -> list[str]:
    word = command_word(name)
    if word is None:
        return ["cat /etc/resolv.conf"]
    return [
        f"dig {word} A; dig {word} AAAA",
        f"getent ahosts {word}; grep -n {word} /etc/hosts; cat /etc/resolv.conf",
    ]


def local_verdict(number: int, story: Story) -> ProbeVerdict | None:
    """Return the verdict on a connect that this host refused by itself; None for other errors."""
    if number in FORBIDDEN:
        return _here(
            "icmp.prohibited", number, story, "a rule of this host forbids it: no packet left it",
            ["nft list ruleset; iptables-save", "aa-status; getenforce"],
        )  # fmt: skip
    if number in NO_ROUTE:
        address = shlex.quote(story.responder.address)
        return _here(
            "icmp.unreachable", number, story, "no packet left this host",
            [f"ip route get {address}; ip neigh show {address}", "ip address; ip route; ip rule"],
        )  # fmt: skip
    return None


def _here(code: str, number: int, story: Story, why: str, commands: list[str]) -> ProbeVerdict:
    target, name = story.responder.host_port, errno.errorcode.get(number, number)
    who = ProbeWho(side="here", address=story.initiator.address or None, says="this host itself")
    if not kernel.TELLS_ICMP:
        why = "this host, or an ICMP error, of which this system does not tell"
        who = ProbeWho(side="unknown", says="this host, or a device that sent an ICMP error")
    return ProbeVerdict(
        code=code,
        title=f"this host cannot send to {target}: {os.strerror(number)}",
        explanation=f"The connect to {target} failed with {name}: {why}.",
        phase="connect",
        confidence=_CONFIDENCE,
        who=who,
        fixes=[
            "a route to that network (IPv6: does this host have a global address at all?)"
            if number in NO_ROUTE
            else "let this host's firewall (OUTPUT) or policy allow it"
        ],
        commands=commands,
        settle=_settled(code),
    )


def not_picked(story: Story, offered: str) -> ProbeVerdict:
    """Return the verdict on a server that finished the handshake and picked no protocol."""
    kind = kind_of("tls.alpn_mismatch")
    tls = story.tls
    facts = {
        "offered": harmless(offered),
        "picked": "picked none",
        "hello_frame": "",
        "how": "the handshake was finished without one",
    } | s_client_words(story, tls)
    words = Words(story, facts)
    return ProbeVerdict(
        code=kind.code,
        title=kind.title.format_map(words),
        explanation=(
            f"Only {words['offered']} was offered, and {words['responder']} answered without ALPN: "
            "it does not know that protocol there, or knows no ALPN at all."
        ),
        phase="tls_handshake",
        confidence=_CONFIDENCE,
        who=_server(story),
        fixes=[fix.format_map(words) for fix in kind.fixes],
        commands=[text.format_map(words) for text in kind.commands[:1]],
        settle=_settled(kind.code),
    )


def _page_fixes(code: str) -> list[str]:
    return [
        (fix.text if fix.product == _FIRST else f"{fix.product}: {fix.text}").replace("`", "")
        for fix in page(code).fixes
    ]


def _settled(code: str) -> list[str]:
    return [text.removeprefix("- ").replace("`", "") for text in page(code).settled_by]


def by_openssl(story: Story, number: int, says: str) -> ProbeVerdict | None:
    """Return the verdict on a certificate for a reason that only OpenSSL's error tells.

    An alert does not tell a wrong name from other faults, and the address that a certificate has to
    bear is not even sent. Without the keys of TLS 1.3 the alert is not readable at all.
    """
    code = VERIFY_CODES.get(number)
    if code is None:
        return None
    words = s_client_words(story, story.tls)
    reason = harmless(says)
    return ProbeVerdict(
        code=code,
        title=f"{page(code).summary.removesuffix('.')}: {reason}",
        explanation=f"OpenSSL here refused what {story.responder.host_port} showed: {reason}.",
        phase="tls_handshake",
        confidence=_CONFIDENCE,
        who=refused_here(story),
        fixes=_page_fixes(code),
        commands=[words["s_client_chain"]],
        settle=_settled(code),
    )


def refused_here(story: Story) -> ProbeWho:
    """Return who it was where the probe itself refused what the server showed."""
    server = story.responder.host_port
    says = f"refused here, as every client would that checks the same; look at {server}, too"
    return ProbeWho(side="here", address=story.initiator.address, says=says)


def _server(story: Story) -> ProbeWho:
    says = f"what answers as {story.responder.host_port} (it may be a proxy for it)"
    return ProbeWho(side="server", address=story.responder.address, says=says)


def not_http2(story: Story) -> ProbeVerdict:
    """Return the verdict on a server that answered the preface without SETTINGS, or not at all."""
    target = story.responder.host_port
    tls = story.tls
    silent = not tls.server_data if tls is not None else not story.turn.response_bytes
    code = "tcp.response_timeout" if silent else "http.malformed_response"
    title = (
        f"no answer to the HTTP/2 preface by {target}"
        if silent
        else (f"the answer of {target} to the HTTP/2 preface has no SETTINGS")
    )
    return ProbeVerdict(
        code=code,
        title=title,
        explanation=(
            "An HTTP/2 server begins with SETTINGS, whatever it is asked (RFC 9113 section 3.4). "
            "So either it does not speak HTTP/2 there, or what stands behind it hangs."
        ),
        phase="before_response",
        confidence=_CONFIDENCE,
        who=_server(story),
        fixes=_page_fixes(code),
        settle=_settled(code),
    )


def not_begun(story: Story, says: str) -> ProbeVerdict:
    """Return the verdict on a server that was asked to go over to TLS, and said no."""
    target = story.responder.host_port
    return ProbeVerdict(
        code="protocol.tls_to_plaintext",
        title=f"TLS not begun at {target}: {harmless(says)}",
        explanation=(
            f"The protocol before TLS was spoken with {target}, and it was asked to go over to "
            "TLS. It answered that it does not: no ClientHello was sent."
        ),
        phase="tls_handshake",
        confidence=_CONFIDENCE,
        who=_server(story),
        fixes=[
            "switch TLS on in the server: certificate and key, and the option that offers it",
            "or is TLS spoken from the first byte on another port (465, 636, 993, 995)?",
        ],
        settle=_settled("protocol.tls_to_plaintext"),
    )


def missing_header(verdict: ProbeVerdict, story: Story) -> ProbeVerdict:
    """Return the verdict on a server that does with a PROXY header what it does not without."""
    target = story.responder.host_port
    title = f"PROXY header missing: {target} only goes on with one"
    return _restated(verdict, "protocol.missing_proxy_header", title)


def unexpected_header(verdict: ProbeVerdict, story: Story) -> ProbeVerdict:
    """Return the verdict on a server that does without a PROXY header what it does not with one."""
    title = f"unexpected PROXY header: {story.responder.host_port} only goes on without one"
    return _restated(verdict, "protocol.unexpected_proxy_header", title)


def _restated(verdict: ProbeVerdict, code: str, title: str) -> ProbeVerdict:
    if verdict.code == code:
        return verdict
    return replace(
        verdict,
        code=code,
        title=title,
        explanation=f"The same was tried with and without the header. With the wrong one of the "
        f"two: {verdict.title}.",
        confidence=_CONFIDENCE,
        fixes=_page_fixes(code),
        settle=_settled(code),
    )


def untold(story: Story, says: str) -> ProbeVerdict:
    """Return what is said of a check that did not succeed, for a reason that nothing shows."""
    target = story.responder.host_port
    return ProbeVerdict(
        code="capture.partial",
        title=f"not done, and what was seen of {target} does not tell why: {harmless(says)}",
        explanation="The steps show what was sent and what came.",
        confidence=0.5,
        who=ProbeWho(side="unknown", says=f"{target}, the path or this host"),
        settle=_settled("capture.partial"),
    )
