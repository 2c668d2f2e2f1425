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
_KEY_WORDS = ("pass", "pwd", "secret", "token", "key", "session", "sid", "sig", "credential")
_HEADER_WORDS = ("auth", "cookie", "x-api-key", "token")
_NGINX = r"(?!(?:proxy|grpc|fastcgi|uwsgi|scgi)_pass)"
"""Directives that end like a password, and hold none."""
_SCHEMES = ("bearer", "basic", "digest", "negotiate", "ntlm")
_VENDORS = r"gh[oprsu]_|github_pat_|glpat-|xox[a-z]-|[rs]k_live_|hvs\.|npm_"
"""How tokens begin: of GitHub, GitLab, Slack, Stripe, Vault and npm, by their own documentation."""
_VENDOR_WORDS = ("gh", "pat", "xox", "k_live_", "hvs.", "npm_")
_PATH_KEYS = rf"(?:\w+[-_])?(?:{_SECRET_KEYS}|reset|invite|verify|confirm)"
_RULES = (
    (_HEADER_WORDS, rf"(?i)\b({_HEADERS})(\s*[:=]\s*)\S.*", rf"\1\2{MASK}"),
    (("://",), r"(\w://)[^/\s?#]+@", rf"\1{MASK}@"),
    (("@",), r"(?<![\w/:.%+-])[\w.%+-]{1,256}:[^\s/]{1,256}@(?=[\w\[])", f"{MASK}@"),
    # A quote before a word is the value's own; one before anything else may end a command's word.
    (("=",), r"([?&;][\w.:%~\[\]-]+=)(?:[^&;\s\"'#]|[\"'](?=[\w%]))+", rf"\1{MASK}"),
    (("?",), r"(?<=[\w/.~-])\?[^\s=&;#\"']{8,}(?=[\s&;#\"']|$)", rf"?{MASK}"),
    (
        _SCHEMES,
        r"(?i)\b(Bearer|Basic|Digest|Negotiate|NTLM)\s+(?=\S*[0-9=])[\w+/=.~-]{6,}",
        rf"\1 {MASK}",
    ),
    (_VENDOR_WORDS, rf"\b(?:{_VENDORS})[\w-]{{10,}}", MASK),
    (("/bot",), r"(/bot\d+:)[\w-]{30,}", rf"\1{MASK}"),
    (("/services/",), r"(/services/\w+/\w+/)\w{12,}", rf"\1{MASK}"),
    (("/",), rf"(?i)(/{_PATH_KEYS}/)(?=[^/\s]*\d)[\w.~%+-]{{12,}}", rf"\1{MASK}"),
    (("eyj",), r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?", MASK),
    (
        (*_KEY_WORDS, *_HEADER_WORDS),
        rf"(?i)\b{_NGINX}((?:\w+[-_])?(?:{_SECRET_KEYS}|{_HEADERS})\\?[\"']?\s*[=:]\s*)"
        r"(\\?[\"'])(?!\2).+?(?:\2|$)",
        rf"\1\2{MASK}\2",
    ),
    (
        _KEY_WORDS,
        rf"(?i)\b{_NGINX}((?:\w+[-_])?(?:{_SECRET_KEYS}))([\"']?\s*[=:]\s*)[^\s,;&\"']+",
        rf"\1\2{MASK}",
    ),
)
"""What a text has, in lower case, at least one of where the pattern fits; the pattern, compiled
when it is first needed; what is put in its place."""
_SUSPECT = re.compile(rf"[=@ ?/]|eyJ|:[^\d]|{_VENDORS}")
"""What a text with a secret has at least one of; most texts of a report have none."""
REMEMBERED = 8192
"""Texts whose result is remembered: reports repeat themselves."""


@lru_cache(REMEMBERED)
def mask(text: str) -> str:
    """Return text with every value that may be a secret replaced by ``***``; names are kept."""
    if not _SUSPECT.search(text):
        return text
    # Beyond ASCII other letters count as these, too: U+017F is an s to a pattern.
    lower = text.lower() if text.isascii() else None
    for words, pattern, replacement in _RULES:
        if lower is None or any(map(lower.__contains__, words)):
            text = re.sub(pattern, replacement, text)
    return text
