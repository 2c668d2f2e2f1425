"""HAProxy's logs: its log-format variables, its formats, and its other lines.

Source: HAProxy's configuration manual, chapter 8 "Logging" (8.2.1 to 8.2.6).
"""

from __future__ import annotations

import re

from pcapdiag.logs.clocks import CLF, EPOCH, HAPROXY, Clock
from pcapdiag.logs.json_template import JsonTemplate
from pcapdiag.logs.template import MAX_FORMAT, NUMBER, Part, Template

_VARIABLE = re.compile(
    r"%(?:\(([^)]*)\))?(?:\{([^}]*)\})?(?:\[((?:[^\[\]]|\[[^\]]*\])*)\]|([A-Za-z]+))|%%"
)
NUMBERS = {
    "cp": "client_port",
    "fp": "listener_port",
    "bp": "upstream_local_port",
    "sp": "upstream_port",
    "ST": "status",
    "B": "sent",
    "U": "received",
    "Ta": "duration_ms",
    "Tt": "duration_ms",
    "Tu": "duration_ms",
    "Tw": "queue_ms",
    "Tc": "connect_ms",
    "Tr": "header_ms",
    "rc": "retries",
}
TEXTS = {
    "ci": "client",
    "fi": "listener",
    "bi": "upstream_local",
    "si": "upstream",
    "b": "backend",
    "s": "server",
    "ts": "state",
    "tsc": "state",
    "r": "request",
    "HM": "method",
    "HU": "target",
    "HP": "target",
    "HPO": "target",
    "ID": "request_id",
}
_FETCHES = {
    "src": "client",
    "src_port": "client_port",
    "fc_src": "direct",
    "fc_src_port": "direct_port",
    "dst": "listener",
    "dst_port": "listener_port",
    "bc_src": "upstream_local",
    "bc_src_port": "upstream_local_port",
    "bc_dst": "upstream",
    "bc_dst_port": "upstream_port",
    "status": "status",
    "res.hdr(grpc-status)": "grpc_status",
    "method": "method",
    "path": "target",
    "pathq": "target",
    "url": "target",
    "req.hdr(host)": "host",
    "hdr(host)": "host",
    "ssl_fc_sni": "other_host",
    "unique-id": "request_id",
    "txn.id32": "connection",
    "fc_err_str": "message",
    "ssl_fc_err_str": "message",
}
_CLOCKS = {
    "t": (HAPROXY, False),
    "tr": (HAPROXY, False),
    "T": (CLF, True),
    "trg": (CLF, True),
    "Tl": (CLF, False),
    "trl": (CLF, False),
    "Ts": (EPOCH, True),
}
"""The time's form, and whether it is UTC."""
_CAPTURED = {"hr", "hs", "hrl", "hsl"}
_QUOTED = r'(?:(?<=")[^"]*+|[^"\s]*+)'
"""What is asked for in quotes may come without: HAProxy's own states do."""


def parts_of(form: str) -> list[str | Part]:
    """Split a log-format string into its literal texts and variables.

    Raises ValueError for one that is too long.
    """
    if len(form) > MAX_FORMAT:
        raise ValueError("too long")
    parts: list[str | Part] = []
    all_quoted = False
    at = 0
    for found in _VARIABLE.finditer(form):
        if found.start() > at:
            parts.append(form[at : found.start()])
        at = found.end()
        flags, name = found[2] or "", found[4] or ""
        if name == "o":
            all_quoted = "+Q" in flags or (all_quoted and "-Q" not in flags)
            at += form[at : at + 1] == " "
            continue
        quoted = "+Q" in flags or (all_quoted and "-Q" not in flags)
        if name in _CAPTURED:
            _captured(parts, form, at)
            at += form[at : at + 1] == " "
        else:
            _field(parts, variable(name, found[3]), quoted)
    if at < len(form):
        parts.append(form[at:])
    return parts


def _captured(parts: list[str | Part], form: str, at: int) -> None:
    """Headers that the configuration captures; without any they are left out with their blank."""
    blank = " " if form[at : at + 1] == " " else ""
    parts.append(Part(pattern=rf"(?:\{{[^}}]*+\}}{blank})?", raw=True))


def _field(parts: list[str | Part], part: Part, quoted: bool) -> None:
    """Add a field; a line that was cut has no closing quote."""
    if not quoted:
        parts.append(part)
        return
    quote = Part(pattern='"?', raw=True)
    parts += [quote, Part(part.name, part.pattern or _QUOTED, part.clock), quote]


def variable(name: str, fetch: str | None) -> Part:
    """Return the field of ``%name`` or ``%[fetch]``; one that is not used has no name."""
    if fetch is not None:
        return Part(_FETCHES.get(fetch.partition(",")[0].strip().lower(), ""))
    if name in _CLOCKS:
        form, utc = _CLOCKS[name]
        return Part(clock=Clock(form, utc=utc, begin=True))
    if name in NUMBERS:
        return Part(NUMBERS[name], NUMBER)
    return Part(TEXTS.get(name, ""))


def template(name: str, form: str) -> Template | JsonTemplate:
    """Return the reader of a log-format string. Raises ValueError for one without sense."""
    found = list(_VARIABLE.finditer(form[:MAX_FORMAT]))
    if any(one[4] == "o" and "+json" in (one[2] or "") for one in found):
        named = [one for one in found if one[1]]
        keys = {one[1].partition(":")[0]: [variable(one[4] or "", one[3])] for one in named}
        return JsonTemplate("haproxy", name, keys)
    return Template("haproxy", name, parts_of(form))


_HTTP = (
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc "
    "%sq/%bq %hr %hs %{+Q}r"
)
FORMATS = {
    "HAProxy httplog": _HTTP,
    "HAProxy tcplog": "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq",
    "HAProxy httpslog": _HTTP
    + " %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] "
    "%[ssl_fc_sni]/%sslv/%sslc",
    "HAProxy httplog clf": "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B %CQ %CQ %cp %ms %ft %b %s %TR %Tw"
    " %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl",
}
"""In the order in which they are tried."""
