#!/usr/bin/env python3
"""Edit the first frame of a video, or a picture, to try prompts."""

from __future__ import annotations

import os
import sys
from typing import List, Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from scripts import flags  # noqa: E402


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line and return its exit status."""
    parser = flags.parser("Edit one frame by text.")
    parser.add_argument(
        "--output", "-o", default="outputs/test_frame0.png", help="PNG; its _mask sibling is written too (%(default)s)"
    )
    flags.add_guidance(parser)
    flags.add_models(parser)
    parsed = parser.parse_args(argv)
    parsed.mode = "single_frame"
    os.makedirs(os.path.dirname(os.path.abspath(parsed.output)), exist_ok=True)
    return flags.run(flags.forward(parsed))


if __name__ == "__main__":
    sys.exit(main())
