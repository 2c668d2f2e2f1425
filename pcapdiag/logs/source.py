"""What a user names with ``--log``: the proxy, its files, and its format where it has its own."""

from __future__ import annotations

import re

from pcapdiag.errors import UsageError
from pcapdiag.model.logs import PRODUCTS, LogSource, Product

EXAMPLE = "for example --log envoy=access.log"
CUSTOM = (
    "give its format: --log 'PRODUCT:FORMAT=FILE', FORMAT being the format string or a file that "
    "has it, as nginx.conf, envoy.yaml or haproxy.cfg"
)
NAMES: dict[Product, str] = {"envoy": "Envoy", "nginx": "NGINX", "haproxy": "HAProxy"}
_MARK = {"envoy": "%", "nginx": "$", "haproxy": "%"}
_HEAD = re.compile(r"\s*([A-Za-z]+)\s*([:=])(.*)", re.DOTALL)


def parse_source(text: str) -> LogSource:
    """Read ``PRODUCT=FILE`` or ``PRODUCT:FORMAT=FILE``; the last ``=`` stands before FILE.

    Raises UsageError for anything else. No file is opened.
    """
    found = _HEAD.match(text)
    if found is None:
        raise UsageError(f"--log {text}: neither PRODUCT=FILE nor PRODUCT:FORMAT=FILE", EXAMPLE)
    product = next((one for one in PRODUCTS if one == found[1].lower()), None)
    if product is None:
        raise UsageError(
            f"--log {text}: no such proxy: {found[1]}", f"one of {', '.join(PRODUCTS)}"
        )
    form, path = "", found[3]
    if found[2] == ":":
        form, equals, path = found[3].rpartition("=")
        if not equals:
            raise UsageError(f"--log {text}: the file is missing", f"{product}:FORMAT=FILE")
        if not form.strip():
            raise UsageError(f"--log {text}: the format is empty", f"{product}=FILE without one")
    if not path.strip():
        raise UsageError(f"--log {text}: the file is missing", EXAMPLE)
    return LogSource(product=product, path=path, form=form)


def is_format(source: LogSource) -> bool:
    """Return whether ``form`` is a format string itself, and not the name of a file that has it."""
    return _MARK[source.product] in source.form
