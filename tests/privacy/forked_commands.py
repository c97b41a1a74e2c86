"""Commands of `hub`, each in a process of its own that is forked from one that has loaded the libraries.

Starting Python and loading them takes longer than most commands. A line of standard input is a JSON object
{"words", "out", "err"}: the command, and the files that take what it shows; its exit code is the line that answers.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

from hub.cli import main as cli


def run(words: list[str], out: Path, err: Path) -> int:
    """One command in a child; its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with Path(os.devnull).open() as nothing, out.open("wb") as shown, err.open("wb") as told:
        for target, source in ((0, nothing), (1, shown), (2, told)):
            os.dup2(source.fileno(), target)
    sys.argv = ["hub", *words]
    code = 1
    try:
        cli.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # no clean-up of the parent's


def main() -> None:
    """Answer each line until the input ends."""
    for module in {*cli.GROUPS.values(), *cli.SINGLES.values()}:
        importlib.import_module(module)
    for line in sys.stdin:
        asked = json.loads(line)
        code = run(asked["words"], Path(asked["out"]), Path(asked["err"]))
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
