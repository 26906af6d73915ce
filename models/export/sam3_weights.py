"""The tiny checkpoint without a file of its own: its weights lie in the bundle's
graphs. What no graph holds is kept beside them."""

import gzip
import hashlib
import json
import pathlib

import numpy
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file, save_file
from transformers import Sam3VideoModel

import tiny_sam3

PLACES, REST = "weights.json.gz", "rest.safetensors"
UNUSED = ("geometry_encoder", "fpn_layers.3.")  # no graph and no reference needs them


def halve(checkpoint, to):
    """Writes a checkpoint whose weights are numbers of half precision, as float32."""
    model = Sam3VideoModel.from_pretrained(checkpoint)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p.half().float())
    tiny_sam3.save(model, to)


def remember(checkpoint, out):
    """Writes to OUT where in its graphs each weight of the checkpoint lies, and those
    that do not."""
    held = {}
    for path in sorted((out / "sam3").glob("*.onnx")):
        for w in onnx.load(path).graph.initializer:
            held.setdefault(key(numpy_helper.to_array(w)), (path.name, w.name))
    places, rest = {}, {}
    for name, tensor in Sam3VideoModel.from_pretrained(checkpoint).state_dict().items():
        value = tensor.numpy()
        if place := held.get(key(value)):
            places[name] = [*place, False]
        elif place := held.get(key(value.T)):
            places[name] = [*place, True]
        elif not any(u in name for u in UNUSED):
            exact = bool((tensor.half().float() == tensor).all())
            rest[name] = (tensor.half() if exact else tensor).contiguous()
    text = json.dumps(places, separators=(",", ":")).encode()
    (out / PLACES).write_bytes(gzip.compress(text, mtime=0))
    save_file(rest, out / REST)


def restore(out, to):
    """Writes the checkpoint that OUT holds to a folder, and returns it."""
    graphs = {p.name: onnx.load(p) for p in (out / "sam3").glob("*.onnx")}
    held = {(g, w.name): w for g, model in graphs.items() for w in model.graph.initializer}
    weights = {n: t.float() for n, t in load_file(out / REST).items()}
    for name, (graph, initialiser, transposed) in json.loads(gzip.decompress((out / PLACES).read_bytes())).items():
        value = numpy_helper.to_array(held[graph, initialiser]).astype(numpy.float32)
        weights[name] = torch.from_numpy(numpy.array(value.T if transposed else value))
    model = tiny_sam3.build()
    missing, unexpected = model.load_state_dict(weights, strict=False)
    lost = [name for name in missing if not any(u in name for u in UNUSED)]
    if lost or unexpected:
        raise ValueError(f"{out}: weights of {lost} are missing, {unexpected} are unknown")
    tiny_sam3.save(model, pathlib.Path(to))
    return pathlib.Path(to)


def key(value):
    exact = numpy.ascontiguousarray(value, numpy.float32) if value.dtype.kind == "f" else value
    return exact.shape, exact.dtype.str, hashlib.sha256(exact.tobytes()).digest()
