#!/usr/bin/env python3
"""Record what the Python pipelines do with the tiny models, for tests in Go.

    record.py pix2pix OUT             write the reference outputs
    record.py pix2pix --compare OLD   record again, compare with a folder

A folder holds:

    cases.json    parameters of each edit, and where its values are
    images.f32    values of the edited pictures: little-endian float32, 0 to 1
    WxH.png       the pictures that were edited
    tokens.gz     strings and their ids, see tokens()
"""

import argparse
import gzip
import json
import os
import pathlib
import random
import struct
import sys
import tempfile
import unicodedata

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy
import torch
from PIL import Image

import tiny

# Between machines torch's own results differ by less.
TOLERANCE = 2e-5

SCHEDULERS = {
    "euler_a": "EulerAncestralDiscreteScheduler",
    "euler": "EulerDiscreteScheduler",
    "ddim": "DDIMScheduler",
    "dpmpp_2m": "DPMSolverMultistepScheduler",
    "lcm": "LCMScheduler",
}

SMALL, LARGE = (104, 88), (192, 128)  # latents of 13 by 11, which is odd, and of 24 by 16
STRIDE = 41  # of the values that are kept of most pictures; it divides no size


def cases():
    """All combinations on the small picture, thinned out; some whole."""
    for scheduler in SCHEDULERS:
        for steps in (4, 20, 50):
            for guidance in (1, 7.5, 9):
                for image_guidance in (1, 1.5):
                    yield case(scheduler, steps, guidance, image_guidance, SMALL, STRIDE)
        yield case(scheduler, 20, 9, 1.5, SMALL, 1, negative="blurry, dark", seed=2**31 + 7)
        yield case(scheduler, 4, 7.5, 1.5, LARGE, 1 if scheduler == "euler_a" else STRIDE)


def case(scheduler, steps, guidance, image_guidance, size, stride, negative="", seed=7):
    return {
        "scheduler": scheduler, "steps": steps, "guidance_scale": guidance, "image_guidance_scale": image_guidance,
        "prompt": "make the hair red", "negative": negative, "seed": seed,
        "picture": f"{size[0]}x{size[1]}.png", "stride": stride,
    }


def picture(size):
    """A picture with edges, gradients and noise."""
    w, h = size
    rng = numpy.random.Generator(numpy.random.PCG64(w * h))
    y, x = numpy.mgrid[0:h, 0:w]
    p = numpy.stack([
        numpy.sin(x / 9) ** 2, y / h, rng.random((h // 8, w // 8)).repeat(8, 0).repeat(8, 1),
    ], -1)
    p[h // 4 : h // 2, w // 3 : 2 * w // 3] = (0.9, 0.1, 0.2)
    return Image.fromarray((255 * p).round().astype(numpy.uint8))


def edit(pipe, c, image):
    """Edit with diffusers; values by channel, row and column."""
    import diffusers

    # The scheduler of the folder; diffusers gives its settings to the others.
    pipe.scheduler = getattr(diffusers, SCHEDULERS[c["scheduler"]]).from_config(tiny.scheduler().config)
    out = pipe(
        c["prompt"], image=image, num_inference_steps=c["steps"], guidance_scale=c["guidance_scale"],
        image_guidance_scale=c["image_guidance_scale"], negative_prompt=c["negative"] or None,
        generator=torch.Generator().manual_seed(c["seed"]), output_type="np",
    )
    return out.images[0].transpose(2, 0, 1).ravel()


def record_pix2pix(out):
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    pipe = tiny.pix2pix_pipeline()
    pictures = {}
    for size in (SMALL, LARGE):
        name = f"{size[0]}x{size[1]}.png"
        pictures[name] = picture(size)
        pictures[name].save(out / name)
    recorded, values = [], []
    for c in cases():
        whole = edit(pipe, c, pictures[c["picture"]])
        kept = whole[:: c["stride"]].astype("<f4")
        c["offset"], c["count"] = sum(map(len, values)), len(kept)
        recorded.append(c)
        values.append(kept)
        print(f'{c["scheduler"]:8} {c["steps"]:2} steps {c["guidance_scale"]:3} {c["image_guidance_scale"]:3} {c["picture"]}: '
              f"deviation {whole.std():.3f}, clipped {numpy.isin(whole, (0, 1)).mean():.3f}", flush=True)
    (out / "images.f32").write_bytes(numpy.concatenate(values).tobytes())
    lines = ",\n".join("  " + json.dumps(c) for c in recorded)
    (out / "cases.json").write_text(f"[\n{lines}\n]\n")
    tokens(out / "tokens.gz")


# Text that tokenizers disagree on, beside what people write.
ODD = """it's don't I'LL we've they're 'tis o'clock '' 's 'S 'ſ ' ’s café naïve résumé CAFÉ İstanbul ISTANBUL ıI ΣΊΣΥΦΟΣ ΟΔΟΣ
ὈΔΥΣΣΕΎΣ straße STRASSE ẞ ﬁne ﬀ Ǆ ǅ ǆ Å Å A\u030a e\u0301 é ñ n\u0303 q\u0307\u0323 q\u0323\u0307 가 \u1100\u1161\u11a8 각 日本語 把头发变成红色 かな カナ ｶﾞ １２３ ² ½ Ⅷ ٣ ४ 3D 2x4 1,000.5 10%
100°C 5€ $9 a_b a-b x=y {z} [0] <tag> <|startoftext|> <|endoftext|> <|ENDOFTEXT|> <|startoftext <||> #tag @me &amp; :-) ... … — – “so” «oui» ¿qué? ¡no!
🔥 👩‍👩‍👧‍👦 🇰🇷 👍🏽 ☃️ ❤️ שלום مرحبا العَرَبِيَّة नमस्ते ไทย ภาษาไทย Привет ЁЛКА Ψηφίο 한국어 Ωμέγα \u200b \ufeff \u00ad \u2028 \x00 \x07 \x1b
\u0378 \ue000 \U0010fffd \ufffd ªº ⁿ ㍿ ㎏ Ⓐ ⓐ Ⱥ ⱥ ꜱ Ꞌ ა Ა Ა ԯ Ɐ""".split(" ")

WORDS = """make the hair red turn him into a cyborg give person big curly black afro hairstyle yellow dress keep its origin style
painting of squirrel eating burger photo cat dog car wooden table add sunglasses remove background winter snow sunset oil by Van Gogh
highly detailed 4k cinematic lighting supercalifragilistic antidisestablishmentarianism xqzjv lorem ipsum""".split()

SPACES = [" ", " ", " ", " ", "  ", "\t", "\n", "\u00a0", "\u3000", "\u2009", "\x1c", "\u0085", "", ""]


def strings(count):
    """Random prompts: words, odd text, random characters of all scripts."""
    rng = random.Random(20260101)
    for _ in range(count):
        parts = []
        for _ in range(rng.choice((0, 1, 2, 5, 9, 20, 70) if rng.random() < 0.1 else (1, 2, 3))):
            kind = rng.random()
            if kind < 0.7:
                word = rng.choice(WORDS)
                word = rng.choice((word, word, word.upper(), word.capitalize(), word + rng.choice(",.!?;:'-\"")))
            elif kind < 0.95:
                word = rng.choice(ODD)
            else:
                word = "".join(character(rng) for _ in range(rng.randint(1, 4)))
            parts += [word, rng.choice(SPACES)]
        yield "".join(parts)


def character(rng):
    """A character that has a meaning, from a range picked first."""
    while True:
        low, high = rng.choice((
            (0x20, 0x7F), (0x80, 0x250), (0x250, 0x600), (0x600, 0x1000), (0x1000, 0x2000),
            (0x2000, 0x2C00), (0x2C00, 0x3200), (0x4E00, 0x4F00), (0xA640, 0xABFF), (0xF900, 0xFFFE), (0x1F300, 0x1F700),
        ))
        c = chr(rng.randrange(low, high))
        if unicodedata.category(c) not in ("Cn", "Cs"):
            return c


def tokens(path):
    """Write strings with their ids for 77 and for 32 tokens.

    For each string: its length in bytes as a uint16, UTF-8, 77 ids and 32 ids as
    uint16, all little-endian.
    """
    tokenizer = tiny.clip_tokenizer()
    out = bytearray()
    for s in strings(10_000):
        text = s.encode("utf-8")
        out += struct.pack("<H", len(text)) + text
        for length in (77, 32):
            ids = tokenizer(s, padding="max_length", max_length=length, truncation=True).input_ids
            assert len(ids) == length
            out += struct.pack(f"<{length}H", *ids)
    path.write_bytes(gzip.compress(bytes(out), 9, mtime=0))


def compare_pix2pix(old):
    """Record again and compare; exits with 1 when something differs."""
    with tempfile.TemporaryDirectory() as folder:
        new = pathlib.Path(folder)
        record_pix2pix(new)
        wrong = [
            name for name in ("cases.json", f"{SMALL[0]}x{SMALL[1]}.png", f"{LARGE[0]}x{LARGE[1]}.png")
            if (old / name).read_bytes() != (new / name).read_bytes()
        ]
        # The compressor is not part of what is compared.
        if gzip.decompress((old / "tokens.gz").read_bytes()) != gzip.decompress((new / "tokens.gz").read_bytes()):
            wrong.append("tokens.gz")
        a, b = (numpy.fromfile(d / "images.f32", "<f4") for d in (old, new))
        worst = float(numpy.abs(a - b).max()) if a.shape == b.shape else numpy.inf
        print(f"images.f32 differs by at most {worst:.1e}")
        if not worst <= TOLERANCE:
            wrong.append("images.f32")
    if wrong:
        sys.exit(f"differs from {old}: {', '.join(wrong)}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("part", choices=["pix2pix"])
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("--compare", action="store_true", help="compare with the folder instead of writing it")
    args = p.parse_args()
    (compare_pix2pix if args.compare else record_pix2pix)(args.folder)


if __name__ == "__main__":
    main()
