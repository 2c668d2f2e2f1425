"""Words of this program's own texts: in a report they prove nothing.

A host may be called ``default`` or ``upstream``; every report has these words without knowing the
host. Whether a word is one of ours is read off the program itself: its sources hold all texts that
it prints, the names of all members of its JSON, and what proxies write.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_TOKEN = re.compile(r"[a-z0-9][a-z0-9._-]*[a-z0-9]")
_WORD = re.compile(r"[a-z0-9]+")
_TEXTS = (".css", ".html", ".j2", ".js", ".json", ".md", ".py", ".txt")
_DOCSTRING = re.compile(r'"""(?:.|\n)*?"""')
_LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"|^ +\w+: [A-Za-z]', re.MULTILINE)

_SPEAKING = ("diagnose", "host", "logs", "model", "protocols")
"""Floors that know what proxies and kernels write."""

_OF_LOGS = """
    abort accept access address admin agent alert allowed attempt bad body broken buffered caught
    chunked client close closed closing config configured connect connected connecting connection
    content cookie could crit critical data debug default delayed depth detected disconnect down
    downstream early emerg empty end epoll errno error event exceeded exited expired failed failure
    fatal file forbidden found frame from gateway got handshake handshaking header headers health
    host idle info initialized inspect internal invalid issuer keepalive length library limit line
    listen listener local log long lookup main malformed match message method missing name network
    no not notice null number open opened overflow parsing path peer pending pipe plain port
    premature prematurely process protocol proxy queue quit reached read reading reason received
    recv redirect refused remote request required reset resolve resolved resource response retry
    route routines running self send sending sent server session shutdown signal signed slow socket
    srv ssl start started stat state status stopped stream subject terminated termination timeout
    timed timing token too trace transfer trusted type unable unavailable unexpected unknown
    unreachable unsupported until upstream uri used using valid value verification verified verify
    version wait waiting warn warning was while with without worker write writing wrong zero
    algorithm algorithms alpn authority bio block ca chain check cipher ciphers common compression
    critical crl curve decode decrypt decryption depth dh digest dn ec ecpoint encrypted excessive
    extension extensions fallback finished group hello hmac hostname illegal inappropriate index
    insufficient internal intermediate ip issued key keys legacy mac mismatch negotiated negotiation
    not optional ossl padding parameter parse passed permitted point pool provide provided psk
    public purpose rd record renegotiation required revoked root rsa security self session share
    shared signature sigalgs small suitable supported syscall ticket tls tlsv1 trust tried
    unexpectedly unsafe unsuitable untrusted verified x509
    jan feb mar apr may jun jul aug sep oct nov dec
"""
"""What NGINX, HAProxy, Envoy and OpenSSL write, beside what our sources quote of them."""


@cache
def own_words() -> frozenset[str]:
    """Return all words, and words joined by dots, hyphens or underscores, in lower case."""
    return _words(_texts(files("pcapdiag")))


@cache
def spoken_words() -> frozenset[str]:
    """Return the words that the program reads and writes, without those of its explanations."""
    literals = []
    for floor in _SPEAKING:
        for text in _texts(files("pcapdiag") / floor):
            literals += _LITERAL.findall(_DOCSTRING.sub("", text))
    return _words([*literals, _OF_LOGS])


def _words(texts: list[str]) -> frozenset[str]:
    found: set[str] = set()
    for text in texts:
        lower = text.lower()
        found.update(_TOKEN.findall(lower))
        found.update(_WORD.findall(lower))
    return frozenset(found)


def _texts(folder: Traversable) -> list[str]:
    texts = []
    for entry in folder.iterdir():
        if entry.is_dir():
            texts += _texts(entry)
        elif entry.name.endswith(_TEXTS):
            texts.append(entry.read_text("utf-8"))
    return texts
