"""SAM 3's video model of transformers to the graphs of sam3-video/1."""

import contextlib
import copy
import hashlib
import json
import pathlib

import numpy
import onnx
import onnxruntime
import torch
import transformers
from transformers import AttentionInterface, AttentionMaskInterface, AutoTokenizer, Sam3VideoModel
from transformers.masking_utils import eager_mask

import attention
import bundle
import graphs
import sam3_graphs
from bundle import Refused

FORMAT = "sam3-video/1"

# Largest difference to torch, as a fraction of the output's largest value. Where
# memories are compared, one step of bfloat16 is allowed on top.
TOLERANCE = 5e-4
TOLERANCE_HALF = 5e-2
AMPLIFIED = 8  # how much farther from double precision than torch a graph may be

KEPT = 64  # queries whose masks are made: at real size 21 MB a frame instead of 66
TEXT = 32  # tokens of a prompt, as Hugging Face's video processor pads it

OPEN = {
    "tracker_init": {name: {0: "objects"} for name in ("mask_logits", "obj_ptr", "mem_feat")},
    "tracker_step": {
        "mem_feat": {0: "memories"}, "mem_tpos": {0: "memories"},
        "ptr": {0: "pointers"}, "ptr_tdiff": {0: "pointers"},
    },
    "memory_encoder": {name: {0: "objects"} for name in ("mask_logits", "object_score", "mem_feat")},
}  # fmt: skip

OUTPUTS = {
    "text_encoder": ["text_features", "text_mask"],
    "vision_encoder": ["det_fpn_0", "det_fpn_1", "det_fpn_2", "trk_s0", "trk_s1", "trk_feat"],
    "detector": ["scores", "boxes", "mask_logits"],
    "frame": ["scores", "boxes", "mask_logits", "trk_s0", "trk_s1", "trk_feat"],
    "tracker_init": ["obj_ptr", "mem_feat"],
    "tracker_step": ["mask_logits", "iou", "object_score", "obj_ptr"],
    "memory_encoder": ["mem_feat"],
}

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
        errors[name] = check(graph, path, references[name], TOLERANCE_HALF if halved else TOLERANCE)
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


class Samples:
    """Inputs of each graph as the graphs before it make them: of noise the later
    ones would see values that they never meet. The first is traced: its open sizes
    must not be 1, which torch treats as a case of its own."""

    def __init__(self, model, seed=0):
        self.rng = torch.Generator().manual_seed(seed)
        self.tracker = model.tracker_model
        self.low = self.tracker.prompt_encoder.mask_input_size[0]
        text = model.config.detector_config.text_config
        self.prompts = [self.prompt(text, n) for n in (3, 6, TEXT)]
        side = self.tracker.image_size
        self.pictures = [{"pixel_values": self.noise(1, 3, side, side, smooth=s)} for s in (8, 2)]
        with torch.no_grad():
            encode = sam3_graphs.TextEncoder(model)
            self.texts = [dict(zip(OUTPUTS["text_encoder"], encode(*p.values()))) for p in self.prompts]
            seen = sam3_graphs.VisionEncoder(model)(*self.pictures[0].values())
            self.features = dict(zip(OUTPUTS["vision_encoder"], seen))
            begin = sam3_graphs.TrackerInit(model)
            self.pointers, self.memories = begin(self.features["trk_feat"], self.masks(4))

    def prompt(self, config, tokens):
        ids = torch.full((1, TEXT), config.eos_token_id)
        ids[:, : tokens - 1] = torch.randint(0, config.vocab_size - 2, (1, tokens - 1), generator=self.rng)
        ids[:, 0] = config.bos_token_id
        return {"input_ids": ids, "attention_mask": (torch.arange(TEXT) < tokens).long()[None]}

    def noise(self, *shape, smooth=1):
        coarse = [*shape[:-2], shape[-2] // smooth, shape[-1] // smooth]
        return sam3_graphs.enlarge(torch.randn(*coarse, generator=self.rng), shape[-1])

    def masks(self, count, empty=False):
        """Logits with blobs; with empty the first has none."""
        masks = 8 * self.noise(count, 1, self.low, self.low, smooth=4)
        if empty:
            masks[0] = -5
        return masks

    def of(self, name):
        return getattr(self, name)()

    def text_encoder(self):
        return self.prompts

    def vision_encoder(self):
        return self.pictures

    def detector(self):
        seen = {k: v for k, v in self.features.items() if k.startswith("det")}
        return [seen | text for text in self.texts]

    def frame(self):
        return [picture | text for picture, text in zip(self.pictures, self.texts)]

    def tracker_init(self):
        feature = {"trk_feat": self.features["trk_feat"]}
        return [feature | {"mask_logits": self.masks(n, empty=n == 3)} for n in (2, 1, 3, 5)]

    def tracker_step(self):
        tracked = {k: v for k, v in self.features.items() if k.startswith("trk")}
        counts = [(2, 3)] + [(1 + i % 10, 1 + i) for i in range(19)]
        return [tracked | self.bank(m, p) for m, p in counts]

    def bank(self, memories, pointers):
        rows = [i % len(self.memories) for i in range(memories)]
        places = torch.randint(0, self.tracker.num_maskmem, (memories,), generator=self.rng)
        kept = self.pointers[[i % len(self.pointers) for i in range(pointers)]]
        ages = torch.arange(1, pointers + 1) / (self.tracker.config.max_object_pointers_in_encoder - 1)
        return {"mem_feat": self.memories[rows], "mem_tpos": places, "ptr": kept, "ptr_tdiff": ages}

    def memory_encoder(self):
        cases = [(2, False), (1, True), (3, False), (5, True)]
        return [
            {
                "trk_feat": self.features["trk_feat"],
                "mask_logits": self.masks(n, empty=n == 3),
                "object_score": 10 * torch.randn(n, 1, generator=self.rng),
                "binarize": torch.tensor([hard]),
            }
            for n, hard in cases
        ]


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
    pathlib.Path(path.parent, graphs.DATA).unlink(missing_ok=True)  # else it is appended to
    graphs.save(model, path)


def check(graph, path, references, tolerance):
    """Run the file on the graph's checks and print how far it is from torch.

    Returns the largest difference as a fraction of the output's largest value.
    Raises Refused when that is more than tolerance and rounding is not the reason.
    """
    results = run(graph, path)
    errors = differences(graph, results, references)
    told = ", ".join(f"{name} {error:.1e}" for name, error in errors.items())
    print(f"  {path.stem}: {len(references)} runs within {told} of the largest value", flush=True)
    if not max(errors.values()) <= tolerance:
        excuse(graph, path, references, results, tolerance)
    return max(errors.values())


def run(graph, path):
    """Return the file's outputs for each check."""
    runtime = graphs.session(path)
    return [runtime.run(graph.outputs, {k: v.numpy() for k, v in c.items()}) for c in graph.checks]


def differences(graph, results, references):
    """Return each output's largest difference over all checks."""
    worst = dict.fromkeys(graph.outputs, 0.0)
    for got, want in zip(results, references, strict=True):
        for name, g, w in zip(graph.outputs, got, want, strict=True):
            worst[name] = max(worst[name], difference(g, w, rounded=name == "mem_feat"))
    return worst


def excuse(graph, path, references, results, tolerance):
    """Raise Refused unless double precision shows that the graph is as right as torch.

    Weights that were never trained turn rounding into large differences, in torch as
    well: then the file may be AMPLIFIED times as far from the truth as torch is.
    """
    double = copy.deepcopy(graph.module).double()
    with torch.no_grad():
        truth = [double(*[x.double() if x.is_floating_point() else x for x in c.values()]) for c in graph.checks]
    truth = [[x.numpy() for x in (t if isinstance(t, tuple) else (t,))] for t in truth]
    ours, torchs = differences(graph, results, truth), differences(graph, references, truth)
    for name in graph.outputs:
        print(f"    {name}: {ours[name]:.1e} from double precision, torch {torchs[name]:.1e}", flush=True)
        if not ours[name] <= max(tolerance, AMPLIFIED * torchs[name]):
            raise Refused(f"{path}: {name} differs from torch by more than {tolerance:.0e} of its largest value")


def difference(got, want, rounded):
    """Return how far got is from want, as a fraction of want's largest value. What
    was rounded to bfloat16 may be off by one step of it."""
    if got.shape != want.shape:
        raise Refused(f"an output has the shape {got.shape}, in torch {want.shape}")
    got, want = got.astype(numpy.float64), want.astype(numpy.float64)
    error = numpy.abs(got - want)
    if rounded:
        _, exponent = numpy.frexp(numpy.maximum(numpy.abs(got), numpy.abs(want)))
        error = numpy.maximum(error - numpy.ldexp(1.0, exponent - 8), 0)
    error = float(error.max() / max(numpy.abs(want).max(), 1e-30))
    return error if numpy.isfinite(error) else numpy.inf


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
    mean, std = normalisation(checkpoint)
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
        "resize": "bilinear_aa",
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


def normalisation(checkpoint):
    """Return the mean and deviation of pixels that the checkpoint's processor names,
    else those of the released model."""
    for name in ("video_preprocessor_config.json", "preprocessor_config.json", "processor_config.json"):
        path = pathlib.Path(checkpoint, name)
        if not path.exists():
            continue
        said = json.loads(path.read_text(encoding="utf-8"))
        said = said.get("video_processor", said.get("image_processor", said))
        if "image_mean" in said and "image_std" in said:
            return said["image_mean"], said["image_std"]
    return [0.5] * 3, [0.5] * 3
