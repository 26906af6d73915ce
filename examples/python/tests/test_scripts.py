"""The command lines and process_video_edit, over a stand-in for ureditd."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import List
from unittest import mock

from scripts import edit_video_distributed, edit_video_distributed_core, edit_video_instruct, single_frame_edit
from scripts.edit_video_distributed_core import process_video_edit
from src.video_edit_interface import VideoEditError
from tests.test_worker import SpoolCase

HERE = Path(__file__).resolve().parent
WHAT = ["-i", "in.mp4", "-o", "out.mp4", "-m", "hair", "-e", "-make it red"]


class ScriptCase(SpoolCase):
    def setUp(self) -> None:
        super().setUp()
        self.noted = self.folder / "arguments.json"
        os.environ["FAKE_ARGUMENTS"] = str(self.noted)
        os.environ["UREDITD"] = str(HERE / "fake_ureditd.py")
        os.environ.pop("UREDIT_DEVICES", None)

    def arguments(self) -> List[str]:
        return json.loads(self.noted.read_text())["arguments"]


class CommandLineTest(ScriptCase):
    def test_distributed(self) -> None:
        self.assertEqual(0, edit_video_distributed.main(WHAT[:6] + ["--edit-prompt=-make it red", "--max-frames", "9"]))
        self.assertEqual(
            ["edit", "--input=in.mp4", "--output=out.mp4", "--mask-prompt=hair", "--edit-prompt=-make it red",
             "--max-frames=9", "--steps=50", "--guidance-scale=7.5", "--image-guidance-scale=1.5", "--erode-kernel=0"],
            self.arguments(),
        )

    def test_models(self) -> None:
        edit_video_distributed.main(WHAT[:6] + ["-e", "x", "--model-path", "/m", "--sam-path", "/s.pt"])
        self.assertEqual(["--model-path=/m", "--sam-path=/s.pt"], self.arguments()[-2:])

    def test_instruct(self) -> None:
        line = ["-i", "in.mp4", "-o", "o.mp4", "-m", "hair", "-e", "red", "--no-smoothing", "--smoothing-alpha", "0.5", "--device", "cuda"]
        self.assertEqual(0, edit_video_instruct.main(line))
        self.assertEqual(
            ["edit", "--input=in.mp4", "--output=o.mp4", "--mask-prompt=hair", "--edit-prompt=red", "--steps=50",
             "--smoothing-window=5", "--smoothing-alpha=0.5", "--no-smoothing"],
            self.arguments(),
        )
        self.assertEqual("cuda", json.loads(self.noted.read_text())["devices"])

    def test_instruct_without_arguments_shows_examples(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(0, edit_video_instruct.main([]))
        self.assertIn("-m hair -e", out.getvalue())
        self.assertFalse(self.noted.exists())

    def test_single_frame(self) -> None:
        self.assertEqual(0, single_frame_edit.main(["-i", "in.png", "-m", "sign", "-e", "turn it blue"]))
        self.assertEqual(
            ["edit", "--input=in.png", "--output=outputs/test_frame0.png", "--mask-prompt=sign", "--edit-prompt=turn it blue",
             "--mode=single_frame", "--steps=50", "--guidance-scale=7.5", "--image-guidance-scale=1.5", "--erode-kernel=0"],
            self.arguments(),
        )
        self.assertTrue((self.folder / "outputs").is_dir())

    def test_as_programs(self) -> None:
        """Each runs by its path, from anywhere, without PYTHONPATH."""
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        for name in ("edit_video_distributed", "edit_video_instruct", "single_frame_edit"):
            script = HERE.parent / "scripts" / (name + ".py")
            line = [sys.executable, str(script), "-i", "in.mp4", "-o", "o.png", "-m", "a", "-e", "b"]
            self.assertEqual(0, subprocess.call(line, cwd="/", env=environment), name)
            self.assertEqual("--input=in.mp4", self.arguments()[1], name)
            os.unlink(str(self.noted))

    def test_no_ureditd(self) -> None:
        for path in ("", "/nowhere/ureditd"):
            os.environ["UREDITD"] = path
            with mock.patch.dict(os.environ, {"PATH": str(self.folder)}), contextlib.redirect_stderr(io.StringIO()) as err:
                self.assertEqual(2, edit_video_distributed.main(["-i", "a", "-o", "b", "-m", "c", "-e", "d"]))
            self.assertIn("ureditd", err.getvalue())


class ProcessTest(ScriptCase):
    def setUp(self) -> None:
        super().setUp()
        pace = mock.patch.object(edit_video_distributed_core, "POLL_SECONDS", 0.02)
        pace.start()
        self.addCleanup(pace.stop)
        quiet = contextlib.redirect_stdout(io.StringIO())
        quiet.__enter__()
        self.addCleanup(quiet.__exit__, None, None, None)
        self.calls: List[tuple] = []

    def callback(self, status: str, progress: float = 0.0, current_frame: object = None, total_frames: object = None,
                 message: object = None, error: object = None) -> None:
        self.calls.append((status, progress, message))

    def check_finished(self) -> None:
        log = io.StringIO()
        result = process_video_edit(
            Path("in.mp4"), Path("results/red.mp4"), "hair", "make it red", num_inference_steps=8,
            status_callback=self.callback, log_file=log, sam_path="/s.pt",
        )
        self.assertIsNone(result)
        self.assertEqual("output", Path("results/red.mp4").read_text())
        self.assertEqual("mask", Path("results/red_mask.mp4").read_text())
        self.assertEqual(["red.mp4", "red_mask.mp4"], sorted(os.listdir("results")))
        states = [call[0] for call in self.calls]
        self.assertEqual(sorted(set(states), key=states.index), states)
        self.assertIn(("editing", 0.7, "editing"), self.calls)
        self.assertTrue({"finished", "failed", "queued"}.isdisjoint(states))
        self.assertEqual("state extracting\nstate masking", log.getvalue()[:30])
        self.assertTrue(log.getvalue().endswith("state saving\n"))

    def test_here(self) -> None:
        self.check_finished()
        self.assertEqual("edit", self.arguments()[0])

    def test_over_the_spool(self) -> None:
        del os.environ["UREDITD"]
        self.host.steps = 0.1
        self.host.start()
        self.check_finished()
        self.assertEqual(1, self.host.claims)

    def test_failure(self) -> None:
        for prompt, why in (("fail", "nothing_found: there is no such thing"), ("invalid", "request.yaml:6: edit_prompt")):
            with self.assertRaisesRegex(VideoEditError, why):
                process_video_edit(Path("in.mp4"), Path("results/red.mp4"), "hair", prompt)
            self.assertEqual([], os.listdir("results"))

    def test_callback_that_raises_ends_the_edit(self) -> None:
        def stop(*_: object, **__: object) -> None:
            raise KeyError("enough")

        with self.assertRaises(KeyError):
            process_video_edit(Path("in.mp4"), Path("results/red.mp4"), "hair", "x", status_callback=stop)
        self.assertEqual([], os.listdir("results"))


if __name__ == "__main__":
    unittest.main()
