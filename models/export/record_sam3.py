#!/usr/bin/env python3
"""Record what Hugging Face's video model does with the tiny SAM 3, for tests in Go.

    record_sam3.py CHECKPOINT OUT         make the bundle, the clips and the references
    record_sam3.py --compare OUT          record again from OUT alone, compare

OUT/README.md says what the files hold.
"""

import argparse
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zlib

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy
import torch
from transformers import AutoTokenizer, Sam2VideoVideoProcessor, Sam3ImageProcessor, Sam3VideoProcessor

import bundle
import sam3
import sam3_boxes
import sam3_reference
import sam3_scenes as scenes
import sam3_weights
import tiny_sam3
import train_sam3
from sam3_scenes import CIRCLE, SQUARE, TRIANGLE, Scene, Shape

FRAMES = 40

CLIPS = {
    # A triangle appears, the square leaves, a circle hides behind the wall and returns.
    "hide": (
        "object", {}, "yuv420p",
        Scene(
            shapes=[
                Shape(CIRCLE, (18, 40), (2.6, 0), 15, (0, 4, 6)),
                Shape(SQUARE, (118, 84), (2.4, -0.3), 15),
                Shape(TRIANGLE, (38, 96), (0.9, -0.4), 17, span=(8, 1 << 30)),
            ],
            wall=(66, 92), noise=2, seed=11,
        ),
    ),
    # Two circles are one at first and part; a triangle comes from outside.
    "split": (
        "object", {"recondition_every_nth_frame": 4}, "yuv420p",
        Scene(
            shapes=[
                Shape(CIRCLE, (80, 60), (-1.3, 0), 16),
                Shape(CIRCLE, (80, 60), (1.3, 0.1), 16),
                Shape(TRIANGLE, (-30, 100), (2.2, 0), 16),
            ],
            ground=(110, 110, 110), slope=(-0.2, 0.25), noise=2, seed=12,
        ),
    ),
    # Only what is red counts; it leaves and comes back, and nothing is delayed.
    "red": (
        "red", {"hotstart_delay": 0, "hotstart_unmatch_thresh": 0, "hotstart_dup_thresh": 0}, "gbrp",
        Scene(
            shapes=[
                Shape(SQUARE, (60, 50), (0.8, 0.4), 16),
                Shape(CIRCLE, (140, 60), (0, 0), 17, (52, 6, 6)),
                Shape(TRIANGLE, (120, 30), (-1.6, 0.9), 15),
            ],
            ground=(140, 140, 140), noise=2, seed=13,
        ),
    ),
}  # fmt: skip

# Settings of the scripts, each on detections of its own.
SCRIPTS = {
    "plain": ("hide", {}, 21),
    "often": ("hide", {"recondition_every_nth_frame": 3}, 22),
    "never": (
        "split",
        {
            "recondition_every_nth_frame": 0, "hotstart_delay": 8,
            "hotstart_unmatch_thresh": 4, "hotstart_dup_thresh": 3,
        },
        23,
    ),
    "shown": ("split", {"hotstart_delay": 0, "hotstart_unmatch_thresh": 0, "hotstart_dup_thresh": 0}, 24),
    "few": ("red", {"max_num_objects": 2, "recondition_every_nth_frame": 4}, 25),
    "fade": (
        "red",
        {"suppress_unmatched_only_within_hotstart": False, "init_trk_keep_alive": 1, "max_trk_keep_alive": 2},
        26,
    ),
}  # fmt: skip


def script(scene, seed):
    """Returns a detector's answers on a scene, with what real ones get wrong: misses,
    doubles, shapes seen in two parts, things that are not there, holes, weak scores."""
    rng = numpy.random.default_rng(seed)
    frames, ghost = [], rng.uniform(20, 100, 2)
    for t in range(FRAMES):
        found = []
        _, seen = scene.draw(t)
        for mask in train_sam3.shrink(seen).numpy() > 0:
            if mask.sum() < 5 or rng.random() < 0.12:
                continue
            score = rng.uniform(0.72, 0.97) if rng.random() < 0.8 else rng.uniform(0.45, 0.72)
            if rng.random() < 0.1:  # in two parts
                parts = numpy.where(numpy.arange(tiny_sam3.LOW) < numpy.nonzero(mask)[1].mean(), mask, False)
                found += [(score, parts), (score - 0.02, mask & ~parts)]
                continue
            if rng.random() < 0.15:
                y, x = (v[len(v) // 2] for v in numpy.nonzero(mask))
                mask = mask.copy()
                mask[y : y + 2, x : x + 2] = False
            found.append((score, mask))
            if rng.random() < 0.2:
                found.append((score - 0.1, numpy.roll(mask, int(rng.integers(-1, 2)), 1)))
        if 12 <= t < 22 and rng.random() < 0.7:
            mask = numpy.zeros((tiny_sam3.LOW,) * 2, bool)
            y, x = (ghost / 5).astype(int)
            mask[y : y + 5, x : x + 4] = True
            found.append((rng.uniform(0.7, 0.85), mask))
        frames.append([found[i] for i in rng.permutation(len(found))])
    return frames


# How the daemon's first pass decodes: chroma in full, in front of and behind the scaler.
SCALE = f"scale={scenes.WIDTH}:{scenes.HEIGHT}:flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp"
DECODE = {
    "yuv420p": SCALE + ":in_color_matrix=bt709:in_range=tv:out_range=pc,format=rgb24",
    "gbrp": SCALE + ":out_range=pc,format=rgb24",  # the values of the file, as with any command
}


def draw_clip(scene, path, kind):
    """Writes a scene as a video without loss, of Y'CbCr or of RGB."""
    codec = ["-c:v", "libx264rgb"]
    if kind == "yuv420p":
        codec = ["-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p", "-c:v", "libx264", "-colorspace",
                 "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]  # fmt: skip
    pictures = b"".join(scene.draw(t)[0].tobytes() for t in range(FRAMES))
    size = f"{scenes.WIDTH}x{scenes.HEIGHT}"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", "25", "-i", "-",
         *codec, "-preset", "veryslow", "-qp", "0", "-threads", "1", "-fflags", "+bitexact", "-flags", "+bitexact",
         path],
        input=pictures, check=True,
    )  # fmt: skip


def read_clip(path, decode):
    """Returns the frames of a video, [T,H,W,3] uint8."""
    command = ["ffmpeg", "-v", "error", "-i", path, "-vf", decode, "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return numpy.frombuffer(raw, numpy.uint8).reshape(-1, scenes.HEIGHT, scenes.WIDTH, 3)


def processor(tokenizer):
    """Returns the processor with the settings of the released one, at our size."""
    side = {"height": tiny_sam3.SIDE, "width": tiny_sam3.SIDE}
    pixels = {"size": side, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    return Sam3VideoProcessor(
        image_processor=Sam3ImageProcessor(**pixels),
        video_processor=Sam2VideoVideoProcessor(**pixels),
        tokenizer=tokenizer,
    )


def record(checkpoint, clip, prompt, thresholds, decode, given=None):
    """Returns the reference of one run; see OUT/README.md."""
    model = sam3_reference.load(checkpoint, thresholds)
    prepare = processor(AutoTokenizer.from_pretrained(checkpoint))
    pictures = read_clip(clip, decode)
    session = prepare.init_video_session(video=pictures, inference_device="cpu", dtype=torch.float32)
    prepare.add_text_prompt(session, prompt)
    model.given = given
    shown = {}
    for out in model.propagate_in_video_iterator(session):
        shown[out.frame_idx] = objects(prepare.postprocess_outputs(session, out), out)
    frames = [
        {"frame": t, "crc32": zlib.crc32(pictures[t].tobytes()), **model.seen[t], "objects": shown[t]}
        for t in range(len(pictures))
    ]
    return {
        "clip": clip.name,
        "decode": decode,
        "width": scenes.WIDTH,
        "height": scenes.HEIGHT,
        "prompt": prompt,
        "input_ids": session.prompt_input_ids[0][0].tolist(),
        "thresholds": thresholds,
        "given": given is not None,
        "frames": frames,
    }


def objects(shown, out):
    """Returns the objects of a frame as they are shown."""
    return [
        {
            "id": int(i),
            "score": number(score),
            "presence": number(out.obj_id_to_tracker_score.get(int(i), 0.0)),
            "box": [int(box[0]), int(box[1]), int(box[2] - box[0]) + 1, int(box[3] - box[1]) + 1],
            "low": sam3_reference.low(out.obj_id_to_mask[int(i)][0]),
            "rle": {"size": list(mask.shape), "counts": sam3_reference.run_lengths(mask.numpy())},
        }
        for i, score, box, mask in zip(shown["object_ids"], shown["scores"], shown["boxes"], shown["masks"])
    ]


def number(x):
    return float(f"{float(x):.9g}")


def save(reference, path):
    """Writes a reference; the same one gives the same bytes."""
    path.parent.mkdir(exist_ok=True)
    text = json.dumps(reference, separators=(",", ":")).encode()
    path.write_bytes(gzip.compress(text, mtime=0))


def record_all(checkpoint, out):
    for name, (prompt, thresholds, kind, _) in CLIPS.items():
        reference = record(checkpoint, out / "clips" / f"{name}.mp4", prompt, thresholds, DECODE[kind])
        save(reference, out / "clips" / f"{name}.json.gz")
    for name, boxes in sam3_boxes.BOXES.items():
        kind = CLIPS[name][2]
        clip = out / "clips" / f"{name}.mp4"
        found = sam3_boxes.record(
            checkpoint, processor(AutoTokenizer.from_pretrained(checkpoint)), read_clip(clip, DECODE[kind]), boxes
        )
        reference = {"clip": clip.name, "decode": DECODE[kind], "width": scenes.WIDTH, "height": scenes.HEIGHT}
        # A frame as in the other references, so that all are compared in one way.
        save(reference | {"frames": [{"frame": 0, "boxes": found}]}, out / "boxes" / f"{name}.json.gz")
    for name, (clip, thresholds, seed) in SCRIPTS.items():
        _, _, kind, scene = CLIPS[clip]
        path, given = out / "clips" / f"{clip}.mp4", script(scene, seed)
        reference = record(checkpoint, path, "object", thresholds, DECODE[kind], given)
        save(reference, out / "scripts" / f"{name}.json.gz")


def make(checkpoint, out):
    """Writes everything in OUT but its README from a trained checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        half = pathlib.Path(folder, "tiny")
        sam3_weights.halve(checkpoint, half)
        model, tokenizer = sam3.load(half)
        with bundle.part(out, "sam3") as part:
            sam3.write(model, part, compact=True)
            sam3.write_tokenizer(tokenizer, half, part)
            sam3.write_config(model, tokenizer, half, part)
        sam3_weights.remember(half, out)
    (out / "clips").mkdir(exist_ok=True)
    for name, (_, _, kind, scene) in CLIPS.items():
        draw_clip(scene, out / "clips" / f"{name}.mp4", kind)
    with tempfile.TemporaryDirectory() as folder:
        record_all(sam3_weights.restore(out, pathlib.Path(folder)), out)


def compare(out):
    """Records again from OUT alone and prints what differs. Returns whether nothing does."""
    same = True
    with tempfile.TemporaryDirectory() as folder:
        again = pathlib.Path(folder)
        checkpoint = sam3_weights.restore(out, again / "checkpoint")
        (again / "clips").mkdir()
        for clip in (out / "clips").glob("*.mp4"):
            (again / "clips" / clip.name).symlink_to(clip.resolve())
        record_all(checkpoint, again)
        for path in sorted([*out.glob("clips/*.gz"), *out.glob("boxes/*.gz"), *out.glob("scripts/*.gz")]):
            name = path.relative_to(out)
            old, new = (json.loads(gzip.decompress((d / name).read_bytes())) for d in (out, again))
            differing = [a["frame"] for a, b in zip(old["frames"], new["frames"], strict=True) if not alike(a, b)]
            print(f"{name}: " + (f"differs on frames {differing}" if differing else "as recorded"))
            same = same and not differing
    return same


def alike(a, b, key=None):
    """Tells whether two recordings agree: numbers that networks give may differ a
    little, and masks by a sample in a thousand."""
    if key in ("low", "rle"):
        a, b = (m if key == "low" else m["counts"] for m in (a, b))
        differ = sum(abs(x - y) for x, y in zip(numpy.cumsum(a), numpy.cumsum(b))) if len(a) == len(b) else sum(a)
        return bool(differ <= sum(a) / 1000)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(a[k], b[k], k) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(alike(x, y, key) for x, y in zip(a, b))
    if isinstance(a, float):
        return abs(a - b) <= 1e-3 * max(1, abs(a))
    return a == b


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", nargs="?", type=pathlib.Path, help="what train_sam3.py made")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--compare", action="store_true", help="record again from OUT alone and compare")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.compare:
        sys.exit(0 if compare(args.out) else "the references are not what is recorded now")
    if args.checkpoint is None:
        parser.error("a checkpoint is needed to record from")
    make(args.checkpoint, args.out)


if __name__ == "__main__":
    main()
