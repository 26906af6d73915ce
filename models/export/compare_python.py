#!/usr/bin/env python3
"""Time the loop of the Python worker UR-Edit beside ureditd, on the same networks.

    compare_python.py [--frames N] [--steps N] [--rounds N] [--pix2pix FOLDER]

Both edit a drawn clip of 1280x720 in turns: the loop (ur_edit.py) with diffusers
and torch, ureditd with ONNX Runtime. The networks are the tiny Instruct-Pix2Pix,
or a diffusers folder and what export.py makes of it. The loop is given the masks
that ureditd found: finding them is not timed for either.

Printed are milliseconds per frame within the networks and outside, and the peak of
the memory of all processes together. Outside is what an edit takes beyond the
calls of the networks: decoding, pictures, steps, smoothing, encoding.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).parents[2]
WIDTH, HEIGHT, RATE = 1280, 720, 25
PROMPT = "make it blue"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--frames", type=int, default=48)
    p.add_argument("--steps", type=int, default=4)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--pix2pix", type=pathlib.Path, help="diffusers folder (default: the tiny model)")
    p.add_argument("--ureditd", type=pathlib.Path, default=ROOT / "bin/ureditd")
    p.add_argument("--loop", type=pathlib.Path, help=argparse.SUPPRESS)  # this script's own second process
    args = p.parse_args()
    if args.loop:
        return loop(args.loop, args.frames, args.steps, args.pix2pix)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        draw(folder / "clip.mp4", args.frames)
        bundle(folder, args.pix2pix)
        find_masks(folder, args)
        runs = {"ur-edit": [], "ureditd": []}
        print(f"{'':10}{'networks':>12}{'outside':>12}{'peak memory':>15}")
        for _ in range(args.rounds):
            for name, run in (("ur-edit", run_loop), ("ureditd", run_ureditd)):
                runs[name].append(run(folder, args))
                show(name, runs[name][-1])
    print(f"\n{args.frames} frames of {WIDTH}x{HEIGHT}, {args.steps} steps, median of {args.rounds} rounds in turns")
    for name, figures in runs.items():
        show(name, [statistics.median(column) for column in zip(*figures)])


def show(name, figures):
    networks, outside, memory = figures
    print(f"{name:10}{networks:9.1f} ms{outside:9.1f} ms{memory / 1e6:12.0f} MB", flush=True)


def ffmpeg(*args):
    return ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, args)]


def encode(path, pictures, *codec):
    """Write arrays of RGB as a video."""
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", RATE, "-i", "-")
    encoder = subprocess.Popen(ffmpeg(*raw, "-pix_fmt", "yuv420p", *codec, path), stdin=subprocess.PIPE)
    for picture in pictures:
        encoder.stdin.write(picture.tobytes())
    encoder.stdin.close()
    if encoder.wait():
        sys.exit(f"{path} could not be written")


def draw(path, frames):
    """A shaded red ball that moves over a still texture."""
    import numpy

    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    texture = 110 + 25 * numpy.sin(x / 23) * numpy.cos(y / 17) + 12 * numpy.sin((x + 2 * y) / 5)
    background = numpy.stack([texture + 6, texture + 2, texture - 6], -1)

    def frame(i):
        away = numpy.hypot(x - 400 - 5 * i, y - 330 - 40 * numpy.sin(i / 9))[..., None] / 190
        ball = numpy.array([200, 30, 35]) * (1 - 0.3 * away**2)
        return numpy.where(away < 1, ball, background).astype(numpy.uint8)

    encode(path, map(frame, range(frames)), "-crf", 12)


def bundle(folder, pix2pix):
    """A bundle of the built-in segmenter, which knows colours, and the editor."""
    parts = folder / "bundle"
    shutil.copytree(ROOT / "models/builtin/sam3", parts / "sam3")
    if pix2pix is None:
        shutil.copytree(ROOT / "models/testdata/pix2pix-tiny", parts / "pix2pix")
    else:
        subprocess.run([sys.executable, ROOT / "models/export/export.py", "pix2pix", pix2pix, parts], check=True)
    (folder / "root").mkdir()
    (folder / "uredit.yaml").write_text(f"root: {folder}/root\nroots: [{folder}]\nbundle: {parts}\n")


def find_masks(folder, args):
    """Edit once, in one step, for the masks."""
    subprocess.run(
        [
            args.ureditd, "edit", "--config", folder / "uredit.yaml", "--input", folder / "clip.mp4", "--output",
            folder / "o.mp4", "--mask-prompt", "red ball", "--edit-prompt", PROMPT, "--steps", "1",
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def run_loop(folder, args):
    command = [sys.executable, __file__, "--loop", folder, "--frames", args.frames, "--steps", args.steps]
    if args.pix2pix:
        command += ["--pix2pix", args.pix2pix]
    out, memory = watched(command)
    took = json.loads(out.splitlines()[-1])
    return took["networks"], took["outside"], memory


def run_ureditd(folder, args):
    out, memory = watched([
        args.ureditd, "bench", "--config", folder / "uredit.yaml", "--input", folder / "clip.mp4", "--mask-prompt",
        "red ball", "--edit-prompt", PROMPT, "--frames", args.frames, "--steps", args.steps,
    ])  # fmt: skip
    # Of the run with steps side by side: all of it without what finds the masks.
    side_by_side = [float(row[1]) for row in re.findall(r"· networks\s+([\d.]+)\s+([\d.]+)", out)]
    segment = float(re.search(r"\bsegment\s+[\d.]+\s+([\d.]+)", out)[1])
    whole = float(re.search(r"overlapped\s+([\d.]+)", out)[1])
    return side_by_side[-1], whole - segment - side_by_side[-1], memory


def watched(command):
    """Run a command; what it prints, and the peak of its and its children's memory."""
    process = subprocess.Popen([str(a) for a in command], stdout=subprocess.PIPE, text=True)
    peak, ended = 0, threading.Event()

    def watch():
        nonlocal peak
        while not ended.wait(0.05):
            peak = max(peak, sum(map(resident, family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = process.communicate()
    ended.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"{command[0]} {command[1]} failed")
    return out, peak


def family(pid):
    """A process and all below it."""
    yield pid
    for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in children.read_text().split():
                yield from family(int(child))
        except OSError:
            pass  # it has ended


def resident(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    except (OSError, IndexError):
        return 0


class Clock:
    """Adds up the time that is spent within calls of modules."""

    def __init__(self):
        self.spent = 0.0

    def wrap(self, module, name):
        call = getattr(module, name)

        def timed(*args, **kwargs):
            start = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.spent += time.perf_counter() - start

        setattr(module, name, timed)


def loop(folder, frames, steps, pix2pix):
    """The old loop with everything around it, as the worker ran it: all frames in
    memory, one after the other. Prints what it took as JSON."""
    import numpy
    from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionInstructPix2PixPipeline
    from PIL import Image

    import ur_edit

    if pix2pix is None:
        pipe = ur_edit.pipeline()
    else:
        pipe = StableDiffusionInstructPix2PixPipeline.from_pretrained(pix2pix, safety_checker=None, local_files_only=True)
        pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    clock = Clock()
    for module, name in (
        (pipe.text_encoder, "forward"), (pipe.unet, "forward"), (pipe.vae, "encode"), (pipe.vae, "decode"),
    ):  # fmt: skip
        clock.wrap(module, name)

    def decode(name, pixels, shape):
        command = ffmpeg("-i", folder / name, "-f", "rawvideo", "-pix_fmt", pixels, "-")
        data = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        return numpy.frombuffer(data, numpy.uint8).reshape(-1, HEIGHT, WIDTH, *shape)

    masks = [(m > 128).astype(numpy.uint8) for m in decode("o_mask.mp4", "gray", ())]
    p = dict(
        ur_edit.PARAMETERS, edit_prompt=PROMPT, steps=steps, erode_kernel=10, padding=50, edit_size=512, radius=5,
    )  # fmt: skip
    start = time.perf_counter()
    pictures = [Image.fromarray(f) for f in decode("clip.mp4", "rgb24", (3,))]
    edited = ur_edit.edit(pictures, masks, pipe, p)
    codec = ("-c:v", "mpeg4", "-q:v", 3)
    encode(folder / "old.mp4", map(numpy.asarray, edited), *codec)
    encode(folder / "old_mask.mp4", (numpy.repeat(255 * m[..., None], 3, 2) for m in masks), *codec)
    whole = time.perf_counter() - start
    per_frame = 1000 / len(pictures)
    print(json.dumps({"networks": clock.spent * per_frame, "outside": (whole - clock.spent) * per_frame}))


if __name__ == "__main__":
    main()
