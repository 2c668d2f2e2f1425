"""Secrets that a capture may hold are never printed: query values, cookies, credentials, tokens."""

from __future__ import annotations

import re
from functools import lru_cache

MASK = "***"

_SECRET_KEYS = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key"
    r"|client[-_]?secret|session[-_]?(?:id|key)?|sid|jsessionid|signature|sig|credential"
)
_HEADERS = (
    r"(?:proxy-)?authorization|(?:set-)?cookie2?|x-api-key|x-auth-token|x-amz-security-token"
    r"|x-csrf-token|x-forwarded-access-token|authentication-info"
)
_RULES = (
    (re.compile(rf"\b({_HEADERS})(\s*[:=]\s*)\S.*", re.IGNORECASE), rf"\1\2{MASK}"),
    (re.compile(r"(\w://)[^/\s@]+@"), rf"\1{MASK}@"),
    (re.compile(r"([?&;][\w.%~\[\]-]+=)[^&;\s\"'#]+"), rf"\1{MASK}"),
    (
        re.compile(r"\b(Bearer|Basic|Digest|Negotiate|NTLM)\s+(?=\S*[0-9=])[\w+/=.~-]{6,}", re.I),
        rf"\1 {MASK}",
    ),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"), MASK),
    (
        re.compile(rf"\b((?:\w+[-_])?(?:{_SECRET_KEYS}))(\s*[=:]\s*)[^\s,;&\"']+", re.IGNORECASE),
        rf"\1\2{MASK}",
    ),
)
_SUSPECT = re.compile(r"[=@ ]|eyJ|:[^\d]")
"""What a text with a secret has at least one of; most texts of a report have none."""
REMEMBERED = 8192
"""Texts whose result is remembered: reports repeat themselves."""


@lru_cache(REMEMBERED)
def mask(text: str) -> str:
    """Return text with every value that may be a secret replaced by ``***``; names are kept."""
    if not _SUSPECT.search(text):
        return text
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
