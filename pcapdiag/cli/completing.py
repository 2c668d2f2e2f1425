"""What can be completed in a word: labels, products, codes. Imported only when it is asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

ROLES = ("client", "proxy", "upstream")
"""Labels that say where a capture was taken."""


def labelled(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete ``LABEL=FILE``."""
    return _heads(begun, (f"{role}=" for role in ROLES)) or [_file(begun)]


def captures(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete a capture, or ``LABEL=FILE``."""
    labels = _heads(begun, (f"{role}=" for role in ROLES)) if begun else []
    return [*labels, _file(begun)]


def logs(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete ``PRODUCT=FILE``."""
    from pcapdiag.model.logs import PRODUCTS

    return _heads(begun, (f"{product}=" for product in PRODUCTS)) or [_file(begun)]


def codes(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete a verdict's or a finding's code."""
    from pcapdiag.diagnose.pages import codes as all_codes

    return _heads(begun, all_codes())


def vendors(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete whom a bundle is for."""
    from pcapdiag.bundle.vendors.registry import VENDORS

    return _heads(begun, VENDORS)


def conditions(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete what fails a run: its key, then what that may be."""
    from typing import get_args

    from pcapdiag.model.report import Party, Severity

    key, equals, value = begun.partition("=")
    if not equals:
        return _heads(begun, ("code=", "party=", "finding=", "severity=", "failed>", "never"))
    if key in ("code", "finding"):
        from pcapdiag.diagnose.pages import finding_codes, verdict_codes

        return _heads(value, verdict_codes() if key == "code" else finding_codes())
    return _heads(value, get_args(Party if key == "party" else Severity))


def _heads(begun: str, words: Iterable[str]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(word) for word in words if word.startswith(begun)]


def _file(begun: str) -> CompletionItem:
    """Return that a file is wanted; the last ``=`` stands before it."""
    from click.shell_completion import CompletionItem

    return CompletionItem(begun.rpartition("=")[2], type="file")
