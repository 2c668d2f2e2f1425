"""Header fields of both HTTP versions: which values stay, and what the others become.

The words of programs and of the protocol stay in every value that is no secret; names, addresses
and paths in it are renamed. A field that is not listed here is overwritten.
"""

from __future__ import annotations

import re

from pcapdiag.sanitize.application.texts import host, phrases, secret, target, url
from pcapdiag.sanitize.application.vocabulary import LETTERS, is_known
from pcapdiag.sanitize.keyed import Keyed, blank
from pcapdiag.sanitize.renamer import Renamer

_NUMBERS = frozenset(
    b"content-length age max-forwards keep-alive retry-after :status grpc-status grpc-timeout dnt"
    b" upgrade-insecure-requests x-envoy-upstream-service-time x-envoy-attempt-count"
    b" x-envoy-expected-rq-timeout-ms x-envoy-upstream-rq-timeout-ms x-b3-sampled x-forwarded-port"
    b" x-envoy-upstream-rq-per-try-timeout-ms grpc-previous-rpc-attempts x-envoy-max-retries"
    b" content-range sec-websocket-version x-content-type-options".split()
)
_DATES = frozenset(b"date expires last-modified if-modified-since if-unmodified-since".split())
_WORDS = frozenset(
    b"transfer-encoding connection proxy-connection upgrade expect te trailer accept"
    b" accept-encoding"
    b" accept-charset accept-language accept-ranges content-type content-encoding content-language"
    b" cache-control pragma vary allow server via user-agent x-powered-by x-squid-error x-cache"
    b" :method :scheme :protocol grpc-message grpc-encoding grpc-accept-encoding x-forwarded-proto"
    b" x-envoy-retry-on x-envoy-overloaded x-envoy-degraded x-envoy-ratelimited x-envoy-internal"
    b" x-envoy-immediate-health-check-fail x-envoy-hedge-on-per-try-timeout sec-fetch-dest"
    b" x-envoy-retry-grpc-on x-envoy-is-timeout-retry x-envoy-local-overloaded sec-fetch-mode"
    b" sec-fetch-site sec-fetch-user x-requested-with x-cache-lookup warning proxy-status"
    b" strict-transport-security x-frame-options x-xss-protection alt-svc".split()
)
_HOSTS = frozenset(b"host :authority x-forwarded-host x-forwarded-server x-original-host".split())
_URLS = frozenset(
    b"location content-location referer origin :path x-original-uri x-envoy-original-path"
    b" x-rewrite-url x-forwarded-uri x-original-url access-control-allow-origin".split()
)
_ADDRESSES = frozenset(
    b"x-forwarded-for forwarded x-real-ip true-client-ip x-client-ip x-cluster-client-ip"
    b" x-envoy-external-address cf-connecting-ip x-original-forwarded-for".split()
)
_IDS = frozenset(
    b"x-request-id traceparent x-correlation-id x-b3-traceid x-b3-spanid x-b3-parentspanid b3"
    b" x-amzn-trace-id x-cloud-trace-context x-datadog-trace-id uber-trace-id etag if-none-match"
    b" x-amz-cf-id x-amzn-requestid cf-ray x-trace-id x-ot-span-context sec-websocket-key"
    b" sec-websocket-accept if-match x-datadog-parent-id".split()
)
_SECRETS = frozenset(
    b"authorization proxy-authorization cookie set-cookie cookie2 set-cookie2 www-authenticate"
    b" proxy-authenticate x-api-key x-auth-token x-csrf-token x-xsrf-token x-amz-security-token"
    b" x-forwarded-client-cert authentication-info x-goog-iap-jwt-assertion x-access-token"
    b" x-envoy-peer-metadata x-envoy-peer-metadata-id x-envoy-decorator-operation".split()
)
_SECRET_NAME = re.compile(
    rb"(?i)token|secret|passw|apikey|api-key|auth|session|credential|jwt|csrf"
)
_KNOWN = frozenset(
    (b"http2-settings", *_NUMBERS, *_DATES, *_WORDS, *_HOSTS, *_URLS, *_ADDRESSES, *_IDS, *_SECRETS)
)
_NUMBER = re.compile(rb"[0-9A-Za-z ,.;=/*-]{0,40}")
_SETTINGS = re.compile(rb"(?:[A-Za-z0-9_-]{8}){0,8}")
"""HTTP2-Settings: six bytes a setting, in base64 (RFC 7540 section 3.2.1)."""
_DATE = re.compile(rb"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
_RUN = re.compile(rb"[A-Za-z]{2,}|[0-9]{4,}|[\x80-\xff]+")
_SCHEMES = re.compile(rb"(?i)(basic|bearer|digest|negotiate|ntlm|aws4-hmac-sha256)( +)")
_PARTS = re.compile(rb"[^;,\s=\"]+")
_ID_PARTS = re.compile(rb"[0-9A-Za-z+/_\x80-\xff]+")


def field_name(name: bytes, renamer: Renamer) -> bytes:
    """Return a field's name: one that is known stays, of others the common words."""
    if name.lower() in _KNOWN:
        return name
    return _RUN.sub(lambda run: run[0] if is_known(run[0]) else renamer.word(run[0]), name)


def field_value(name: bytes, value: bytes, renamer: Renamer, keyed: Keyed) -> bytes:
    """Return what a field's value becomes; ``name`` is in lower case, white space stays."""
    text = value.strip(b" \t")
    if not text:
        return value
    at = value.find(text)
    new = _value(name, text, renamer, keyed)
    return value[:at] + new + value[at + len(text) :]


def _value(name: bytes, text: bytes, renamer: Renamer, keyed: Keyed) -> bytes:
    if name in _NUMBERS and _is_number(text):
        return text
    if name == b"http2-settings" and _SETTINGS.fullmatch(text):
        return text
    if name in _DATES and _DATE.fullmatch(text):
        return text
    if name in _WORDS or name in _NUMBERS or name in _DATES:
        return phrases(text, renamer)
    if name in _HOSTS:
        return host(text, renamer)
    if name in _URLS:
        return url(text, renamer, keyed) if b"://" in text else target(text, renamer, keyed)
    if name in _ADDRESSES:
        return phrases(text, renamer)
    if name in _IDS:
        return _ID_PARTS.sub(lambda part: renamer.word(part[0]), text)
    if name in _SECRETS or _SECRET_NAME.search(name):
        return _secret(text, renamer)
    return blank(text)


def _is_number(text: bytes) -> bool:
    """Return whether a value has numbers and common words alone."""
    return bool(_NUMBER.fullmatch(text)) and all(map(is_known, LETTERS.findall(text)))


def _secret(text: bytes, renamer: Renamer) -> bytes:
    scheme = _SCHEMES.match(text)
    if scheme is not None:
        return scheme[0] + secret(text[scheme.end() :], renamer)
    for part in _PARTS.findall(text):
        secret(part, renamer)
    return b"x" * len(text)
