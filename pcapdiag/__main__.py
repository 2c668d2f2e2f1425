"""``python -m pcapdiag``, and what the installed ``pcapdiag`` calls."""

from __future__ import annotations


def main() -> None:
    """Run the program; ^C while its modules are still being imported ends it quietly."""
    import signal

    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pcapdiag.cli.main import main as run

    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    run()


if __name__ == "__main__":
    main()
