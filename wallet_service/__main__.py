"""The command line: `wallet`."""

from __future__ import annotations

import sys

from wallet_service.cli.app import run_app


def main() -> None:
    """Run the command line."""
    sys.exit(run_app())


if __name__ == "__main__":
    main()
