"""The page of every code: what it means, how it is told, what to do about it.

A page is written in the docstring of the module that gives the code, in the fixed sections of
``SECTIONS``; a module that gives several findings has one page after the other. Codes stand plain
in a text, what a user types or configures stands in single backticks. ``docs/verdicts/`` and
``pcapdiag explain`` are both made from here.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec

import msgspec

from pcapdiag.diagnose.registry import kinds
from pcapdiag.errors import PcapdiagError

SECTIONS = (
    "What happened",
    "How pcapdiag can tell",
    "Usual causes",
    "Fixes",
    "Can be confused with",
    "What would settle it",
    "References",
)
PRODUCTS = (
    "First",
    "Application",
    "gRPC",
    "Envoy",
    "Istio",
    "NGINX",
    "HAProxy",
    "Kubernetes",
    "Linux",
    "Network",
    "Cloud",
    "DNS servers",
    "Capture",
)
"""Where something is changed, in the order of a page; ``First`` is what to look at before."""
LAYERS = (
    *("tcp", "icmp", "mtu", "tls", "protocol", "socks", "http", "http2", "grpc"),
    *("endpoint", "health", "dns", "path", "host", "capture", "ok"),
)
"""What codes begin with, in the order in which lists tell them."""

_FINDINGS = {
    "tcp.ephemeral_ports_low": "ephemeral_ports",
    "tcp.listen_backlog": "listen_backlog",
    "tls.certificate_expiring": "certificate_expiring",
    "http.server_errors": "server_errors",
    "http2.draining": "draining",
    "endpoint.down": "endpoint_down",
    "health.check_failing": "health_check",
    "health.endpoint_out": "health_check",
    "dns.failure": "dns_failure",
    "dns.family_failing": "dns_family_failing",
    "dns.slow": "dns_slow",
    "dns.stale_address": "dns_stale_address",
    "path.address_moved": "address_moved",
    "path.idle_timeout": "idle_timeout",
    "path.loss": "path_loss",
    "path.lost_between": "lost_between",
    "path.mtu": "path_mtu",
    "path.nat_leak": "nat_leak",
    "path.new_flows_dropped": "new_flows",
    "path.reset_device": "reset_device",
    "host.clock": "host_clock",
    "host.conntrack_full": "host_conntrack",
    "host.dropped": "host_dropped",
    "host.envoy_cluster": "host_envoy",
    "host.firewall": "host_firewall",
    "host.no_route": "host_no_route",
    "host.not_accepting": "host_listen",
    "host.not_listening": "host_not_listening",
    "host.open_files": "host_open_files",
    "host.out_of_memory": "host_out_of_memory",
    "capture.clock": "capture_clock",
    "capture.dropped": "capture",
    "capture.duplicates": "capture",
    "capture.mixed_points": "capture",
    "capture.one_direction": "capture",
    "capture.truncated": "capture",
}
"""The module of ``diagnose/findings/`` whose docstring has the page."""

_HEAD = re.compile(r"^((?:[a-z0-9_]+\.)?[a-z0-9_]+): (.+)$")


class Fix(msgspec.Struct, frozen=True):
    """What to change, and where: ``product`` is one of ``PRODUCTS``."""

    product: str
    text: str


class CodePage(msgspec.Struct, frozen=True):
    """The page of one code. Sections are paragraphs; one that begins with ``- `` is of a list."""

    code: str
    summary: str
    happened: tuple[str, ...]
    told_by: tuple[str, ...]
    causes: tuple[str, ...]
    fixes: tuple[Fix, ...]
    confused_with: tuple[str, ...]
    settled_by: tuple[str, ...]
    references: tuple[str, ...]

    @property
    def is_finding(self) -> bool:
        """Whether it is said of the capture as a whole, and not of one connection."""
        return self.code in _FINDINGS


class MissingTextError(PcapdiagError):
    """The texts are not in this installation: Python left them out, and the sources are away."""


def verdict_codes() -> list[str]:
    """Return the code of every verdict, by layer."""
    return _by_layer(kinds())


def finding_codes() -> list[str]:
    """Return the code of every finding, by layer."""
    return _by_layer(_FINDINGS)


def codes() -> list[str]:
    """Return every code, by layer: verdicts, then findings."""
    return _by_layer([*kinds(), *_FINDINGS])


def page(code: str) -> CodePage:
    """Return the page of a code; raises KeyError for what is no code."""
    return _pages_of(_module_of(code))[code]


def mentioned(text: str) -> list[str]:
    """Return the codes that a text names, in its order, each once."""
    return list(dict.fromkeys(code_pattern().findall(text)))


def see_also(told: CodePage) -> list[str]:
    """Return the codes that a page says it may be confused with, or names elsewhere."""
    near = " ".join((*told.confused_with, *told.told_by, *told.causes, *told.settled_by))
    return [code for code in mentioned(near) if code != told.code]


def pages_in(docstring: str) -> Iterator[CodePage]:
    """Yield the pages that a docstring holds; raises ValueError where a section is missing."""
    code, summary, sections = "", "", dict[str, list[str]]()
    lines: list[str] = []
    for line in docstring.splitlines():
        head = _HEAD.match(line)
        if head:
            if code:
                yield _page(code, summary, sections)
            code, summary = head.groups()
            sections = {}
        elif line in SECTIONS:
            lines = sections.setdefault(line, [])
        elif code and sections:
            lines.append(line)
    if code:
        yield _page(code, summary, sections)


def _page(code: str, summary: str, sections: dict[str, list[str]]) -> CodePage:
    if tuple(sections) != SECTIONS:
        raise ValueError(f"{code}: has the sections {', '.join(sections)}")
    told = [tuple(_paragraphs(lines)) for lines in sections.values()]
    happened, told_by, causes, fixes, confused_with, settled_by, references = told
    return CodePage(
        *(code, summary, happened, told_by, causes),
        *(tuple(map(_fix, fixes)), confused_with, settled_by, references),
    )


def _paragraphs(lines: list[str]) -> Iterator[str]:
    """Yield paragraphs, each on one line; a blank line or ``- `` begins a new one."""
    words: list[str] = []
    for line in (*lines, ""):
        text = line.strip()
        if words and (not text or text.startswith("- ")):
            yield " ".join(words)
            words = []
        if text:
            words.append(text)


def _fix(item: str) -> Fix:
    product, _, text = item.removeprefix("- ").partition(": ")
    return Fix(product, text)


@cache
def _pages_of(name: str) -> dict[str, CodePage]:
    return {one.code: one for one in pages_in(_docstring(name))}


def _module_of(code: str) -> str:
    if code in _FINDINGS:
        return f"pcapdiag.diagnose.findings.{_FINDINGS[code]}"
    if code in kinds():
        return f"pcapdiag.diagnose.{code}"
    raise KeyError(code)


def _docstring(name: str) -> str:
    """Return a module's docstring, from its source where ``python -OO`` dropped it."""
    text = importlib.import_module(name).__doc__
    if text is None:
        spec = find_spec(name)
        read = getattr(spec and spec.loader, "get_source", None)
        source = read(name) if read else None
        import ast  # Only here: nearly always the docstring is there.

        text = ast.get_docstring(ast.parse(source)) if source else None
    if text is None:
        raise MissingTextError(
            "this installation has no explanations", "run it without -OO, or read docs/verdicts/"
        )
    return text


def _by_layer(unordered: Iterable[str]) -> list[str]:
    return sorted(unordered, key=lambda code: (LAYERS.index(code.partition(".")[0]), code))


@cache
def code_pattern() -> re.Pattern[str]:
    """Return what finds a code within a text; ``ok`` is a word of its own."""
    any_code = "|".join(re.escape(code) for code in codes() if "." in code)
    return re.compile(rf"(?<![\w./`])(?:{any_code})(?![\w/])")
