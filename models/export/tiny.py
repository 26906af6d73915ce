#!/usr/bin/env python3
"""Write small models of the real classes, with random weights, for tests.

    tiny.py pix2pix OUT              write them
    tiny.py pix2pix OLD --compare    write them elsewhere, compare with OLD

OUT gets the ONNX graphs as the exporters write them, from weights that are
numbers of half precision, so that they are stored as such without loss.
"""

import argparse
import filecmp
import gzip
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy
import torch

MERGES = pathlib.Path(__file__).parents[2] / "pipeline/text/testdata/bpe_simple_vocab_16e6.txt.gz"

# CLIP takes this many of the file's merges: with 512 single bytes and the two
# frame tokens they make 49408.
CLIP_MERGES = 48894


def fill(module, seed):
    """Give a module random weights that depend on nothing but the seed.

    torch's own initialisation may change with its release.
    """
    from diffusers import AutoencoderKL

    rng = numpy.random.Generator(numpy.random.PCG64(seed))
    for name, p in module.named_parameters():
        if p.ndim < 2:  # biases and the scales of norms
            value = rng.uniform(-0.1, 0.1, p.shape) + (p.ndim == 1 and name.endswith("norm.weight"))
        elif "embed" in name:
            value = rng.uniform(-1, 1, p.shape)
        else:
            value = rng.uniform(-1, 1, p.shape) * (3 / p[0].numel()) ** 0.5
            if name.endswith("conv_out.weight"):  # outputs of about 1, as trained models have
                value *= 16 if isinstance(module, AutoencoderKL) else 6
        p.data = torch.from_numpy(value.astype(numpy.float16).astype(numpy.float32))
    return module.eval().requires_grad_(False)


def clip_tokenizer():
    """transformers' tokenizer with CLIP's own vocabulary."""
    from transformers import CLIPTokenizer

    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in printable]
    symbols = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]
    lines = gzip.decompress(MERGES.read_bytes()).decode("utf-8").split("\n")
    merges = [tuple(line.split()) for line in lines[1 : CLIP_MERGES + 1]]
    tokens = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={t: i for i, t in enumerate(tokens)}, merges=merges, model_max_length=77)


def scheduler():
    """The tiny pipeline's scheduler, as it comes from a file.

    diffusers remembers which settings nobody gave and does not pass those on to
    another scheduler; a file gives all.
    """
    from diffusers import EulerAncestralDiscreteScheduler

    with tempfile.TemporaryDirectory() as folder:
        EulerAncestralDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
        ).save_pretrained(folder)
        return EulerAncestralDiscreteScheduler.from_pretrained(folder)


def pix2pix_pipeline():
    """An Instruct-Pix2Pix pipeline of 2 million parameters: three levels of the
    UNet, so that odd sizes are halved twice; a VAE with the real factor 8; a
    text encoder with the real vocabulary."""
    from diffusers import AutoencoderKL, StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    unet = UNet2DConditionModel(
        sample_size=16, in_channels=8, out_channels=4, layers_per_block=1, block_out_channels=(16, 32, 48),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=24, attention_head_dim=4, norm_num_groups=8,
    )
    vae = AutoencoderKL(
        block_out_channels=(16, 16, 32, 32), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, norm_num_groups=8, layers_per_block=1,
    )
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=49408, hidden_size=24, intermediate_size=48, num_attention_heads=4, num_hidden_layers=3,
        max_position_embeddings=77, bos_token_id=49406, eos_token_id=49407, pad_token_id=1,
    ))
    pipe = StableDiffusionInstructPix2PixPipeline(
        vae=fill(vae, 1), text_encoder=fill(text, 2), tokenizer=clip_tokenizer(), unet=fill(unet, 3),
        scheduler=scheduler(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def same_graph(a, b):
    """Whether two ONNX files have the same nodes and the same numbers.

    Constants that torch folded may differ in the last digit between processors.
    """
    import onnx
    from onnx import numpy_helper

    def parts(path):
        g = onnx.load(path).graph
        folded = [n.attribute[0].t for n in g.node if n.op_type == "Constant" and n.attribute[0].HasField("t")]
        tensors = [numpy_helper.to_array(t) for t in [*g.initializer, *folded]]
        return [(n.op_type, list(n.input), list(n.output)) for n in g.node], tensors

    (nodes, tensors), (other_nodes, other_tensors) = parts(a), parts(b)
    return nodes == other_nodes and len(tensors) == len(other_tensors) and all(
        x.shape == y.shape and numpy.allclose(x, y, rtol=1e-5, atol=0) for x, y in zip(tensors, other_tensors)
    )


def differences(old, new):
    """Paths below two folders that differ or are in one of them only."""
    names = sorted({p.relative_to(d) for d in (old, new) for p in d.rglob("*") if p.is_file()})
    for name in names:
        a, b = old / name, new / name
        if not (a.exists() and b.exists()):
            yield name
        elif name.suffix == ".onnx":
            if not same_graph(a, b):
                yield name
        elif not filecmp.cmp(a, b, shallow=False):
            yield name


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("part", choices=["pix2pix"])
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("--compare", action="store_true", help="compare with the folder instead of writing it")
    args = p.parse_args()
    import pix2pix

    torch.set_num_threads(1)
    torch.manual_seed(0)
    if not args.compare:
        pix2pix.write(pix2pix_pipeline(), args.folder, compact=True)
        return
    with tempfile.TemporaryDirectory() as new:
        pix2pix.write(pix2pix_pipeline(), new, compact=True)
        wrong = [str(n) for n in differences(args.folder, pathlib.Path(new))]
    if wrong:
        sys.exit(f"differs from {args.folder}: {', '.join(wrong)}")
    print(f"as {args.folder}")


if __name__ == "__main__":
    main()
