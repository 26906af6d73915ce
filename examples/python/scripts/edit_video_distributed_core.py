"""process_video_edit: one edit, from a video file to a video file.

It runs on this machine by `ureditd edit`, or, when UREDIT_SPOOL is set and
UREDITD is not, on a host of that spool.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Optional, TextIO

from scripts import host
from src import spool, status_file, video_edit_worker
from src.video_edit_interface import VideoEditError, VideoEditRequest, VideoEditStatus

POLL_SECONDS = 0.2

# callback(status, progress, current_frame=, total_frames=, message=)
StatusCallback = Callable[..., None]


def process_video_edit(
    input_video_path: Path,
    output_video_path: Path,
    mask_prompt: str,
    edit_prompt: str,
    max_frames: Optional[int] = None,
    num_inference_steps: int = 50,
    image_guidance_scale: float = 1.5,
    guidance_scale: float = 9.0,
    erode_kernel: int = 10,
    apply_smoothing: bool = True,
    smoothing_window: int = 5,
    smoothing_alpha: float = 0.3,
    status_callback: Optional[StatusCallback] = None,
    log_file: Optional[TextIO] = None,
    model_path: Optional[str] = None,
    sam_path: Optional[str] = None,
) -> None:
    """Edit input_video_path into output_video_path and its _mask sibling.

    status_callback gets each new state from "extracting" to "saving" and the
    progress within; log_file gets the job's log as it grows. Both outputs
    appear whole, in place of what was there. Raises VideoEditError with the
    reason of a failure. Models default to those of the environment
    (INSTRUCT_PIX2PIX_MODEL_PATH, SAM3_MODEL_PATH), then to the host's own.
    """
    output = Path(os.path.abspath(str(output_video_path)))
    status_file.make_directory(output.parent)
    work = Path(tempfile.mkdtemp(prefix=".{}-".format(output.stem), dir=str(output.parent)))
    os.chmod(str(work), 0o2775)
    request = VideoEditRequest(
        job_id="edit-" + secrets.token_hex(6),
        input_video_path=Path(input_video_path),
        output_dir=work,
        mask_prompt=mask_prompt,
        edit_prompt=edit_prompt,
        max_frames=max_frames,
        image_guidance_scale=image_guidance_scale,
        guidance_scale=guidance_scale,
        erode_kernel=erode_kernel,
        num_inference_steps=num_inference_steps,
        apply_smoothing=apply_smoothing,
        smoothing_window=smoothing_window,
        smoothing_alpha=smoothing_alpha,
        extra={key: value for key, value in (("model_path", model_path), ("sam_path", sam_path)) if value},
    )
    relay = _Relay(work / (request.job_id + "_log.txt"), status_callback, log_file)
    try:
        if os.environ.get("UREDIT_SPOOL") and not os.environ.get("UREDITD"):
            video_edit_worker.run_video_edit(request, relay)
        else:
            _edit_here(request, relay)
        relay.log()
        os.replace(str(work / (request.job_id + "_mask.mp4")), str(output.with_name(output.stem + "_mask.mp4")))
        os.replace(str(work / (request.job_id + "_output.mp4")), str(output))
    except Exception:
        relay.log()
        raise
    finally:
        shutil.rmtree(str(work), ignore_errors=True)


class _Relay:
    """Passes a job's records and log lines on."""

    def __init__(self, log: Path, callback: Optional[StatusCallback], log_file: Optional[TextIO]) -> None:
        self._log = log
        self._offset = 0
        self._callback = callback
        self._log_file = log_file

    def __call__(self, status: VideoEditStatus) -> None:
        self.log()
        if self._callback is None or status.status == "queued" or status.status in status_file.FINAL:
            return
        self._callback(
            status.status,
            status.progress,
            current_frame=status.current_frame,
            total_frames=status.total_frames,
            message=status.message,
        )

    def log(self) -> None:
        """Copy the lines that are new to the log file and to standard output."""
        try:
            with open(str(self._log), "rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
        except OSError:
            return
        data = data[: data.rfind(b"\n") + 1]
        self._offset += len(data)
        text = data.decode("utf-8", "replace")
        print(text, end="")
        if self._log_file is not None:
            self._log_file.write(text)
            self._log_file.flush()


def _edit_here(request: VideoEditRequest, watch: Callable[[VideoEditStatus], None]) -> None:
    """Run `ureditd edit` on request and follow its status.json."""
    values: Dict[str, Any] = request.to_dict()
    values["input_video_path"] = os.path.abspath(values["input_video_path"])
    work = Path(request.output_dir)
    file = work / "request.yaml"
    status_file.replace(file, spool.encode(values, request.job_id))
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(host.command() + ["edit", str(file)], stdout=said, stderr=subprocess.STDOUT)
        try:
            shown: Optional[VideoEditStatus] = None
            while True:
                over = child.poll() is not None
                status = status_file.read(work, request.job_id)
                if status is not None and status != shown:
                    shown = status
                    watch(status)
                if over:
                    break
                time.sleep(POLL_SECONDS)
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
        if child.returncode != 0:
            said.seek(0)
            text = said.read().decode("utf-8", "replace").strip()
            raise VideoEditError((shown.error if shown else None) or text or "exit status {}".format(child.returncode))
