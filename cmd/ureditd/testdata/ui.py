"""The loop of a UI that was written for the old worker.

    ui.py JOB_ID INPUT OUTPUT_DIR EDIT_PROMPT

Prints each new status, and ends with 0 when the job is finished.
"""

import sys
import threading
import time
from pathlib import Path

from src.video_edit_interface import VideoEditRequest, get_video_edit_status, run_video_edit

job_id, input_video, output_dir, edit_prompt = sys.argv[1:]

request = VideoEditRequest(
    job_id=job_id,
    input_video_path=Path(input_video),
    output_dir=Path(output_dir),
    mask_prompt="red ball",
    edit_prompt=edit_prompt,
    num_inference_steps=2,
)

thread = threading.Thread(target=run_video_edit, args=(request,))
thread.start()

shown = None
while True:
    status = get_video_edit_status(request.job_id, request.output_dir)
    if status.status != shown:
        print(status.status, "{:.2f}".format(status.progress), status.error or "", flush=True)
        shown = status.status
    if status.status in ("finished", "failed"):
        break
    time.sleep(0.05)

thread.join()
sys.exit(status.status != "finished")
