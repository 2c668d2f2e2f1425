"""Which findings may be why a connection that they name failed."""

from __future__ import annotations

from pcapdiag.model.report import Finding

MERELY_SEEN = frozenset({"tls.certificate_expiring"})
"""Findings whose streams are only where something was seen."""


def explains(finding: Finding) -> bool:
    """Return whether a finding explains failures; what only informs does not."""
    return finding.severity != "info" and finding.code not in MERELY_SEEN
