"""Instruct-Pix2Pix: a pipeline of diffusers to a folder of ONNX graphs."""

import json
import pathlib
import shutil

import diffusers
import onnxruntime
import torch
import transformers
from diffusers import StableDiffusionInstructPix2PixPipeline

import attention
import bundle
import graphs
from bundle import Refused

# Largest difference to torch, as a fraction of the output's largest value.
TOLERANCE = 5e-5
TOLERANCE_HALF = 1e-2


class _TextEncoder(torch.nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids):
        out = self.encoder(input_ids=input_ids)
        return out.last_hidden_state.float(), out.pooler_output.float()


class _UNet(torch.nn.Module):
    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, sample, timestep, encoder_hidden_states):
        # The timestep stays as it is: in half precision it would lose its
        # fraction. The UNet takes it apart in single precision itself.
        kind = self.unet.dtype
        return self.unet(sample.to(kind), timestep, encoder_hidden_states.to(kind), return_dict=False)[0].float()


class _Encoder(torch.nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.encoder, self.quant_conv = vae.encoder, vae.quant_conv

    def forward(self, sample):
        kind = next(self.parameters()).dtype
        moments = self.encoder(sample.to(kind))
        if self.quant_conv is not None:
            moments = self.quant_conv(moments)
        return moments.float()


class _Decoder(torch.nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.decoder, self.post_quant_conv = vae.decoder, vae.post_quant_conv

    def forward(self, latent_sample):
        if self.post_quant_conv is not None:
            latent_sample = self.post_quant_conv(latent_sample)
        return self.decoder(latent_sample)


def export(checkpoint, out, args):
    """Write the part pix2pix of the bundle `out`.

    checkpoint is a folder of save_pretrained, or an original .ckpt or
    .safetensors file. args has fp16 and config; see export.py.
    """
    pipe = load(checkpoint, args.config)
    with bundle.part(out, "pix2pix") as folder:
        errors = write(pipe, folder, half=args.fp16)
        settings = pathlib.Path(checkpoint, "scheduler", "scheduler_config.json")
        if settings.exists():
            # As it is: a setting that is missing is another one for each scheduler.
            shutil.copy(settings, folder / "scheduler")
    return {
        "checkpoint": pathlib.Path(checkpoint).resolve().name,
        "precision": "float16, vae_decoder float32" if args.fp16 else "float32",
        "opset": graphs.OPSET,
        "largest_error": {k: float(f"{v:.2g}") for k, v in errors.items()},
        "versions": {m.__name__: m.__version__ for m in (torch, diffusers, transformers, onnxruntime)},
    }


def load(checkpoint, config=None):
    """The checkpoint's pipeline in single precision, on the processor."""
    path = pathlib.Path(checkpoint)
    options = {"dtype": torch.float32, "local_files_only": True, "safety_checker": None, "requires_safety_checker": False}
    if not path.exists():
        raise Refused(f"{path} does not exist")
    diffusers.logging.disable_progress_bar()
    try:
        if path.is_dir():
            pipe = StableDiffusionInstructPix2PixPipeline.from_pretrained(
                path, feature_extractor=None, variant=_variant(path), **options
            )
        else:
            pipe = StableDiffusionInstructPix2PixPipeline.from_single_file(str(path), config=config, **options)
    except Exception as e:  # whatever the libraries raise about a file
        hint = "it is no folder that save_pretrained of a Stable Diffusion pipeline wrote"
        if not path.is_dir():
            hint = "convert it with diffusers first, or name a diffusers folder of the same architecture with --config"
        raise Refused(f"{path} cannot be read: {hint} ({type(e).__name__}: {(str(e).splitlines() or [''])[0]})") from e
    latents, taken = pipe.vae.config.latent_channels, pipe.unet.config.in_channels
    if taken != 2 * latents:
        raise Refused(f"{path}: this is not an InstructPix2Pix UNet: it takes {taken} channels, not {2 * latents}")
    return pipe


def _variant(checkpoint):
    """"fp16" where the checkpoint has its weights in half precision only."""
    names = [p.name for p in (checkpoint / "unet").glob("diffusion_pytorch_model*")]
    return "fp16" if names and all(".fp16." in n for n in names) else None


def write(pipe, folder, half=False, compact=False):
    """Write a pipeline to a folder in the layout of diffusers' ONNX exports.

    Returns each graph's largest error. half computes in half precision but
    for the VAE's decoder; inputs and outputs stay in single precision.
    """
    folder = pathlib.Path(folder)
    for module in (pipe.text_encoder, pipe.unet, pipe.vae):
        module.eval().requires_grad_(False)
    tokens = min(pipe.tokenizer.model_max_length, pipe.text_encoder.config.max_position_embeddings)
    plan = {
        "text_encoder": (_text_graph(pipe, tokens), attention.fused_text(pipe.text_encoder), pipe.text_encoder),
        "unet": (_unet_graph(pipe, tokens), attention.fused(pipe.unet), pipe.unet),
        "vae_decoder": (_decoder_graph(pipe), attention.fused(pipe.vae), pipe.vae),
        "vae_encoder": (_encoder_graph(pipe), attention.fused(pipe.vae), pipe.vae),
    }
    errors = {}
    for name, (graph, fusion, model) in plan.items():
        print(f"{name}: {sum(p.numel() for p in graph.module.parameters()) / 1e6:.1f} million parameters", flush=True)
        references = graph.reference()
        halved = half and name != "vae_decoder"
        if halved:
            graph.module.half()
        path = folder / name / "model.onnx"
        with fusion:
            graphs.write(graph, path, compact)
        errors[name] = graphs.check(graph, path, references, TOLERANCE_HALF if halved else TOLERANCE)
        config = model.config.to_dict() if hasattr(model.config, "to_dict") else dict(model.config)
        _write_json(path.parent / "config.json", config)
    write_tokenizer(pipe.tokenizer, folder / "tokenizer")
    pipe.scheduler.save_pretrained(folder / "scheduler")
    _write_json(folder / "model_index.json", {"_class_name": type(pipe).__name__, **pipe.config})
    return errors


def _write_json(path, value):
    # Without where it lay here, and a list that is in another order each time.
    value = {k: v for k, v in value.items() if k not in ("_name_or_path", "_use_default_values")}
    path.write_text(json.dumps(value, indent=2, default=str) + "\n", encoding="utf-8")


def _text_graph(pipe, tokens):
    def ids(batch):
        return {"input_ids": torch.randint(0, pipe.text_encoder.config.vocab_size, (batch, tokens))}

    return graphs.Graph(
        _TextEncoder(pipe.text_encoder), ids(2), ["last_hidden_state", "pooler_output"],
        {"input_ids": {0: "batch"}, "last_hidden_state": {0: "batch"}, "pooler_output": {0: "batch"}},
        [ids(1), ids(2), ids(5)],
    )


def _unet_graph(pipe, tokens):
    u = pipe.unet.config

    def example(batch, height, width, timestep):
        return {
            "sample": torch.randn(batch, u.in_channels, height, width),
            "timestep": torch.tensor(timestep, dtype=torch.float32),
            "encoder_hidden_states": torch.randn(batch, tokens, u.cross_attention_dim),
        }

    # At an even size torch's UNet takes another way, which works for no odd one.
    return graphs.Graph(
        _UNet(pipe.unet), example(3, 15, 17, 978.612), ["out_sample"],
        {
            "sample": {0: "batch", 2: "height", 3: "width"},
            "encoder_hidden_states": {0: "batch", 1: "tokens"},
            "out_sample": {0: "batch", 2: "height", 3: "width"},
        },
        [example(3, 16, 16, 978.612), example(1, 13, 21, 3.0), example(6, 12, 18, 500.5), example(2, 32, 24, 52.579)],
    )


def _encoder_graph(pipe):
    def picture(batch, height, width):
        return {"sample": torch.rand(batch, pipe.vae.config.in_channels, height, width) * 2 - 1}

    return graphs.Graph(
        _Encoder(pipe.vae), picture(1, 64, 72), ["latent_parameters"],
        {
            "sample": {0: "batch", 2: "picture_height", 3: "picture_width"},
            "latent_parameters": {0: "batch", 2: "height", 3: "width"},
        },
        [picture(1, 64, 64), picture(2, 128, 96), picture(1, 256, 248)],
    )


def _decoder_graph(pipe):
    def latents(batch, height, width):
        return {"latent_sample": torch.randn(batch, pipe.vae.config.latent_channels, height, width)}

    return graphs.Graph(
        _Decoder(pipe.vae), latents(1, 8, 9), ["sample"],
        {
            "latent_sample": {0: "batch", 2: "height", 3: "width"},
            "sample": {0: "batch", 2: "picture_height", 3: "picture_width"},
        },
        [latents(1, 8, 8), latents(2, 16, 12), latents(1, 32, 31)],
    )


def write_tokenizer(tokenizer, folder):
    """Write vocab.json, merges.txt and the two files that name special tokens.

    Newer releases of transformers save one tokenizer.json; these files are what
    every reader knows.
    """
    folder = pathlib.Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer.save_pretrained(folder)
    whole = folder / "tokenizer.json"
    if not (folder / "vocab.json").exists():
        saved = json.loads(whole.read_text(encoding="utf-8"))
        vocab = saved["model"]["vocab"] | {t["content"]: t["id"] for t in saved["added_tokens"]}
        vocab = dict(sorted(vocab.items(), key=lambda item: item[1]))
        merges = [m if isinstance(m, str) else " ".join(m) for m in saved["model"]["merges"]]
        (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    whole.unlink(missing_ok=True)
    special = {k: str(getattr(tokenizer, k)) for k in ("bos_token", "eos_token", "unk_token", "pad_token")}
    _write_json(folder / "special_tokens_map.json", special)
