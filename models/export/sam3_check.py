"""The graphs of sam3-video/1 beside torch."""

import copy

import numpy
import torch

import graphs
from bundle import Refused

# Largest difference to torch, as a fraction of the output's largest value. Where
# memories are compared, one step of bfloat16 is allowed on top.
TOLERANCE = 5e-4
TOLERANCE_HALF = 5e-2
AMPLIFIED = 8  # how much farther from double precision than torch a graph may be


def check(graph, path, references, halved=False):
    """Run the file on the graph's checks and print how far it is from torch.

    Returns the largest difference as a fraction of the output's largest value.
    Raises Refused when that is too much and rounding is not the reason.
    """
    tolerance = TOLERANCE_HALF if halved else TOLERANCE
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
