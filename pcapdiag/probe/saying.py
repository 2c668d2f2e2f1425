"""One line for each check: what it saw, where there is no verdict to tell."""

from __future__ import annotations

from pcapdiag.diagnose.timing import how_long
from pcapdiag.diagnose.tls.words import LISTED, listed, shown
from pcapdiag.model.harmless import harmless
from pcapdiag.model.probe import ProbeFacts
from pcapdiag.probe.draft import Draft
from pcapdiag.probe.lookup import NO_SUCH_NAME


def says(draft: Draft) -> str:
    """Return the line of a check."""
    if draft.skipped:
        return draft.skipped
    if draft.name == "dns":
        return _lookups(draft.facts)
    if draft.verdict is not None:
        short = "" if draft.required else _refused(draft.facts, draft.verdict.code)
        return short or draft.verdict.title
    tell = {
        "tcp": _tcp,
        "proxy_header": _proxy_header,
        "tls": _tls,
        "tls_unverified": _tls,
        "tls_version": _version,
        "alpn": _alpn,
        "http2": _http2,
        "http": _http,
    }[draft.name]
    return tell(draft.facts) or "nothing was seen"


def _refused(facts: ProbeFacts, code: str) -> str:
    """Return how a server refused what it need not take; empty where that was no alert."""
    if facts.alert is None:
        return "not taken: no protocol picked" if code == "tls.alpn_mismatch" else ""
    by = "the server" if facts.alert_by == "server" else "OpenSSL here"
    return f"not taken: alert {facts.alert} by {by}"


def _lookups(facts: ProbeFacts) -> str:
    told = []
    known = any(lookup.addresses for lookup in facts.lookups)
    for lookup in facts.lookups:
        record = "A" if lookup.family == "ipv4" else "AAAA"
        missing = "none" if known and lookup.error == NO_SUCH_NAME else lookup.error or "none"
        answer = listed(lookup.addresses) if lookup.addresses else missing
        told.append(f"{record} {answer} ({how_long(lookup.duration)})")
    if facts.hosts_file:
        told.append(f"/etc/hosts has {listed(facts.hosts_file)}")
    return "; ".join(told)


def _tcp(facts: ProbeFacts) -> str:
    told = [f"connected in {how_long(facts.connect or 0)}"]
    if facts.path_mtu is not None:
        told.append(f"path MTU {facts.path_mtu} as far as known here, MSS {facts.mss}")
    else:
        told.append("path MTU not known here")
    if facts.greeting is not None:
        told.append(f"says first: {harmless(facts.greeting, 60)}")
    return "; ".join([*told, *_close(facts)])


def _close(facts: ProbeFacts) -> list[str]:
    return [facts.close] if facts.close else []


def _proxy_header(facts: ProbeFacts) -> str:
    if facts.tls_version is not None:
        return f"taken: {_tls(facts)}"
    if facts.http_status is not None:
        return f"taken: HTTP status {facts.http_status}"
    return "; ".join(["not refused", *_close(facts)])


def _tls(facts: ProbeFacts) -> str:
    told = [text for text in (facts.tls_version, facts.cipher, facts.group) if text]
    told.append(f"ALPN {shown(facts.alpn)}" if facts.alpn else "no ALPN")
    if facts.handshake is not None:
        told.append(how_long(facts.handshake))
    if facts.client_certificate_asked:
        sent = "sent and taken" if facts.client_certificate_sent else "none sent, and not needed"
        told.append(f"asks for a client certificate: {sent}")
    return ", ".join(told)


def _version(facts: ProbeFacts) -> str:
    return f"taken: {facts.cipher}" if facts.tls_version else ""


def _alpn(facts: ProbeFacts) -> str:
    if facts.tls_version is None:
        return ""
    return "taken" if facts.alpn else "no protocol picked"


def _http2(facts: ProbeFacts) -> str:
    if not facts.settings:
        return "SETTINGS came, all at their defaults"
    return "SETTINGS " + ", ".join(
        f"{name} {value}" for name, value in list(facts.settings.items())[:LISTED]
    )


def _http(facts: ProbeFacts) -> str:
    if facts.http_status is None:
        return ""
    told = [f"HTTP/{facts.http_version} status {facts.http_status}"]
    if facts.answer_after is not None:
        told.append(f"after {how_long(facts.answer_after)}")
    return ", ".join([*told, *(harmless(header, 80) for header in facts.headers)])
