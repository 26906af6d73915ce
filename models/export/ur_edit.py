#!/usr/bin/env python3
"""The loop of the Python worker UR-Edit, written anew, on any networks.

    ur_edit.py OUT            record what it makes of a clip with the tiny networks
    ur_edit.py --compare OUT  record again, compare

OUT gets:

    loop.json     the clip and the parameters
    frames.gz     the frames before they are encoded: planes of 4:2:0, see planes()

The masks are those that record_sam3.py recorded for the clip.
"""

import argparse
import gzip
import json
import os
import pathlib
import subprocess
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy
import torch
from PIL import Image, ImageFilter

SAM3 = pathlib.Path(__file__).parents[1] / "testdata/sam3-tiny"

# The clips are BT.709 of limited range.
KR, KB = 0.2126, 0.0722

PARAMETERS = {
    "clip": "hide", "frames": 24, "seed": 7, "edit_prompt": "make the hair red",
    "steps": 4, "guidance_scale": 9.0, "image_guidance_scale": 1.5,
    "erode_kernel": 4, "padding": 16, "edit_size": 128, "radius": 5, "smoothing_window": 5, "smoothing_alpha": 0.3,
}  # fmt: skip

# Samples may differ by a level where torch rounds otherwise.
PSNR = 50


def edit(frames, masks, pipe, p, clock=None):
    """Edit frames, pictures of Pillow; masks are arrays of 0 and 1.

    pipe is diffusers' pipeline. It is given no generator: torch's own goes on
    from frame to frame. clock, if given, is called around it.
    """
    edited = []
    for frame, mask in zip(frames, masks, strict=True):
        mask = erode(mask, p["erode_kernel"])
        edited.append(edit_one(frame, mask, pipe, p, clock) if mask.any() else frame)
    if p["smoothing_window"] > 1:
        edited = smooth(edited, p["smoothing_window"], p["smoothing_alpha"])
    return edited


def erode(mask, side):
    """OpenCV's erosion by a square, anchored at side // 2; outside counts as set."""
    if side < 2:
        return mask
    before, after = side // 2, side - 1 - side // 2
    padded = numpy.pad(mask, ((before, after), (before, after)), constant_values=1)
    windows = numpy.lib.stride_tricks.sliding_window_view(padded, (side, side))
    return windows.min((2, 3))


def edit_one(frame, mask, pipe, p, clock=None):
    rows, columns = numpy.where(mask > 0)
    pad = p["padding"]
    box = (
        max(0, int(columns.min()) - pad), max(0, int(rows.min()) - pad),
        min(frame.width, int(columns.max()) + pad), min(frame.height, int(rows.max()) + pad),
    )  # fmt: skip
    crop = frame.crop(box)
    scale = p["edit_size"] / max(crop.size)
    width, height = (int(n * scale) // 8 * 8 for n in crop.size)
    source = crop.resize((width, height), Image.LANCZOS)
    if clock:
        clock.start()
    with torch.no_grad():
        picture = pipe(
            p["edit_prompt"], image=source, num_inference_steps=p["steps"], guidance_scale=p["guidance_scale"],
            image_guidance_scale=p["image_guidance_scale"], output_type="pil",
        ).images[0]  # fmt: skip
    if clock:
        clock.stop()
    picture = picture.resize(crop.size, Image.LANCZOS)
    alpha = Image.fromarray((mask[box[1] : box[3], box[0] : box[2]] * 255).astype(numpy.uint8))
    alpha = alpha.resize(crop.size, Image.NEAREST).filter(ImageFilter.GaussianBlur(radius=p["radius"]))
    result = frame.copy()
    result.paste(picture, box, mask=alpha)
    return result


def smooth(frames, window, alpha):
    values = [numpy.array(f).astype(numpy.float32) for f in frames]
    smoothed = []
    for i, own in enumerate(values):
        first = max(0, i - window // 2)
        near = values[first : i + window // 2 + 1]
        weights = numpy.exp(-numpy.abs(numpy.arange(len(near)) - (i - first)) / 2.0)
        mean = numpy.average(near, axis=0, weights=weights / weights.sum())
        mean = alpha * mean + (1 - alpha) * own
        smoothed.append(Image.fromarray(numpy.clip(mean, 0, 255).astype(numpy.uint8)))
    return smoothed


def level(values):
    return numpy.clip(numpy.floor(values + 0.5), 0, 255).astype(numpy.uint8)


def rgb(planes, width, height):
    """A frame of 4:2:0 planes as a picture; four samples share their chroma."""
    y = planes[: width * height].reshape(height, width)
    u, v = planes[width * height :].reshape(2, height // 2, width // 2).repeat(2, 1).repeat(2, 2).astype(float) - 128
    luma = (y - 16.0) / 219
    red, blue = 2 * (1 - KR) * v / 224, 2 * (1 - KB) * u / 224
    green = -(KR * red + KB * blue) / (1 - KR - KB)
    return Image.fromarray(level(255 * numpy.stack([luma + red, luma + green, luma + blue], -1)))


def planes(picture):
    """A picture as planes of 4:2:0: Y, Cb, Cr; chroma is that of four samples' mean."""
    p = numpy.array(picture).astype(float)

    def luma(q):
        return KR * q[..., 0] + (1 - KR - KB) * q[..., 1] + KB * q[..., 2]

    four = p.reshape(p.shape[0] // 2, 2, p.shape[1] // 2, 2, 3).sum((1, 3))
    u = 128 + 224 * (four[..., 2] - luma(four)) / (2 * (1 - KB)) / (4 * 255)
    v = 128 + 224 * (four[..., 0] - luma(four)) / (2 * (1 - KR)) / (4 * 255)
    return numpy.concatenate([level(q).ravel() for q in (16 + 219 * luma(p) / 255, u, v)])


def clip(name, count):
    """The clip's frames as pictures, and the union of its objects' masks."""
    recorded = json.loads(gzip.decompress((SAM3 / f"clips/{name}.json.gz").read_bytes()))
    width, height = recorded["width"], recorded["height"]
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", SAM3 / f"clips/{name}.mp4", "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"],
        check=True, stdout=subprocess.PIPE,
    ).stdout  # fmt: skip
    frames = numpy.frombuffer(raw, numpy.uint8).reshape(-1, width * height * 3 // 2)[:count]
    masks = []
    for f in recorded["frames"][:count]:
        mask = numpy.zeros((height, width), numpy.uint8)
        for o in f["objects"]:
            counts = o["rle"]["counts"]
            inside = numpy.arange(len(counts)) % 2
            mask |= inside.repeat(counts).reshape(width, height).T.astype(numpy.uint8)
        masks.append(mask)
    return [rgb(f, width, height) for f in frames], masks


def pipeline():
    import tiny
    from diffusers import EulerAncestralDiscreteScheduler

    pipe = tiny.pix2pix_pipeline()
    pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)
    return pipe


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("--compare", action="store_true", help="compare with the folder instead of writing it")
    args = p.parse_args()
    torch.set_num_threads(1)
    frames, masks = clip(PARAMETERS["clip"], PARAMETERS["frames"])
    pipe = pipeline()  # which draws numbers itself
    torch.manual_seed(PARAMETERS["seed"])
    made = b"".join(planes(f).tobytes() for f in edit(frames, masks, pipe, PARAMETERS))
    if not args.compare:
        args.folder.mkdir(parents=True, exist_ok=True)
        (args.folder / "loop.json").write_text(json.dumps(PARAMETERS, indent=2) + "\n")
        (args.folder / "frames.gz").write_bytes(gzip.compress(made, 9, mtime=0))
        return
    was = gzip.decompress((args.folder / "frames.gz").read_bytes())
    a, b = (numpy.frombuffer(x, numpy.uint8).astype(float) for x in (made, was))
    psnr = 10 * numpy.log10(255**2 / max(numpy.square(a - b).mean(), 1e-9))
    print(f"frames.gz: {psnr:.1f} dB")
    if json.loads((args.folder / "loop.json").read_text()) != PARAMETERS or psnr < PSNR:
        sys.exit(f"differs from {args.folder}")


if __name__ == "__main__":
    main()
