"""What the bytes of a packet meant, in words: the timeline's events above TCP.

Texts that a capture wrote are made harmless here and shortened; secrets are masked by the report.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from pcapdiag.incident.describe_http import http_labels
from pcapdiag.model.http import Http2Facts
from pcapdiag.model.story import Story
from pcapdiag.model.tls import TlsFacts

MAX_PER_FRAME = 3
"""Labels of one packet that are told; of more the number is."""

Label = tuple[int, str]
"""A frame, and what happened there."""


def labels(story: Story) -> dict[int, str]:
    """Return for each frame in which a message began or ended what it was."""
    found: dict[int, list[str]] = {}
    for frame, text in _all_labels(story):
        found.setdefault(frame, []).append(text)
    return {frame: _joined(texts) for frame, texts in found.items()}


def _all_labels(story: Story) -> Iterator[Label]:
    application = story.application
    if application is None:
        return iter(())
    http = application.http
    return chain(
        _of_tls(application.tls) if application.tls else (),
        http_labels(http) if http else (),
        _of_http2(http.http2) if http and http.http2 else (),
    )


def _of_http2(facts: Http2Facts) -> Iterator[Label]:
    from pcapdiag.incident.describe_http2 import http2_labels  # Only here: not all have HTTP/2.

    return http2_labels(facts)


def _of_tls(facts: TlsFacts) -> Iterator[Label]:
    from pcapdiag.incident.describe_tls import tls_labels  # Only here: not all have TLS.

    return tls_labels(facts)


def _joined(texts: list[str]) -> str:
    more = len(texts) - MAX_PER_FRAME
    told = "; ".join(texts[:MAX_PER_FRAME])
    return f"{told} and {more} more" if more > 0 else told
