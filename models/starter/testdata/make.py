#!/usr/bin/env python3
"""Writes kinds.tflite, a stand-in for the network of kinds: what is blue is a dog, all else is of no kind."""
import pathlib
import sys

import numpy as np
import tflite as tfl

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent.parent / "tflite" / "testdata"))
import make  # noqa: E402

DOG, KINDS, SIDE = 12, 21, 257
f, float32 = make.File(), tfl.TensorType.FLOAT32
weights, bias = np.zeros((KINDS, 1, 1, 3), np.float32), np.zeros(KINDS, np.float32)
weights[DOG, 0, 0] = -10, 0, 10
bias[0] = 5
x = f.tensor("picture", [1, SIDE, SIDE, 3], float32)
w = f.tensor("weights", list(weights.shape), float32, weights)
b = f.tensor("bias", [KINDS], float32, bias)
tfl.Conv2DOptionsStart(f.b)
tfl.Conv2DOptionsAddPadding(f.b, tfl.Padding.SAME)
tfl.Conv2DOptionsAddStrideW(f.b, 1)
tfl.Conv2DOptionsAddStrideH(f.b, 1)
options = tfl.Conv2DOptionsEnd(f.b)
y = f.op(tfl.BuiltinOperator.CONV_2D, [x, w, b], f.tensor("kinds", [1, SIDE, SIDE, KINDS], float32), options,
         tfl.BuiltinOptions.Conv2DOptions)
(here / "kinds.tflite").write_bytes(f.finish([x], [y]))
