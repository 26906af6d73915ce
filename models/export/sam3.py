"""SAM 3's video model of transformers to the graphs of sam3-video/1."""

import contextlib
import hashlib
import json
import pathlib

import onnx
import onnxruntime
import torch
import transformers
from transformers import AttentionInterface, AttentionMaskInterface, AutoTokenizer, Sam3VideoModel
from transformers.masking_utils import eager_mask

import attention
import bundle
import graphs
import sam3_check
import sam3_graphs
from bundle import Refused
from sam3_samples import OPEN, OUTPUTS, TEXT, Samples

FORMAT = "sam3-video/1"

KEPT = 64  # queries whose masks are made: at real size 21 MB a frame instead of 66
RESIZE = {2: "bilinear_aa", 3: "bicubic_aa"}  # Pillow's numbers, as processors have them
THRESHOLDS = (
    "score_threshold_detection", "det_nms_thresh", "assoc_iou_thresh", "trk_assoc_iou_thresh",
    "new_det_thresh", "hotstart_delay", "hotstart_unmatch_thresh", "hotstart_dup_thresh",
    "suppress_unmatched_only_within_hotstart", "init_trk_keep_alive", "max_trk_keep_alive",
    "min_trk_keep_alive", "suppress_overlapping_based_on_recent_occlusion_threshold",
    "decrease_trk_keep_alive_for_empty_masklets", "fill_hole_area", "max_num_objects",
    "recondition_every_nth_frame", "recondition_on_trk_masks", "high_conf_thresh", "high_iou_thresh",
)  # fmt: skip


def export(checkpoint, out, args):
    """Write the part sam3 of the bundle `out`.

    checkpoint is a folder of save_pretrained. args has fp16 and fused; see export.py.
    """
    model, tokenizer = load(checkpoint)
    with bundle.part(out, "sam3") as folder:
        errors = write(model, folder, fused=args.fused, half=args.fp16)
        write_tokenizer(tokenizer, checkpoint, folder)
        write_config(model, tokenizer, checkpoint, folder)
    return {
        "checkpoint": pathlib.Path(checkpoint).resolve().name,
        "precision": "float16, tracker float32" if args.fp16 else "float32",
        "opset": graphs.OPSET,
        "largest_error": {k: float(f"{v:.2g}") for k, v in errors.items()},
        "versions": {m.__name__: m.__version__ for m in (torch, transformers, onnxruntime)},
    }


def load(checkpoint):
    """Return the checkpoint's model in single precision, and its tokenizer."""
    path = pathlib.Path(checkpoint)
    if not path.is_dir():
        raise Refused(f"{path} is no folder; convert an original .pt file with transformers first")
    try:
        model = Sam3VideoModel.from_pretrained(
            path, dtype=torch.float32, attn_implementation="eager", local_files_only=True
        )
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
    except Exception as e:  # whatever the libraries raise about a file
        first = (str(e).splitlines() or [""])[0]
        raise Refused(f"{path} is no Sam3VideoModel that save_pretrained wrote ({type(e).__name__}: {first})") from e
    return model.eval().requires_grad_(False), tokenizer


def write(model, folder, fused=False, half=False, compact=False):
    """Write the graphs to folder, each checked against torch.

    Returns each graph's largest error. fused joins vision and detector. half
    computes all but the tracker in half precision: its errors would add up over a
    video, and it is small.
    """
    planned = plan(model, fused)
    # Before any weight is halved: the graphs share them.
    references = {name: graph.reference() for name, graph in planned.items()}
    errors = {}
    for name, graph in planned.items():
        halved = half and name not in OPEN
        if halved:
            graph.module = Half(graph.module)
        path = pathlib.Path(folder, name + ".onnx")
        with one_node(model):
            graphs.write(graph, path, compact)
        share(path)
        errors[name] = sam3_check.check(graph, path, references[name], halved)
    return errors


def plan(model, fused=False):
    """Return each graph with what it is traced and checked with, by name. The
    tracker's come first: they stay in single precision when others are halved."""
    sam3_graphs.place_patches(model)
    samples = Samples(model)
    config = model.config.detector_config
    keep = KEPT if config.detr_decoder_config.num_queries > KEPT else 0
    modules = {
        "tracker_init": sam3_graphs.TrackerInit(model),
        "tracker_step": sam3_graphs.TrackerStep(model),
        "tracker_box": sam3_graphs.TrackerBox(model),
        "memory_encoder": sam3_graphs.MemoryEncoder(model),
        "text_encoder": sam3_graphs.TextEncoder(model),
        "vision_encoder": sam3_graphs.VisionEncoder(model),
        "detector": sam3_graphs.Detector(model, keep),
        "frame": sam3_graphs.Frame(model, keep),
    }
    for name in ("vision_encoder", "detector") if fused else ("frame",):
        del modules[name]
    return {
        name: graphs.Graph(
            module.eval(),
            samples.of(name)[0],
            OUTPUTS[name],
            OPEN.get(name),
            samples.of(name),
        )
        for name, module in modules.items()
    }


class Half(torch.nn.Module):
    """A module in half precision whose inputs and outputs stay in single."""

    def __init__(self, module):
        super().__init__()
        self.module = module.half()

    def forward(self, *inputs):
        out = self.module(*[x.half() if x.is_floating_point() else x for x in inputs])
        return tuple(x.float() if x.is_floating_point() else x for x in out)


def masked_attention(module, query, key, value, attention_mask, scaling=None, **_):
    """Attention in the form of transformers' registry, as one node: all of SAM 3's
    masks are added to the scores."""
    heads, width = query.shape[1], query.shape[-1]
    if scaling is not None and abs(scaling * width**0.5 - 1) > 1e-6:
        raise Refused(f"an attention divides its scores by {1 / scaling}, not by the root of {width}")

    def join(x):  # [batch, heads, tokens, width of a head]
        return x.transpose(1, 2).flatten(2)

    out = attention.attend(join(query), join(key), join(value), int(heads), bias=attention_mask)
    return out.unflatten(-1, (int(heads), -1)), None


@contextlib.contextmanager
def one_node(model):
    """While it lasts, each attention of the model is exported as one node."""
    AttentionInterface.register("uredit_masked", masked_attention)
    AttentionMaskInterface.register("uredit_masked", eager_mask)
    configs = {id(m.config): m.config for m in model.modules() if hasattr(m, "config")}.values()
    before = [c._attn_implementation for c in configs]
    for c in configs:
        c._attn_implementation = "uredit_masked"
    try:
        yield
    finally:
        for c, old in zip(configs, before):
            c._attn_implementation = old


def share(path):
    """Store equal constants of a graph once."""
    model = onnx.load(path)
    first, renamed = {}, {}
    kept = []
    for w in model.graph.initializer:
        key = (tuple(w.dims), w.data_type, w.raw_data)
        if w.raw_data and key in first:
            renamed[w.name] = first[key]
            continue
        first[key] = w.name
        kept.append(w)
    if not renamed:
        return
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
    graphs.save(model, path)


def write_tokenizer(tokenizer, checkpoint, folder):
    """Write the tokenizer's files: those of the checkpoint where it has them."""
    names = ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json")
    if all(pathlib.Path(checkpoint, name).exists() for name in names):
        for name in names:
            pathlib.Path(folder, name).write_bytes(pathlib.Path(checkpoint, name).read_bytes())
        return
    from pix2pix import write_tokenizer as write_files  # here: it loads diffusers

    written = pathlib.Path(folder, ".tokenizer")
    write_files(tokenizer, written)
    for name in names:
        pathlib.Path(written, name).rename(pathlib.Path(folder, name))
    for rest in written.iterdir():
        rest.unlink()
    written.rmdir()


def write_config(model, tokenizer, checkpoint, folder):
    """Write sam3.json, and what it says of the model into each graph."""
    folder, tracker, config = pathlib.Path(folder), model.tracker_model, model.config
    mean, std, resize = preprocessing(checkpoint)
    said = {
        "format": FORMAT,
        "semantics": "hf",
        "image_size": tracker.image_size,
        "grid": tracker.backbone_feature_sizes[2][0],
        "low_res": config.low_res_mask_size,
        "hidden": tracker.hidden_dim,
        "mem_dim": tracker.mem_dim,
        "num_maskmem": tracker.num_maskmem,
        "max_cond": tracker.config.max_cond_frame_num,
        "max_ptrs": tracker.config.max_object_pointers_in_encoder,
        "text_len": TEXT,
        "pad_id": tokenizer.pad_token_id,
        "bos": tokenizer.bos_token_id,
        "eos": tokenizer.eos_token_id,
        "mean": mean,
        "std": std,
        "resize": resize,
        "thresholds": {name: getattr(config, name) for name in THRESHOLDS},
        "memory_selection": {"enabled": False, "mf": 0.01},
    }
    for path in sorted(folder.glob("*.onnx")):
        graph = onnx.load(path, load_external_data=False)
        onnx.helper.set_model_props(graph, {FORMAT: json.dumps(said)})
        path.write_bytes(graph.SerializeToString())
    files = {}
    for path in sorted(folder.iterdir()):
        with open(path, "rb") as f:
            digest = hashlib.file_digest(f, "sha256").hexdigest()
        files[path.name] = {"sha256": digest, "size": path.stat().st_size}
    text = json.dumps(said | {"files": files}, indent=2) + "\n"
    pathlib.Path(folder, "sam3.json").write_text(text, encoding="utf-8")


def preprocessing(checkpoint):
    """Return the mean and deviation of pixels and the filter that the checkpoint's
    processor names, else those of the released model."""
    for name in ("video_preprocessor_config.json", "preprocessor_config.json", "processor_config.json"):
        path = pathlib.Path(checkpoint, name)
        if not path.exists():
            continue
        said = json.loads(path.read_text(encoding="utf-8"))
        said = said.get("video_processor", said.get("image_processor", said))
        if "image_mean" in said and "image_std" in said:
            resample = said.get("resample", 2)
            if resample not in RESIZE:
                raise Refused(f"{path} resizes with filter {resample}, the host with {' and '.join(RESIZE.values())}")
            return said["image_mean"], said["image_std"], RESIZE[resample]
    return [0.5] * 3, [0.5] * 3, RESIZE[2]
