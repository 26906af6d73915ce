"""A UI that leaves optional fields None and knows keys that the old worker did not.

    keys.py INPUT OUTPUT_DIR
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from src.video_edit_worker import VideoEditError, VideoEditRequest, run_video_edit


@dataclass
class NewRequest(VideoEditRequest):
    instances: Optional[str] = None
    max_objects: Optional[int] = None
    mask_negative_prompt: Optional[str] = None
    across_cuts: Optional[bool] = None
    seed: Optional[int] = None


def request(job_id: str, **values: object) -> NewRequest:
    return NewRequest(
        job_id=job_id,
        input_video_path=Path(sys.argv[1]),
        output_dir=Path(sys.argv[2], job_id),
        mask_prompt="red ball",
        edit_prompt="make it blue",
        num_inference_steps=1,
        **values,
    )


run_video_edit(
    request(
        "nulls",
        mode=None,
        guidance_scale=None,
        erode_kernel=None,
        apply_smoothing=None,
        smoothing_alpha=None,
        extra={"model_path": None, "sam_path": None, "job_name": None},
    )
)
run_video_edit(
    request("keys", instances=0, max_objects=3, mask_negative_prompt="green", across_cuts=True, seed=7, max_frames=4)
)
try:
    run_video_edit(request("wrong", instances="most"))
except VideoEditError as error:
    print(error)
