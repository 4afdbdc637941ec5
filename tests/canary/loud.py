"""Runs the daemon as `tradepost run` does, but with the log at DEBUG and, for its crashes, Python's own tracebacks.

`python loud.py python -m daemon.cli --config PATH run [--once]`: stands before the command that it takes the place of.
"""

import faulthandler
import sys
from pathlib import Path

from daemon import log, start
from daemon.cli.work import harden
from daemon.config_file import load


def main(arguments: list[str]) -> int:
    """As the last argument of the command says."""
    faulthandler.enable()
    log.start("DEBUG")
    harden()
    config = load(Path(arguments[arguments.index("--config") + 1]))
    return start.run(config, once="--once" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
