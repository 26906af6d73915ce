"""From a torch module to an ONNX file that was checked against it."""

import dataclasses
import pathlib
import tempfile
import warnings

import numpy
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from bundle import Refused

OPSET = 17

# What one file of protocol buffers may hold, less some room for the graph.
LARGEST = 1_900_000_000

# A larger graph's weights lie beside it in a file of its name with this at the end.
DATA = "_data"


@dataclasses.dataclass
class Graph:
    """A module and how it is exported.

    inputs is an example by name, in the order of forward; the graph is traced
    with it, so a size that torch decides in Python must be the general case.
    axes names the open dimensions of inputs and outputs. checks are further
    inputs that the file is run on.
    """

    module: torch.nn.Module
    inputs: dict
    outputs: list
    axes: dict
    checks: list

    def reference(self):
        """What torch computes for each check, as lists of arrays."""
        with torch.no_grad():
            return [_arrays(self.module(*c.values())) for c in self.checks]


def _arrays(out):
    return [x.float().numpy() for x in (out if isinstance(out, tuple) else (out,))]


def write(graph, path, compact=False):
    """Trace the graph and write it to path; large ones with their weights beside it.

    With compact, float32 weights that lose nothing are stored as float16.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of a module of more than 2 GB the exporter writes each tensor to a file.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        traced = str(pathlib.Path(folder, path.name))
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph.module.eval(), tuple(graph.inputs.values()), traced, dynamo=False,
                input_names=list(graph.inputs), output_names=graph.outputs, dynamic_axes=graph.axes,
                opset_version=OPSET, custom_opsets={"com.microsoft": 1}, do_constant_folding=True,
            )
        model = onnx.load(traced)
    model.producer_name, model.producer_version = "uredit models/export", ""
    for node in model.graph.node:
        node.ClearField("doc_string")
    if compact:
        halve_storage(model)
    save(model, path)


def save(model, path):
    """Write a model to a file, weights of more than LARGEST bytes to another beside it."""
    data = path.with_name(path.name + DATA)
    data.unlink(missing_ok=True)  # else it is appended to
    # Not ByteSize, which fails where it matters.
    if sum(len(w.raw_data) for w in model.graph.initializer) < LARGEST:
        onnx.save_model(model, path)
        return
    onnx.save_model(model, path, save_as_external_data=True, all_tensors_to_one_file=True, location=data.name)
    data.chmod(0o644)  # onnx lets none but its owner read it


def halve_storage(model):
    """Store weights that are exact in float16 as float16, with a Cast behind.

    The runtime folds the casts when it loads the graph: it computes as before.
    """
    casts = []
    for w in model.graph.initializer:
        if w.data_type != TensorProto.FLOAT:
            continue
        value = numpy_helper.to_array(w)
        half = value.astype(numpy.float16)
        if value.size < 16 or not numpy.array_equal(half.astype(numpy.float32), value):
            continue
        name = w.name
        w.CopyFrom(numpy_helper.from_array(half, name + ".half"))
        casts.append(helper.make_node("Cast", [w.name], [name], to=TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def session(path, threads=0):
    """Load a graph on the processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def check(graph, path, references, tolerance):
    """Run the file on the graph's checks and print how far it is from torch.

    Returns the largest difference as a fraction of the output's largest value.
    Raises Refused when that is more than tolerance.
    """
    runtime = session(path)
    worst = 0.0
    for inputs, want in zip(graph.checks, references, strict=True):
        got = runtime.run(graph.outputs, {k: v.numpy() for k, v in inputs.items()})
        for name, g, w in zip(graph.outputs, got, want, strict=True):
            if g.shape != w.shape:
                raise Refused(f"{path}: {name} has the shape {g.shape}, in torch {w.shape}")
            scale = numpy.abs(w).max()
            error = float(numpy.abs(g - w).max() / scale)
            worst = max(worst, error if numpy.isfinite(error) else numpy.inf)
            sizes = " ".join(f"{k}{list(v.shape)}" for k, v in inputs.items())
            print(f"  {path.parent.name} {sizes}: {name} within {error:.1e} of {scale:.3g}", flush=True)
    if not worst <= tolerance:
        raise Refused(f"{path}: differs from torch by {worst:.1e} of its largest value, more than {tolerance:.0e}")
    return worst
