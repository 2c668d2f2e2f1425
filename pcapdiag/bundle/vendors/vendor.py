"""What one vendor's support asks for."""

from __future__ import annotations

import msgspec


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets a bundle, and what they need that no capture holds."""

    name: str
    """As ``--for`` takes it."""
    reader: str
    """Who reads it: ``AWS Support``."""
    fill_in: tuple[tuple[str, str], ...] = ()
    """What the sender adds, and where it is found."""
    beside: tuple[str, ...] = ()
    """What to send or look at beside the bundle."""
    asked: str = ""
    """What the reader is asked, where it is more than what the findings ask."""
    sources: tuple[str, ...] = ()
    """The vendor's own pages that say so."""
