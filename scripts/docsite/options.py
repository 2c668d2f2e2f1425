"""The commands' options as docs/cli.md shows them: tables made from click's own declarations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import click

from pcapdiag.cli.main import cli

MARKED = re.compile(
    r"(?P<open><!-- options of (?P<command>\w+) -->\n).*?(?P<close><!-- /options -->)", re.DOTALL
)
FIRST = "analyze"
"""The command whose options others share; theirs are not told twice."""

_FILTER = "Which connections are reported. What else the capture says about them is still used."
_KNOWN = "What the capture does not say, or says wrong."
_OUTPUT = "How the result is written, and where."
_OWN = "Of this command."
_GROUPS = {
    **dict.fromkeys(("hosts", "ports", "nets", "streams", "time_from", "time_to"), _FILTER),
    **dict.fromkeys(
        ("proxies", "clients", "upstreams", "names", "keylog", "snapshots", "logs"), _KNOWN
    ),
    **dict.fromkeys(
        (
            "output",
            "html",
            "fail_on",
            "output_format",
            "show_all",
            "time_mode",
            "width",
            "no_color",
        ),
        _OUTPUT,
    ),
}


def commands() -> dict[str, click.Command]:
    """Return the program's commands by name."""
    return dict(cli.all_commands())


def refreshed(page: str) -> str:
    """Return the page with its tables made anew."""

    def made(found: re.Match[str]) -> str:
        return found["open"] + section(found["command"]) + found["close"]

    return MARKED.sub(made, page)


def section(name: str) -> str:
    """Return a command's synopsis and its tables of options, as Markdown."""
    command = commands()[name]
    context = click.Context(command, info_name=f"pcapdiag {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    shared = [o for o in options if name != FIRST and _is_shared(o)]
    own = [option for option in options if option not in shared]
    text = f"```sh\npcapdiag {name} {usage}\n```\n"
    for title, members in _grouped(own) if name == FIRST else [("", own)]:
        text += f"\n{title}\n" if title else ""
        if members:
            text += "\n| option | means |\n|---|---|\n"
            text += "".join(_row(option) for option in members)
    if shared:
        names = ", ".join(f"`{option.opts[-1]}`" for option in shared)
        text += f"\nAs with [{FIRST}](#pcapdiag-{FIRST}): {names}.\n"
    return text


def _grouped(options: Sequence[click.Option]) -> Iterator[tuple[str, list[click.Option]]]:
    for title in dict.fromkeys([*_GROUPS.values(), _OWN]):
        members = [o for o in options if _GROUPS.get(o.name or "", _OWN) == title]
        if members:
            yield title, members


def _is_shared(option: click.Option) -> bool:
    return any(
        (option.opts, option.help, option.default) == (other.opts, other.help, other.default)
        for other in commands()[FIRST].params
        if isinstance(other, click.Option)
    )


def _row(option: click.Option) -> str:
    names = [*option.opts, *option.secondary_opts]
    value = "" if option.is_flag else f" {_value(option)}"
    spelled = ", ".join(f"`{_cell(name + value)}`" for name in names)
    text = _plain(option.help or "")
    if option.show_default and not option.is_flag:
        text += f" Default: `{option.default}`."
    if option.required:
        text += " Required."
    return f"| {spelled} | {text} |\n"


def _value(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "|".join(option.type.choices)
    return option.metavar or option.type.name.upper()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _plain(text: str) -> str:
    """Return a text with nothing in it that Markdown would take for its own."""
    return re.sub(r"([*_`|<])", r"\\\1", text)
