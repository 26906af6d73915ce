#!/usr/bin/env python3
"""Edit a video by text on this machine."""

from __future__ import annotations

import os
import sys
from typing import List, Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from scripts import flags  # noqa: E402


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line and return its exit status."""
    parser = flags.parser("Edit a video by text.")
    parser.add_argument("--output", "-o", required=True, help="the edited video; its _mask sibling is written too")
    parser.add_argument("--max-frames", type=int, help="end after that many frames")
    flags.add_guidance(parser)
    flags.add_models(parser)
    return flags.run(flags.forward(parser.parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
