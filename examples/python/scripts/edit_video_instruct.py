#!/usr/bin/env python3
"""Edit a video by text on this machine, with control of the smoothing."""

from __future__ import annotations

import os
import sys
from typing import List, Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from scripts import flags  # noqa: E402

EXAMPLES = """\
Examples:
  edit_video_instruct.py -i in.mp4 -o red_hair.mp4 -m hair -e "make the hair red" --max-frames 100
  edit_video_instruct.py -i in.mp4 -o sunglasses.mp4 -m face -e "add sunglasses"
  edit_video_instruct.py -i in.mp4 -o suit.mp4 -m person -e "make the person wear a formal black suit"

A mask prompt names a thing: person, hair, face, clothes. An edit prompt is an
instruction in plain English; short and concrete works best. Try it on few
frames (--max-frames 30 --steps 20) before the whole video. -h lists the flags.
"""


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line and return its exit status; without arguments show examples."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv:
        print(EXAMPLES, end="")
        return 0
    parser = flags.parser("Edit a video by text.")
    parser.add_argument("--output", "-o", required=True, help="the edited video; its _mask sibling is written too")
    parser.add_argument("--max-frames", type=int, help="end after that many frames")
    parser.add_argument("--no-smoothing", action="store_true", help="leave flicker in")
    parser.add_argument("--smoothing-window", type=int, default=5, help="frames that are looked at (5)")
    parser.add_argument("--smoothing-alpha", type=float, default=0.3, help="weight of the neighbours, 0..1 (0.3)")
    parser.add_argument("--device", help="cuda or cpu; the host's configuration without it")
    parsed = parser.parse_args(argv)
    if parsed.device:
        os.environ["UREDIT_DEVICES"] = parsed.device
    return flags.run(flags.forward(parsed))


if __name__ == "__main__":
    sys.exit(main())
