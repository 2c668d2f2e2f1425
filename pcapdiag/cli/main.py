"""The ``pcapdiag`` program: its commands, and what becomes of every error.

Exit status of every command: 0 nothing failed; 1 a failed connection, or a finding of severity
failure; 2 wrong use, or nothing readable; 3 internal error, an output that could not be written, or
a bundle whose proof failed; 130 after ^C.
"""

from __future__ import annotations

import errno
import gc
import os
import re
import sys
from collections.abc import Mapping
from importlib import import_module

import click

from pcapdiag import __version__
from pcapdiag.cli.examples import examples
from pcapdiag.cli.leaving import leaving_on_sigterm
from pcapdiag.cli.output import ClosedPipeError, OutputError, drop_standard_output
from pcapdiag.cli.say import warn
from pcapdiag.cli.status import INTERNAL, INTERRUPTED, OK, OUTPUT_FAILED, WRONG_USE
from pcapdiag.compiled import is_compiled
from pcapdiag.errors import ClusterError, PcapdiagError, ProofError, SanitizeError
from pcapdiag.model.harmless import harmless

_COMMANDS = (
    *("analyze", "annotate", "bundle", "completion", "correlate"),
    *("explain", "probe", "snapshot", "timeline", "triage"),
)
"""Each is in the module of its name: a run imports the one that it needs."""
_HELP: type[click.UsageError] | tuple[()] = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What click, from 8.2 on, raises to show the help where nothing was asked."""
_COMPLETES = "_PCAPDIAG_COMPLETE"
"""Set where a shell asks what a word may go on with (``shells.py``)."""


class Program(click.Group):
    """A group of commands that return their exit status, and whose errors are one line each."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; for a name that is none, all are there to choose a like one from."""
        if cmd_name in _COMMANDS:
            return _command(cmd_name)
        self.all_commands()
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; a capture in its place wants ``analyze``."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if not os.path.isfile(args[0]):
                raise
            message = f"{args[0]!r} is a file and no command: write pcapdiag analyze {args[0]}"
            raise click.UsageError(message, ctx) from error

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of all commands, as help lists them."""
        return sorted(_COMMANDS)

    def all_commands(self) -> Mapping[str, click.Command]:
        """Return every command by its name."""
        for name in _COMMANDS:
            self.add_command(_command(name))
        return self.commands

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        """Read the arguments; one that is wrong is repeated without what steers a terminal."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            raise _tamed(error) from None
        except OSError as error:
            raise click.exceptions.Exit(_unwritten(error)) from None

    def invoke(self, ctx: click.Context) -> None:
        """Run a command and end with its status; never with a traceback."""
        try:
            status = super().invoke(ctx)
        except click.UsageError as error:
            raise _tamed(error) from None
        except (click.exceptions.Exit, click.ClickException):
            raise
        except (KeyboardInterrupt, click.Abort):
            status = INTERRUPTED
        except ClosedPipeError:
            drop_standard_output()
            status = OK
        except PcapdiagError as error:
            status = _status_of(error)
            if isinstance(error, OutputError):
                # What could not be written is still in the buffer: the last flush would fail too.
                drop_standard_output()
            warn(str(error))
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.ENOSPC):
                status = _unwritten(error)
            else:
                status = INTERNAL
                _internal(error)
        ctx.exit(status)


def _tamed(error: click.UsageError) -> click.UsageError:
    """An error of click, which repeats an argument as it was given; its own lines stay lines."""
    if isinstance(error, _HELP):
        return error
    parts = re.split(r"([\n\t]+)", error.format_message())
    text = "".join(part if part.isspace() else harmless(part) for part in parts)
    return click.UsageError(text, error.ctx)


def _command(name: str) -> click.Command:
    command: click.Command = getattr(import_module(f"pcapdiag.cli.{name}"), name)
    return command


def _status_of(error: PcapdiagError) -> int:
    if isinstance(error, (ClusterError, ProofError, SanitizeError)):
        return INTERNAL
    return OUTPUT_FAILED if isinstance(error, OutputError) else WRONG_USE


def _unwritten(error: OSError) -> int:
    """Return the status where help or version, which click writes, found no room or no reader."""
    drop_standard_output()
    if error.errno == errno.EPIPE:
        return OK
    warn(f"cannot write standard output: {error.strerror}")
    return OUTPUT_FAILED


def _internal(error: Exception) -> None:
    if os.environ.get("PCAPDIAG_DEBUG") == "1":
        import traceback

        traceback.print_exc()
    kind = type(error).__name__
    warn(f"internal error ({kind}: {error}); PCAPDIAG_DEBUG=1 shows where. Please report it")


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"pcapdiag {__version__}")
        click.echo(f"compiled: {'yes' if is_compiled() else 'no'}")
        ctx.exit(OK)


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "pcapdiag analyze capture.pcap",
        "pcapdiag analyze --host 10.0.2.7:8443 --format json capture.pcapng.gz",
        "tcpdump -U -w - | pcapdiag analyze --follow -",
        "pcapdiag correlate proxy=proxy.pcap upstream=upstream.pcap",
        "pcapdiag annotate capture.pcap -o annotated.pcapng",
        "pcapdiag bundle capture.pcap -o case.zip",
        "pcapdiag explain tcp.stale_connection",
        "pcapdiag probe api.example.com:443",
        "pcapdiag triage /var/captures -o out",
        after="Exit status: 0 nothing failed, 1 something failed, 2 wrong use or nothing readable, "
        "3 internal error or output not written.",
    ),
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version, and whether the fast modules are compiled.",
)
def cli() -> None:
    """Read a packet capture; say which connections failed, why, and who did it."""


def main() -> None:
    """Run the program with the arguments of the process; the entry point of ``pcapdiag``."""
    # What starting made lives until the end.
    gc.freeze()
    try:
        if _COMPLETES in os.environ:
            from pcapdiag.cli.shells import register

            register()
        with leaving_on_sigterm():
            cli(prog_name="pcapdiag")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        gc.freeze()
