#!/usr/bin/env python3
"""Stands in for ureditd: notes its arguments in $FAKE_ARGUMENTS and does what edit_prompt says."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tests.fake_host import PROGRESS, RUNNING, write_status  # noqa: E402


def main() -> int:
    with open(os.environ["FAKE_ARGUMENTS"], "w") as stream:
        json.dump({"arguments": sys.argv[1:], "devices": os.environ.get("UREDIT_DEVICES")}, stream)
    if len(sys.argv) != 3 or not sys.argv[2].endswith("request.yaml"):
        return 0
    text = Path(sys.argv[2]).read_text(encoding="utf-8")
    values = json.loads(text.partition("\n")[2][: -len("...\n")])
    directory, job_id = Path(values["output_dir"]), values["job_id"]
    if values["edit_prompt"] == "invalid":
        print("request.yaml:6: edit_prompt: nothing can be invalid")
        return 2
    for state in RUNNING:
        with open(str(directory / (job_id + "_log.txt")), "a") as stream:
            stream.write("state {}\n".format(state))
        write_status(directory, job_id, state, PROGRESS[state], message=state)
        time.sleep(0.1)
    if values["edit_prompt"] == "fail":
        write_status(directory, job_id, "failed", 0.95, error="nothing_found: there is no such thing")
        return 1
    for ending in ("output", "mask"):
        (directory / "{}_{}.mp4".format(job_id, ending)).write_text(ending)
    write_status(directory, job_id, "finished", 1.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
