"""What a point's label says of where its capture was taken."""

from __future__ import annotations

import re
from typing import Literal

_LABEL = re.compile(r"(client|proxy|upstream|server|backend)[-._]?\d*", re.ASCII)
"""A role, numbered where there are several of it: ``upstream2``."""


def role_of_label(label: str) -> Literal["client", "proxy", "upstream"] | None:
    """Return the role whose place a label names; None for a free one."""
    found = _LABEL.fullmatch(label)
    if found is None:
        return None
    match found[1]:
        case "client":
            return "client"
        case "proxy":
            return "proxy"
    return "upstream"
