"""status.json: read without trust, written whole."""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import Optional

from src.video_edit_interface import VideoEditStatus

NAME = "status.json"
FINAL = ("finished", "failed")
STATES = ("queued", "extracting", "masking", "propagating", "editing", "smoothing", "saving") + FINAL

_PATHS = ("output_video_path", "mask_preview_path", "logs_path")


def read(directory: Path, job_id: Optional[str] = None) -> Optional[VideoEditStatus]:
    """Return the record in directory, or None.

    None stands for every way in which there is no record: no file, no right to
    read it, not JSON, not the ten keys, or a record of another job than job_id.
    """
    for attempt in range(3):
        try:
            data = json.loads((Path(directory) / NAME).read_text(encoding="utf-8"))
            break
        except (OSError, RecursionError, ValueError):
            # Some file systems show a file that is being replaced as missing
            # or empty for an instant.
            if attempt < 2:
                time.sleep(0.01)
    else:
        return None
    try:
        status = VideoEditStatus(**data)
        for key in _PATHS:
            value = getattr(status, key)
            setattr(status, key, Path(value) if value else None)
    except TypeError:
        return None
    if status.status not in STATES or (job_id is not None and status.job_id != job_id):
        return None
    return status


def write(directory: Path, status: VideoEditStatus) -> None:
    """Put status in place of what is in directory, whole or not at all."""
    text = json.dumps(status.to_dict(), indent=2, ensure_ascii=False) + "\n"
    replace(Path(directory) / NAME, text.encode("utf-8"))


def replace(path: Path, data: bytes) -> None:
    """Write data beside path under a hidden name, then rename it over path.

    The file is readable by everybody: who runs the job is another user.
    """
    temporary = path.parent / ".{}.{}.tmp".format(path.name, secrets.token_hex(4))
    descriptor = os.open(str(temporary), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(str(temporary), str(path))
    except BaseException:
        try:
            os.unlink(str(temporary))
        except OSError:
            pass
        raise


def make_directory(path: Path) -> None:
    """Make path and what is missing above it, writable by the group.

    The editing daemon is another user of the same group, and the umask of the
    caller would keep it out.
    """
    missing = []
    while not path.is_dir():
        missing.append(path)
        if path.parent == path:
            break
        path = path.parent
    for directory in reversed(missing):
        try:
            directory.mkdir()
        except FileExistsError:
            if not directory.is_dir():
                raise
            continue
        os.chmod(str(directory), 0o2775)
