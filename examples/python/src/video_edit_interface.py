"""The vocabulary that a UI and the video editor share.

A VideoEditRequest says what to edit, a VideoEditStatus how far the edit is.
Both mirror files: the request becomes a file in the spool's inbox, the status
is read from status.json in the job's output_dir.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Literal, Optional

# The states of a job, in their order; the last two are final.
JobStatus = Literal[
    "queued",
    "extracting",
    "masking",
    "propagating",
    "editing",
    "smoothing",
    "saving",
    "finished",
    "failed",
]

EditMode = Literal["single_frame", "video"]


class VideoEditError(RuntimeError):
    """A job that did not finish; the text is the reason."""


@dataclass
class VideoEditRequest:
    """One job.

    job_id begins with a letter or a digit and holds letters, digits, '.', '_'
    and '-', at most 100 bytes. Paths are those of the editing hosts; relative
    ones are taken from the current directory. erode_kernel is in samples,
    smoothing_window in frames, smoothing_alpha in 0..1. extra may name
    model_path and sam_path; job_name and notes are kept. None leaves a value
    to the hosts. A subclass may have more fields, by the names of a request
    file's keys.
    """

    job_id: str
    input_video_path: Path
    output_dir: Path
    mask_prompt: str
    edit_prompt: str
    mode: EditMode = "video"
    max_frames: Optional[int] = None
    image_guidance_scale: float = 1.5
    guidance_scale: float = 9.0
    erode_kernel: int = 10
    num_inference_steps: int = 50
    apply_smoothing: bool = True
    smoothing_window: int = 5
    smoothing_alpha: float = 0.3
    extra: Dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> Dict[str, Any]:
        """Return the request in plain types, keys in the order of the fields."""
        values = dict(vars(self))
        for key in ("input_video_path", "output_dir"):
            values[key] = str(values[key])
        return values


@dataclass
class VideoEditStatus:
    """What is known of a job: exactly the ten keys of status.json.

    progress is in 0..1 and only grows. message is for people; error is set
    when status is "failed". Paths are absolute, None until there is a file.
    """

    job_id: str
    status: JobStatus
    progress: float = 0.0
    current_frame: Optional[int] = None
    total_frames: Optional[int] = None
    message: Optional[str] = None
    error: Optional[str] = None
    output_video_path: Optional[Path] = None
    mask_preview_path: Optional[Path] = None
    logs_path: Optional[Path] = None

    def to_dict(self) -> Dict[str, Any]:
        """Return the status in plain types, as status.json has it."""
        values = dict(vars(self))
        for key in ("output_video_path", "mask_preview_path", "logs_path"):
            values[key] = str(values[key]) if values[key] else None
        return values


def run_video_edit(request: VideoEditRequest) -> None:
    """Run one job to its end; see src.video_edit_worker.run_video_edit."""
    from src import video_edit_worker

    video_edit_worker.run_video_edit(request)


def get_video_edit_status(job_id: str, output_dir: Optional[Path] = None) -> VideoEditStatus:
    """Look a job up; see src.video_edit_worker.get_video_edit_status."""
    from src import video_edit_worker

    return video_edit_worker.get_video_edit_status(job_id, output_dir)
