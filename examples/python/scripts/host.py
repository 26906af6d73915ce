"""Finds `ureditd` and runs one edit here and now."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import List


class NoHost(RuntimeError):
    """There is no ureditd to run."""


def command() -> List[str]:
    """Return how to start ureditd: UREDITD, else the one in PATH."""
    found = os.environ.get("UREDITD") or shutil.which("ureditd")
    if not found:
        raise NoHost("ureditd is not in PATH: build it with `make build`, or set UREDITD to its path")
    return [found]


def edit(arguments: List[str]) -> int:
    """Run `ureditd edit` with this terminal and return its exit status."""
    line = command() + ["edit"] + arguments
    try:
        return subprocess.call(line)
    except OSError as error:
        raise NoHost("{}: {}".format(line[0], error.strerror)) from error
