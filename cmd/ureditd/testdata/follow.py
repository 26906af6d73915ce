"""Read a job's status.json every 10 ms to its end, as a UI may.

    follow.py STATUS_JSON

Prints one JSON object: the states seen, how often the file was another one, and
the longest time between two of them. Any record that a reader could not rely on
ends it with an exception.
"""

import json
import os
import sys
import time
from dataclasses import fields

from src.video_edit_interface import VideoEditStatus

KEYS = [field.name for field in fields(VideoEditStatus)]
STATES = ["queued", "extracting", "masking", "propagating", "editing", "smoothing", "saving", "finished", "failed"]


def follow(path):
    states, versions, longest = [], 0, 0.0
    last, progress, seen, since = None, 0.0, None, time.monotonic()
    while last not in ("finished", "failed"):
        time.sleep(0.01)
        try:
            with open(path, "rb") as file:
                data, version = file.read(), os.fstat(file.fileno())
        except FileNotFoundError:
            assert seen is None, "status.json went away"
            continue
        record = json.loads(data)  # torn files end here
        assert list(record) == KEYS, list(record)
        status = VideoEditStatus(**record)
        assert STATES.index(status.status) >= STATES.index(last or "queued"), (last, status.status)
        assert progress <= status.progress <= 1, (progress, status.progress)
        assert isinstance(status.progress, float), status.progress
        for name in (status.output_video_path, status.mask_preview_path, status.logs_path):
            assert name is None or os.path.isabs(name), name
        assert status.logs_path, status
        if status.mask_preview_path and status.status != "failed":
            assert os.path.getsize(status.mask_preview_path) > 0
        if (version.st_ino, version.st_mtime_ns) != seen:
            now = time.monotonic()
            if seen is not None:
                longest = max(longest, now - since)
            seen, since, versions = (version.st_ino, version.st_mtime_ns), now, versions + 1
        if status.status != last:
            states.append(status.status)
        last, progress = status.status, status.progress
    if last == "finished":
        assert status.progress == 1 and status.error is None, status
        assert os.path.isfile(status.output_video_path) and os.path.isfile(status.mask_preview_path), status
    else:
        assert status.error, status
    return {"states": states, "versions": versions, "longest": longest, "error": status.error}


if __name__ == "__main__":
    print(json.dumps(follow(sys.argv[1])))
