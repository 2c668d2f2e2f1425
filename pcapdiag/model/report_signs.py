"""The report's word on what the resets of a group share."""

import msgspec


class ResetSigns(msgspec.Struct, kw_only=True):
    """What the decisive resets of a group share; None where they differ."""

    resets: int
    """How many there are."""
    ttl: int | None = None
    hops: int | None = None
    """Distance from where the capture was taken, by the likeliest initial TTL."""
    window: int | None = None
    """The raw field, where it is not 0."""
    idle: int = 0
    """How many of them came after a second of quiet or more."""
    idle_shortest: float | None = None
    """Seconds."""
    idle_longest: float | None = None
    text: str | None = None
