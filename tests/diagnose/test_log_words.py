"""The words that are quoted of a log's line."""

from __future__ import annotations

import msgspec
import pytest

from pcapdiag.diagnose.log_agreement import MESSAGE, said_of
from pcapdiag.model.logs import LogEntry, Product

pytestmark = pytest.mark.once


def line(product: Product = "envoy", **fields: object) -> LogEntry:
    entry = LogEntry(product=product, kind="access", file="a.log", line=1, time=0, resolution=1)
    return msgspec.structs.replace(entry, **fields)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (line("nginx", message="no live  upstreams\nfound", status=502), "no live upstreams found"),
        (line("nginx", message="x" * 200), "x" * MESSAGE + "..."),
        (line("nginx", message="x" * MESSAGE), "x" * MESSAGE),
        (line("nginx", status=504), "504"),
        (line(flags=["UF", "URX"], transport_failure="TLS_error"), "UF,URX TLS_error"),
        (
            line(flags=["UF"], reset_reason="remote_failure", transport_failure="delayed"),
            "UF remote_failure|delayed",
        ),
        (line(flags=["UC"], details="via"), "UC via"),
        (line(grpc_status=14, status=200), "gRPC UNAVAILABLE"),
        (line(), ""),
    ],
)
def test_the_words_that_are_quoted_of_a_line(entry: LogEntry, said: str) -> None:
    assert said_of(entry) == said
