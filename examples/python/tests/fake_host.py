"""A host that edits nothing: it plays the spool's side of the protocol.

What happens to a job is in its edit_prompt: "reject", "fail", or anything else
to finish.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from pathlib import Path
from typing import Dict, Optional

RUNNING = ("extracting", "masking", "propagating", "editing", "smoothing", "saving")
PROGRESS = dict(zip(RUNNING, (0.1, 0.25, 0.4, 0.7, 0.9, 0.95)))
INSTANCE = "here_00000000_00000000_m0_0000"


class FakeHost:
    """Runs in a thread of its own between start and stop."""

    def __init__(self, root: Path, steps: float = 0.02) -> None:
        self.root = Path(root)
        self.steps = steps  # seconds that each state lasts
        self.claims = 0
        self._stop = threading.Event()
        self._beat = 0
        self._thread: Optional[threading.Thread] = None

    def start(self, delay: float = 0) -> "FakeHost":
        """Start, after delay seconds: a host that comes late."""
        self._thread = threading.Thread(target=self._run, args=(delay,))
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def make(self) -> None:
        """Make the spool's folders."""
        for name in ("inbox", "control", "rejected", "failed", "done", "spool/queue", "spool/active", "spool/hosts"):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def _run(self, delay: float) -> None:
        if self._stop.wait(delay):
            return
        self.make()
        while not self._stop.wait(0.02):
            for file in sorted((self.root / "inbox").iterdir()):
                if file.suffix == ".yaml" and not file.name.startswith("."):
                    self._claim(file)

    def beat(self) -> None:
        """Move the heartbeat."""
        self._beat += 1
        (self.root / "spool" / "hosts" / (INSTANCE + ".hb")).write_text("UHB1 seq={:020d}\n".format(self._beat))

    def _claim(self, file: Path) -> None:
        token = time.strftime("%y%m%dT%H%M%S", time.gmtime()) + "-" + secrets.token_hex(3)
        active = self.root / "spool" / "active" / "{}.e0001.a0c0.{}.yaml".format(token, INSTANCE)
        os.rename(str(file), str(active))
        self.claims += 1
        text = active.read_text(encoding="utf-8")
        assert text.endswith("\n...\n"), "a request that ends in no line ..."
        values = json.loads(text.partition("\n")[2][: -len("...\n")])
        if values["edit_prompt"] == "reject":
            return self._reject(active, file.name, token)
        queued = self.root / "spool" / "queue" / "5-{}-{}.e0001.a0c0.yaml".format("m0", token)
        os.rename(str(active), str(queued))
        again = active.with_name(active.name.replace("e0001", "e0002"))
        os.rename(str(queued), str(again))
        self._edit(values, again, token)

    def _reject(self, active: Path, name: str, token: str) -> None:
        directory = self.root / "rejected" / (token + "-" + Path(name).stem)
        directory.mkdir()
        faults = [{"code": "invalid_request", "message": "edit_prompt: nothing can be rejected", "hint": "write fail"}]
        (directory / "reason.json").write_text(json.dumps(faults))
        (directory / "reason.txt").write_text("request.yaml:6: edit_prompt: nothing can be rejected (hint: write fail)\n")
        os.rename(str(active), str(directory / "request.yaml"))

    def _edit(self, values: Dict, active: Path, token: str) -> None:
        directory, job_id = Path(values["output_dir"]), values["job_id"]
        log = directory / (job_id + "_log.txt")
        for state in RUNNING:
            with open(str(log), "a") as stream:
                stream.write("state {}\n".format(state))
            write_status(directory, job_id, state, PROGRESS[state], message=state)
            self._stop.wait(self.steps)
        if values["edit_prompt"] == "fail":
            write_status(directory, job_id, "failed", 0.95, error="nothing_found: there is no such thing")
            (self.root / "failed" / token).mkdir()
            (self.root / "failed" / token / "reason.json").write_text('{"code": "nothing_found", "message": "no such thing"}')
            os.rename(str(active), str(self.root / "failed" / token / "request.yaml"))
            return
        for ending in ("output", "mask"):
            (directory / "{}_{}.mp4".format(job_id, ending)).write_text(ending)
        write_status(directory, job_id, "finished", 1.0)
        day = self.root / "done" / "2026-01-31"
        day.mkdir(exist_ok=True)
        os.rename(str(active), str(day / (token + ".e0002.yaml")))


def write_status(directory: Path, job_id: str, status: str, progress: float, **more: Optional[str]) -> None:
    """Write the ten keys as a host does."""
    record = dict.fromkeys(
        ("current_frame", "total_frames", "message", "error", "output_video_path", "mask_preview_path", "logs_path")
    )
    record.update(more)
    if status == "finished":
        record["output_video_path"] = str(directory / (job_id + "_output.mp4"))
    whole = {"job_id": job_id, "status": status, "progress": progress}
    whole.update(record)
    temporary = directory / ".status.tmp"
    temporary.write_text(json.dumps(whole))
    os.replace(str(temporary), str(directory / "status.json"))
