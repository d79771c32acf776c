"""Run a Prefect command that ends when the process that started it does, however that ends.

`python -m flows.ward server start …` is `prefect server start …`, interrupted as soon as nobody
holds the other end of its standard input: also when the parent was killed and could stop nothing.
"""

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Run the command."""
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    sys.argv[0] = "prefect"
    runpy.run_module("prefect", run_name="__main__")


def _end_with_the_parent() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    main()
