"""`python -m daemon.cli` is `tradepost`."""

from daemon.cli import main

main()
