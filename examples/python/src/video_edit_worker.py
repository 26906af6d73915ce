"""run_video_edit and get_video_edit_status, over the spool.

Environment:

    UREDIT_SPOOL            the spool's root (else the root in the file that
                            UREDIT_CONFIG names, else /var/spool/uredit)
    UREDIT_SUBMIT_TIMEOUT   seconds that a request waits for a host that shows
                            no sign of life, 120 by default
    UR_EDIT_OUTPUT_DIR      where jobs are looked for without an output_dir,
                            "outputs" by default
    INSTRUCT_PIX2PIX_MODEL_PATH, SAM3_MODEL_PATH
                            models, where request.extra names none
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Optional

from src import status_file
from src.spool import DONE, FAILED, INBOX, LIVE, NOWHERE, REJECTED, Place, Spool, Ticket, reason
from src.video_edit_interface import VideoEditError, VideoEditRequest, VideoEditStatus

POLL_SECONDS = 0.25
SUBMIT_TIMEOUT_SECONDS = 120.0

# How long a thread that was just started may take to write its first record.
_START_SECONDS = 0.5

_MODELS = (("model_path", "INSTRUCT_PIX2PIX_MODEL_PATH"), ("sam_path", "SAM3_MODEL_PATH"))


def run_video_edit(request: VideoEditRequest, watch: Optional[Callable[[VideoEditStatus], None]] = None) -> None:
    """Submit request and wait until its job is over.

    Progress is in output_dir/status.json meanwhile; watch, when given, gets
    each new record. Raises VideoEditError with the reason when the job failed,
    when the request was rejected, and when no host claimed it while none
    showed a sign of life for UREDIT_SUBMIT_TIMEOUT seconds.
    """
    values = _complete(request)
    output_dir = Path(values["output_dir"])
    job = _Job(values, output_dir, Spool.from_environment(), watch)
    status_file.make_directory(output_dir)
    job.write_queued()
    try:
        job.submit()
        job.wait()
    except Exception as error:
        job.write_failed(error)
        raise


def get_video_edit_status(job_id: str, output_dir: Optional[Path] = None) -> VideoEditStatus:
    """Return what is known of job_id; status "failed" when nothing is.

    Looks into output_dir, then UR_EDIT_OUTPUT_DIR, then "outputs", each as it
    is and with job_id below it, then into the spool. Never raises for a file
    that is missing or torn.
    """
    status = _look(job_id, output_dir)
    if threading.active_count() > 1 and (status is None or status.status in status_file.FINAL):
        # A caller that starts run_video_edit in a thread and polls at once may
        # be faster than the thread: what it would read is the job's absence,
        # or how the job before it under the same job_id ended.
        deadline = time.monotonic() + (_START_SECONDS if status is None else _START_SECONDS / 10)
        while (status is None or status.status in status_file.FINAL) and time.monotonic() < deadline:
            time.sleep(0.01)
            status = _look(job_id, output_dir) or status
    if status is not None:
        return status
    return VideoEditStatus(
        job_id=job_id,
        status="failed",
        error="job {} is not known: no status.json where jobs write it, no request in the spool".format(job_id),
    )


class _Job:
    """One call of run_video_edit."""

    def __init__(
        self,
        values: Dict[str, Any],
        output_dir: Path,
        spool: Spool,
        watch: Optional[Callable[[VideoEditStatus], None]],
    ) -> None:
        self._values = values
        self._job_id = values["job_id"]
        self._output_dir = output_dir
        self._log = output_dir / "{}_log.txt".format(self._job_id)
        self._spool = spool
        self._watch = watch
        self._ticket: Optional[Ticket] = None
        self._place = Place(INBOX)
        self._queued: Optional[VideoEditStatus] = None  # what write_queued wrote
        self._shown: Optional[VideoEditStatus] = None

    def write_queued(self) -> None:
        """Say "queued", but never over the record of a job that is alive."""
        before = status_file.read(self._output_dir)
        if before is not None and before.status not in status_file.FINAL:
            return
        queued = VideoEditStatus(self._job_id, "queued", message="waiting for a host", logs_path=self._log)
        status_file.write(self._output_dir, queued)
        self._queued = queued

    def write_failed(self, error: Exception) -> None:
        """Say "failed" where the last word would else be the "queued" of this call."""
        if self._place.where == LIVE or self._queued is None or status_file.read(self._output_dir) != self._queued:
            return
        try:
            status_file.write(self._output_dir, VideoEditStatus(self._job_id, "failed", error=str(error), logs_path=self._log))
        except OSError:
            pass  # the error itself is on its way to the caller

    def submit(self) -> None:
        """Drop the request, as soon as there is an inbox to drop it into."""
        silence = _Silence(self._spool)
        while not self._spool.inbox.is_dir():
            if silence.too_long():
                raise VideoEditError(
                    "there is no inbox in {}: start a host, or set UREDIT_SPOOL".format(self._spool.root)
                )
            time.sleep(POLL_SECONDS)
        self._ticket = self._spool.drop(self._values)

    def wait(self) -> None:
        """Follow the request through the spool until the job is over."""
        assert self._ticket is not None
        silence = _Silence(self._spool)
        lost = 0
        while True:
            self._place = self._ticket.locate()
            status = status_file.read(self._output_dir, self._job_id)
            self._show(status)
            if self._place.where in (DONE, FAILED, REJECTED):
                return self._end(status)
            lost = lost + 1 if self._place.where == NOWHERE else 0
            # Not to be seen in the spool, twice: it may not be read from here,
            # and the record has the last word.
            if lost > 1 and status is not None and status.status in status_file.FINAL:
                return self._end(status)
            if self._place.where == INBOX and silence.too_long() and self._ticket.withdraw():
                raise VideoEditError(
                    "no host claimed job {} from {}: none showed a sign of life for {:g} s".format(
                        self._job_id, self._spool.inbox, silence.limit
                    )
                )
            time.sleep(POLL_SECONDS)

    def _show(self, status: Optional[VideoEditStatus]) -> None:
        if self._watch is not None and status is not None and status != self._shown:
            self._shown = status
            self._watch(status)

    def _end(self, status: Optional[VideoEditStatus]) -> None:
        """Return for a finished job, raise for any other."""
        if self._place.where == DONE:
            return
        if self._place.where == NOWHERE and status is not None and status.status == "finished":
            return
        why = reason(self._place)
        if self._place.where == REJECTED:
            raise VideoEditError("request of job {} was rejected: {}".format(self._job_id, why or "no reason given"))
        if status is not None and status.status == "failed" and status.error:
            why = status.error
        raise VideoEditError("job {} failed: {}".format(self._job_id, why or "no reason given"))


class _Silence:
    """Tells how long no host has shown a sign of life, by this process's clock."""

    def __init__(self, spool: Spool) -> None:
        self.limit = _submit_timeout()
        self._spool = spool
        self._pulse = spool.pulse()
        self._since = time.monotonic()

    def too_long(self) -> bool:
        pulse = self._spool.pulse()
        if pulse != self._pulse:
            self._pulse, self._since = pulse, time.monotonic()
        return time.monotonic() - self._since > self.limit


def _submit_timeout() -> float:
    text = os.environ.get("UREDIT_SUBMIT_TIMEOUT", "")
    if not text:
        return SUBMIT_TIMEOUT_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ValueError("UREDIT_SUBMIT_TIMEOUT is {!r}: write seconds, as 120".format(text))
    return seconds


def _complete(request: VideoEditRequest) -> Dict[str, Any]:
    """Return the request as the spool wants it: absolute paths, the models of the environment."""
    values = request.to_dict()
    for key in ("input_video_path", "output_dir"):
        # Not resolve(): a link stays what the user called it.
        values[key] = os.path.abspath(os.path.expanduser(values[key]))
    values["extra"] = dict(values["extra"] or {})
    for key, variable in _MODELS:
        model = values["extra"].get(key) or os.environ.get(variable)
        if model:
            # What is no file here may be a name that the hosts know.
            values["extra"][key] = os.path.abspath(str(model)) if os.path.exists(str(model)) else str(model)
    return values


def _look(job_id: str, output_dir: Optional[Path]) -> Optional[VideoEditStatus]:
    base = Path(os.environ.get("UR_EDIT_OUTPUT_DIR") or "outputs")
    directories = [base / job_id, base, Path("outputs") / job_id, Path("outputs")]
    if output_dir is not None:
        directories.insert(0, Path(output_dir))
    for directory in directories:
        status = status_file.read(directory, job_id)
        if status is not None:
            return status
    return _look_in_spool(job_id)


def _look_in_spool(job_id: str) -> Optional[VideoEditStatus]:
    found = Spool.from_environment().find(job_id)
    if found is None:
        return None
    status = status_file.read(Path(found.output_dir), job_id) if found.output_dir else None
    if status is not None:
        return status
    where = found.place.where
    if where in (INBOX, LIVE):
        return VideoEditStatus(job_id, "queued", message="waiting for a host" if where == INBOX else "waiting for a device")
    if where == DONE:
        return None  # its results were moved or removed
    return VideoEditStatus(job_id, "failed", error=reason(found.place) or where)
