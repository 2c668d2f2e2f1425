"""A code's page as Markdown, for docs/verdicts/."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from docsite.verdicts.examples import Example
from pcapdiag.diagnose import pages
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.pages import CodePage
from pcapdiag.diagnose.registry import kinds
from pcapdiag.report.explain import command, log_words

NOTICE = "<!-- Written by scripts/verdict-pages from the docstring in pcapdiag/diagnose/. -->"
_SPANS = re.compile(r"(`[^`]+`)")
_DOCUMENT = re.compile(r"\bdocs/([a-z-]+\.md)")
_PHASES = {
    "connect": "connecting",
    "tls_handshake": "TLS handshake",
    "before_request": "before the request",
    "in_request": "in the request",
    "before_response": "before the response",
    "in_response": "in the response",
    "idle": "idle",
    "closing": "closing",
}
_ENDS = {
    "initiator": "the end that opened the connection",
    "responder": "the end that was called",
    "path": "something between them",
}


def render(told: CodePage, example: Example | None) -> str:
    """Return the whole page."""
    kind = kinds().get(told.code)
    lines = [NOTICE, "", f"# {told.code}", "", told.summary, "", *_about(told, kind), ""]
    lines += ["## What happened", "", *_paragraphs(told.happened)]
    lines += ["## How pcapdiag can tell", "", *_paragraphs(told.told_by)]
    if example is not None:
        lines += _example(example)
    lines += ["## Usual causes", "", *_paragraphs(told.causes)]
    lines += ["## Fixes", "", *_fixes(told)]
    if kind is not None:
        lines += [*_logs(kind), *_commands(kind)]
    lines += ["## What would settle it", "", *_paragraphs(told.settled_by)]
    lines += ["## Can be confused with", "", *_paragraphs(told.confused_with)]
    others = [code for code in pages.see_also(told) if code not in _named(told.confused_with)]
    if others:
        lines += [f"See also {', '.join(map(link, others))}.", ""]
    lines += ["## References", "", *_paragraphs(told.references)]
    return "\n".join(lines).rstrip("\n") + "\n"


def link(code: str) -> str:
    """Return a link to a code's page from another one."""
    return f"[`{code}`]({code}.md)"


def linked(text: str) -> str:
    """Return a text with links to the codes and documents that it names."""
    parts = _SPANS.split(text)
    for place, part in enumerate(parts):
        if not part.startswith("`"):
            plain = pages.code_pattern().sub(lambda found: link(found[0]), _escaped(part))
            parts[place] = _DOCUMENT.sub(r"[docs/\1](../\1)", plain)
    return "".join(parts)


def _escaped(text: str) -> str:
    return text.replace("*", r"\*").replace("<", r"\<")


def _about(told: CodePage, kind: Kind | None) -> Iterator[str]:
    if told.is_finding:
        yield "- A finding: it holds for the capture as a whole."
        return
    yield "- A verdict on one connection."
    if kind is not None and kind.phases:
        yield f"- When: {', '.join(_PHASES[phase] for phase in kind.phases)}."
    if kind is not None and kind.fix_at:
        yield f"- Mended, likeliest first, at {', '.join(map(_end, kind.fix_at))}."


def _end(actor: str) -> str:
    return _ENDS.get(actor, actor)


def _paragraphs(texts: Sequence[str]) -> Iterator[str]:
    """Yield paragraphs and lists; a list's items follow each other without a blank line."""
    for place, text in enumerate(texts):
        yield linked(text)
        following = texts[place + 1] if place + 1 < len(texts) else ""
        if not (text.startswith("- ") and following.startswith("- ")):
            yield ""


def _example(example: Example) -> Iterator[str]:
    yield "## What the report says"
    yield ""
    yield "```text"
    yield f"$ {example.command}"
    yield "..."
    yield from example.text.splitlines()
    yield "```"
    yield ""


def _fixes(told: CodePage) -> Iterator[str]:
    for fix in told.fixes:
        if fix.product == "First":
            yield f"First: {linked(fix.text)}"
            yield ""
        else:
            yield f"- **{fix.product}**: {linked(fix.text)}"
    yield ""


def _logs(kind: Kind) -> Iterator[str]:
    words = list(log_words(kind))
    if words:
        yield "## What proxies log"
        yield ""
        yield "Of a connection to their upstream that fails like this:"
        yield ""
        yield from (f"- **{proxy}**: {_escaped(text)}" for proxy, text in words)
        yield ""


def _commands(kind: Kind) -> Iterator[str]:
    if kind.commands:
        yield "## Commands"
        yield ""
        yield "```sh"
        yield from (command(text) for text in kind.commands)
        yield "```"
        yield ""


def _named(texts: Sequence[str]) -> list[str]:
    return pages.mentioned(" ".join(texts))
