"""Command line flags that the former scripts share."""

from __future__ import annotations

import argparse
import sys
from typing import List

from scripts import host

# Flags that mean the same to `ureditd edit`, by their name among the parsed ones.
_SAME = (
    "input",
    "output",
    "mask_prompt",
    "edit_prompt",
    "mode",
    "max_frames",
    "steps",
    "guidance_scale",
    "image_guidance_scale",
    "erode_kernel",
    "smoothing_window",
    "smoothing_alpha",
    "model_path",
    "sam_path",
)


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with what every script takes."""
    new = argparse.ArgumentParser(
        description=description, epilog="Runs `ureditd edit`, found by UREDITD or in PATH; exit status as there."
    )
    new.add_argument("--input", "-i", required=True, help="video, or picture for a single frame")
    new.add_argument("--mask-prompt", "-m", required=True, help="what to edit: person, hair, red ball")
    new.add_argument("--edit-prompt", "-e", required=True, help="how to edit it: make the hair red")
    new.add_argument("--steps", type=int, default=50, help="denoising steps (50)")
    return new


def add_models(to: argparse.ArgumentParser) -> None:
    """Add the two model paths; without them the host's own models are used."""
    to.add_argument("--model-path", help="Instruct-Pix2Pix model; the host's own without it")
    to.add_argument("--sam-path", help="SAM 3 model; the host's own without it")


def add_guidance(to: argparse.ArgumentParser) -> None:
    """Add the guidance scales and the erosion with the defaults that the scripts always had."""
    to.add_argument("--guidance-scale", type=float, default=7.5, help="how strongly the prompt is followed (7.5)")
    to.add_argument("--image-guidance-scale", type=float, default=1.5, help="how strongly the picture is kept (1.5)")
    to.add_argument("--erode-kernel", type=int, default=0, help="shrink the mask by a square of this side (0)")


def forward(parsed: argparse.Namespace) -> List[str]:
    """Return the arguments of `ureditd edit` that say the same."""
    arguments = []
    for name in _SAME:
        value = getattr(parsed, name, None)
        if value is not None:
            # One word, so that a value may begin with a hyphen.
            arguments.append("--{}={}".format(name.replace("_", "-"), value))
    if getattr(parsed, "no_smoothing", False):
        arguments.append("--no-smoothing")
    return arguments


def run(arguments: List[str]) -> int:
    """Run the edit; an absent host is a usage error."""
    try:
        return host.edit(arguments)
    except host.NoHost as error:
        print("error: {}".format(error), file=sys.stderr)
        return 2
