"""``python -m pcapdiag``."""

from pcapdiag.cli.main import main

if __name__ == "__main__":
    main()
