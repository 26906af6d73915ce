"""run_video_edit and get_video_edit_status against a host that plays the spool's side."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
import unittest
from dataclasses import dataclass
from pathlib import Path
from typing import Optional
from unittest import mock

from src import status_file, video_edit_interface, video_edit_worker
from src.spool import INBOX, Spool, encode
from src.video_edit_interface import VideoEditError, VideoEditRequest, VideoEditStatus
from src.video_edit_worker import _complete, get_video_edit_status, run_video_edit
from tests.fake_host import FakeHost, write_status


class SpoolCase(unittest.TestCase):
    """A spool, a current directory and a host that is not started, for one test."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.root = self.folder / "spool"
        self.root.mkdir()
        environment = mock.patch.dict(os.environ, {"UREDIT_SPOOL": str(self.root), "UREDIT_SUBMIT_TIMEOUT": "30"})
        environment.start()
        self.addCleanup(environment.stop)
        for name in ("UREDIT_CONFIG", "UR_EDIT_OUTPUT_DIR", "INSTRUCT_PIX2PIX_MODEL_PATH", "SAM3_MODEL_PATH"):
            os.environ.pop(name, None)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(str(self.folder))
        pace = mock.patch.object(video_edit_worker, "POLL_SECONDS", 0.02)
        pace.start()
        self.addCleanup(pace.stop)
        self.host = FakeHost(self.root)
        self.addCleanup(self.host.stop)

    def request(self, job_id: str = "test_001", **more: object) -> VideoEditRequest:
        values = {
            "job_id": job_id,
            "input_video_path": Path("in.mp4"),
            "output_dir": Path("outputs") / job_id,
            "mask_prompt": "red ball",
            "edit_prompt": "make it blue",
        }
        values.update(more)
        return VideoEditRequest(**values)


class WorkerTest(SpoolCase):
    def test_finishes(self) -> None:
        self.host.start()
        request = self.request()
        self.assertIsNone(run_video_edit(request))
        status = get_video_edit_status("test_001", request.output_dir)
        self.assertEqual(("finished", 1.0), (status.status, status.progress))
        self.assertEqual(self.folder / "outputs/test_001/test_001_output.mp4", status.output_video_path)
        self.assertEqual(list((self.root / "inbox").iterdir()), [])

    def test_dropped_request(self) -> None:
        """The file is whole, readable by others, has absolute paths and the environment's models."""
        self.host.make()
        os.environ["SAM3_MODEL_PATH"] = "/models/sam3.pt"
        os.environ["UREDIT_SUBMIT_TIMEOUT"] = "0.2"
        seen = {}

        def look(spool: Spool, values: dict) -> object:
            ticket = drop(spool, values)
            (file,) = spool.inbox.iterdir()
            seen["text"], seen["mode"] = file.read_text(encoding="utf-8"), file.stat().st_mode & 0o777
            seen["status"] = status_file.read(self.folder / "outputs" / "test_001")
            return ticket

        drop = Spool.drop
        with mock.patch.object(Spool, "drop", look), self.assertRaisesRegex(VideoEditError, "no host claimed job test_001"):
            run_video_edit(self.request(mask_prompt='the "red"\u0085 ball 🎈: #1'))
        self.assertEqual(0o644, seen["mode"])
        self.assertTrue(seen["text"].endswith("\n...\n"))
        self.assertIn('"output_dir": "{}/outputs/test_001"'.format(self.folder), seen["text"])
        self.assertIn('"input_video_path": "{}/in.mp4"'.format(self.folder), seen["text"])
        self.assertIn('"sam_path": "/models/sam3.pt"', seen["text"])
        self.assertIn('"the \\"red\\"\\u0085 ball 🎈: #1"', seen["text"])
        self.assertEqual("queued", seen["status"].status)
        self.assertEqual([], list((self.root / "inbox").iterdir()), "a request that nobody waits for")
        self.assertEqual("failed", get_video_edit_status("test_001").status)
        self.assertEqual(0o2775, (self.folder / "outputs" / "test_001").stat().st_mode & 0o7777)

    def test_none_and_more_keys(self) -> None:
        """None is null in the request, and the fields of a subclass are keys of it."""

        @dataclass
        class More(VideoEditRequest):
            instances: Optional[str] = None
            seed: Optional[int] = None

        plain = self.request(guidance_scale=None, max_frames=None, extra=None)
        request = More(**vars(plain), seed=7)
        values = json.loads(encode(_complete(request), "n").decode("utf-8").split("\n", 1)[1].rsplit("...", 1)[0])
        self.assertEqual((None, None, None, 7), tuple(values[key] for key in ("guidance_scale", "max_frames", "instances", "seed")))
        self.assertEqual({}, values["extra"])
        self.assertEqual(str(self.folder / "in.mp4"), values["input_video_path"])

    def test_failure_raises_the_reason(self) -> None:
        self.host.start()
        with self.assertRaisesRegex(VideoEditError, "nothing_found: there is no such thing"):
            run_video_edit(self.request(edit_prompt="fail"))
        self.assertEqual("failed", get_video_edit_status("test_001").status)

    def test_rejection_raises_the_reason(self) -> None:
        self.host.start()
        with self.assertRaisesRegex(VideoEditError, "rejected: request.yaml:6: edit_prompt"):
            run_video_edit(self.request(edit_prompt="reject"))
        status = get_video_edit_status("test_001")
        self.assertEqual("failed", status.status)
        self.assertIn("edit_prompt", status.error or "")

    def test_rejection_leaves_a_live_record_alone(self) -> None:
        output = self.folder / "outputs" / "test_001"
        output.mkdir(parents=True)
        write_status(output, "test_001", "editing", 0.6)
        before = (output / "status.json").read_bytes()
        self.host.start()
        with self.assertRaisesRegex(VideoEditError, "rejected"):
            run_video_edit(self.request(edit_prompt="reject"))
        self.assertEqual(before, (output / "status.json").read_bytes())

    def test_late_host(self) -> None:
        """A host that comes late, its folders included, is waited for."""
        self.host.start(delay=0.5)
        run_video_edit(self.request())
        self.assertEqual(1, self.host.claims)

    def test_no_inbox(self) -> None:
        os.environ["UREDIT_SUBMIT_TIMEOUT"] = "0.1"
        with self.assertRaisesRegex(VideoEditError, "there is no inbox in .*set UREDIT_SPOOL"):
            run_video_edit(self.request())
        self.assertEqual("failed", get_video_edit_status("test_001").status)

    def test_heartbeat_extends_the_wait(self) -> None:
        self.host.make()
        os.environ["UREDIT_SUBMIT_TIMEOUT"] = "0.3"
        caught = []

        def run() -> None:
            try:
                run_video_edit(self.request())
            except VideoEditError as error:
                caught.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            self.host.beat()
            thread.join(0.05)
        self.assertTrue(thread.is_alive(), "gave up although a host was alive")
        thread.join()
        self.assertEqual(1, len(caught))

    def test_bad_timeout(self) -> None:
        os.environ["UREDIT_SUBMIT_TIMEOUT"] = "soon"
        with self.assertRaisesRegex(ValueError, "UREDIT_SUBMIT_TIMEOUT is 'soon'"):
            run_video_edit(self.request())

    def test_polling_loop_twice(self) -> None:
        """The loop of a UI: start a thread, poll, stop at finished or failed; twice under one job_id."""
        self.host.start(delay=0.3)
        request = self.request("test_002")
        for _ in range(2):
            states = []
            thread = threading.Thread(target=run_video_edit, args=(request,))
            thread.start()
            while thread.is_alive():
                status = get_video_edit_status("test_002", request.output_dir)
                states.append(status.status)
                if status.status in ["finished", "failed"]:
                    break
                time.sleep(0.005)
            thread.join()
            self.assertNotIn(states[0], status_file.FINAL)
            self.assertEqual("finished", get_video_edit_status("test_002", request.output_dir).status)
            ranks = [status_file.STATES.index(state) for state in states]
            self.assertEqual(sorted(ranks), ranks)
            self.assertGreater(len(set(states)), 2)
        self.assertEqual(2, self.host.claims)

    def test_spool_that_may_not_be_read(self) -> None:
        """Where only the inbox is visible, status.json has the last word."""
        self.host.start()
        with mock.patch.object(Spool, "_live", lambda self: iter(())), mock.patch.object(
            Spool, "_ended", lambda self: iter(())
        ):
            run_video_edit(self.request())
            run_video_edit(self.request())
            with self.assertRaisesRegex(VideoEditError, "nothing_found"):
                run_video_edit(self.request(edit_prompt="fail"))

    def test_interface_runs_the_worker(self) -> None:
        self.host.start()
        video_edit_interface.run_video_edit(self.request())
        self.assertEqual("finished", video_edit_interface.get_video_edit_status("test_001").status)


class StatusTest(SpoolCase):
    def test_places(self) -> None:
        os.environ["UR_EDIT_OUTPUT_DIR"] = str(self.folder / "base")
        for place in ("given", "base/j", "base", "outputs/j", "outputs"):
            with self.subTest(place):
                directory = self.folder / place
                directory.mkdir(parents=True, exist_ok=True)
                write_status(directory, "j", "editing", 0.6)
                self.assertEqual(0.6, get_video_edit_status("j", self.folder / "given").progress)
                os.unlink(str(directory / "status.json"))

    def test_record_of_another_job(self) -> None:
        (self.folder / "outputs").mkdir()
        write_status(self.folder / "outputs", "other", "finished", 1.0)
        self.assertEqual("failed", get_video_edit_status("j").status)

    def test_unknown(self) -> None:
        status = get_video_edit_status("nobody")
        self.assertEqual("failed", status.status)
        self.assertIn("nobody is not known", status.error or "")

    def test_torn_and_odd_files(self) -> None:
        directory = self.folder / "outputs" / "j"
        directory.mkdir(parents=True)
        for text in ("", "{", '{"job_id": "j", "sta', "[]", "null", '"x"', '{"job_id": "j"}', "\x00\xff",
                     '{"job_id": "j", "status": "dancing"}', '{"job_id": "j", "status": "queued", "eleventh": 1}',
                     '{"job_id": "j", "status": "queued", "logs_path": 3}', '{"job_id": "j", "status": ["queued"]}',
                     "[" * 100000):
            with self.subTest(text[:40]):
                (directory / "status.json").write_bytes(text.encode("latin-1"))
                self.assertEqual("failed", get_video_edit_status("j").status)

    def test_in_the_inbox(self) -> None:
        self.host.make()
        for name, text in (
            ("by-hand.yaml", "mask_prompt: cat\njob_id: hand-1 # mine\n"),
            ("quoted.yml", "'job_id': 'hand-2'\n"),
            ("ui.json", '{"mask_prompt": "x", "job_id": "hand-3"}'),
        ):
            (self.root / "inbox" / name).write_text(text)
        for job_id in ("hand-1", "hand-2", "hand-3"):
            self.assertEqual("queued", get_video_edit_status(job_id).status, job_id)
        self.assertEqual(INBOX, Spool(self.root).find("hand-1").place.where)

    def test_record_elsewhere_by_the_spool(self) -> None:
        """The spool knows the output_dir that the caller did not name."""
        self.host.start()
        run_video_edit(self.request(output_dir=self.folder / "far" / "away"))
        self.assertEqual("finished", get_video_edit_status("test_001").status)


class InterfaceTest(unittest.TestCase):
    def test_to_dict(self) -> None:
        request = VideoEditRequest("j", Path("/a.mp4"), Path("/o"), "m", "e")
        self.assertEqual(
            {"job_id": "j", "input_video_path": "/a.mp4", "output_dir": "/o", "mask_prompt": "m", "edit_prompt": "e",
             "mode": "video", "max_frames": None, "image_guidance_scale": 1.5, "guidance_scale": 9.0,
             "erode_kernel": 10, "num_inference_steps": 50, "apply_smoothing": True, "smoothing_window": 5,
             "smoothing_alpha": 0.3, "extra": {}},
            request.to_dict(),
        )
        status = VideoEditStatus("j", "finished", 1.0, output_video_path=Path("/o/j.mp4"))
        self.assertEqual(
            [("job_id", "j"), ("status", "finished"), ("progress", 1.0), ("current_frame", None),
             ("total_frames", None), ("message", None), ("error", None), ("output_video_path", "/o/j.mp4"),
             ("mask_preview_path", None), ("logs_path", None)],
            list(status.to_dict().items()),
        )


if __name__ == "__main__":
    unittest.main()
