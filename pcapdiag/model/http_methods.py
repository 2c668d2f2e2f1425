"""The methods by which a request of HTTP/1 is known: those of IANA's registry that are in use.

RFC 9110, 5789 (PATCH), draft-ietf-httpbis-safe-method-w-body (QUERY) and WebDAV's: RFC 4918, 3253
(versions; Subversion), 3744 (ACL), 4791 (calendars), 5323 (SEARCH), 5842 (bindings).
"""

from __future__ import annotations

BODILESS = ("GET", "HEAD", "DELETE", "OPTIONS", "CONNECT", "TRACE")
"""Methods whose requests have no body as a rule."""
COMMON = (*BODILESS, "POST", "PUT", "PATCH", "PROPFIND")
"""Words that begin a line in no other protocol, or in none that has it followed by a blank."""
RARE = (
    "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "ACL", "SEARCH", "QUERY",
    "REPORT", "MKCALENDAR", "VERSION-CONTROL", "CHECKOUT", "CHECKIN", "UNCHECKOUT", "UPDATE",
    "LABEL", "MERGE", "BASELINE-CONTROL", "MKACTIVITY", "MKWORKSPACE", "BIND", "REBIND", "UNBIND",
)  # fmt: skip
"""Words that other protocols, and SQL, may begin with: behind these a target must follow."""
TARGETS = ("/", "*", "http")
"""How the target of such a request begins: a path, ``*``, or a whole URL to a proxy."""

METHODS = (*COMMON, *RARE)
STARTS = (
    *(f"{name} ".encode() for name in COMMON),
    *(f"{name} {target}".encode() for name in RARE for target in TARGETS),
)
"""What a request may begin with."""
