#!/usr/bin/env python3
"""Writes tiny.tflite, a network of every operator that the converter knows, and tiny.json: an input and what the
network gives for it in exact arithmetic. Needs numpy, flatbuffers and tflite."""
import json
import pathlib

import flatbuffers
import numpy as np
import tflite as tfl

here = pathlib.Path(__file__).parent
random = np.random.default_rng(7)


def same(size, kernel, stride):
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return out, total // 2, total - total // 2


def padded(x, kernel, stride, value):
    rows, top, bottom = same(x.shape[0], kernel, stride)
    columns, left, right = same(x.shape[1], kernel, stride)
    return np.pad(x, ((top, bottom), (left, right), (0, 0)), constant_values=value), rows, columns


def conv(x, w, b, stride):
    k = w.shape[1]
    p, rows, columns = padded(x, k, stride, 0)
    return np.array([[np.einsum("okli,kli->o", w, p[r * stride:r * stride + k, c * stride:c * stride + k]) + b
                      for c in range(columns)] for r in range(rows)])


def depthwise(x, w, b, stride):
    k = w.shape[1]
    p, rows, columns = padded(x, k, stride, 0)
    return np.array([[np.einsum("klc,klc->c", w[0], p[r * stride:r * stride + k, c * stride:c * stride + k]) + b
                      for c in range(columns)] for r in range(rows)])


def pool(x, k, stride):
    p, rows, columns = padded(x, k, stride, -np.inf)
    return np.array([[p[r * stride:r * stride + k, c * stride:c * stride + k].max((0, 1))
                      for c in range(columns)] for r in range(rows)])


def average(x, k, stride):
    p, rows, columns = padded(x, k, stride, np.nan)
    return np.array([[np.nanmean(p[r * stride:r * stride + k, c * stride:c * stride + k], (0, 1))
                      for c in range(columns)] for r in range(rows)])


def linear(x, rows, columns):
    """Corners on corners."""
    def along(x, n):
        at = np.arange(n) * (x.shape[0] - 1) / (n - 1)
        low = np.minimum(at.astype(int), x.shape[0] - 2)
        part = (at - low).reshape(-1, 1, 1)
        return x[low] * (1 - part) + x[low + 1] * part
    return along(along(x, rows).transpose(1, 0, 2), columns).transpose(1, 0, 2)


def nearest(x, rows, columns):
    return x[(np.arange(rows) * x.shape[0] // rows)][:, (np.arange(columns) * x.shape[1] // columns)]


class File:
    def __init__(self):
        self.b = flatbuffers.Builder(0)
        self.tensors, self.buffers, self.ops, self.codes = [], [b""], [], []

    def ints(self, start, values, put):
        start(self.b, len(values))
        for v in reversed(values):
            put(v)
        return self.b.EndVector()

    def tensor(self, name, shape, kind, data=None, scale=None, zero=None, dimension=0):
        b, buffer = self.b, 0
        if data is not None:
            self.buffers.append(data.tobytes())
            buffer = len(self.buffers) - 1
        text = b.CreateString(name)
        dims = self.ints(tfl.TensorStartShapeVector, shape, b.PrependInt32)
        q = None
        if scale is not None:
            scales = self.ints(tfl.QuantizationParametersStartScaleVector, scale, b.PrependFloat32)
            zeros = self.ints(tfl.QuantizationParametersStartZeroPointVector, zero, b.PrependInt64)
            tfl.QuantizationParametersStart(b)
            tfl.QuantizationParametersAddScale(b, scales)
            tfl.QuantizationParametersAddZeroPoint(b, zeros)
            tfl.QuantizationParametersAddQuantizedDimension(b, dimension)
            q = tfl.QuantizationParametersEnd(b)
        tfl.TensorStart(b)
        tfl.TensorAddShape(b, dims)
        tfl.TensorAddType(b, kind)
        tfl.TensorAddBuffer(b, buffer)
        tfl.TensorAddName(b, text)
        if q is not None:
            tfl.TensorAddQuantization(b, q)
        self.tensors.append(tfl.TensorEnd(b))
        return len(self.tensors) - 1

    def op(self, code, inputs, output, options=None, kind=0):
        b = self.b
        if code not in self.codes:
            self.codes.append(code)
        i = self.ints(tfl.OperatorStartInputsVector, inputs, b.PrependInt32)
        o = self.ints(tfl.OperatorStartOutputsVector, [output], b.PrependInt32)
        tfl.OperatorStart(b)
        tfl.OperatorAddOpcodeIndex(b, self.codes.index(code))
        tfl.OperatorAddInputs(b, i)
        tfl.OperatorAddOutputs(b, o)
        if options is not None:
            tfl.OperatorAddBuiltinOptionsType(b, kind)
            tfl.OperatorAddBuiltinOptions(b, options)
        self.ops.append(tfl.OperatorEnd(b))
        return output

    def finish(self, inputs, outputs):
        b = self.b
        codes = []
        for code in self.codes:
            tfl.OperatorCodeStart(b)
            tfl.OperatorCodeAddDeprecatedBuiltinCode(b, min(code, 127))
            tfl.OperatorCodeAddBuiltinCode(b, code)
            codes.append(tfl.OperatorCodeEnd(b))
        buffers = []
        for data in self.buffers:
            v = b.CreateByteVector(data)
            tfl.BufferStart(b)
            tfl.BufferAddData(b, v)
            buffers.append(tfl.BufferEnd(b))
        lists = [self.ints(s, v, b.PrependUOffsetTRelative) for s, v in (
            (tfl.SubGraphStartTensorsVector, self.tensors), (tfl.SubGraphStartOperatorsVector, self.ops))]
        i = self.ints(tfl.SubGraphStartInputsVector, inputs, b.PrependInt32)
        o = self.ints(tfl.SubGraphStartOutputsVector, outputs, b.PrependInt32)
        tfl.SubGraphStart(b)
        tfl.SubGraphAddTensors(b, lists[0])
        tfl.SubGraphAddInputs(b, i)
        tfl.SubGraphAddOutputs(b, o)
        tfl.SubGraphAddOperators(b, lists[1])
        graph = tfl.SubGraphEnd(b)
        graphs = self.ints(tfl.ModelStartSubgraphsVector, [graph], b.PrependUOffsetTRelative)
        codes = self.ints(tfl.ModelStartOperatorCodesVector, codes, b.PrependUOffsetTRelative)
        buffers = self.ints(tfl.ModelStartBuffersVector, buffers, b.PrependUOffsetTRelative)
        tfl.ModelStart(b)
        tfl.ModelAddVersion(b, 3)
        tfl.ModelAddOperatorCodes(b, codes)
        tfl.ModelAddSubgraphs(b, graphs)
        tfl.ModelAddBuffers(b, buffers)
        b.Finish(tfl.ModelEnd(b), b"TFL3")
        return bytes(b.Output())


def main():
    f, op, i8 = File(), tfl.BuiltinOperator, tfl.TensorType.INT8
    rows, columns = 9, 12

    def weights(name, shape, dimension):
        q = random.integers(-127, 128, shape, dtype=np.int8)
        scale = random.uniform(0.002, 0.01, shape[dimension]).astype(np.float32)
        index = f.tensor(name, list(shape), i8, q, scale.tolist(), [0] * len(scale), dimension)
        along = [1] * len(shape)
        along[dimension] = -1
        return index, q * scale.reshape(along).astype(np.float64)

    def bias(name, n):
        q = random.integers(-300, 300, n, dtype=np.int32)
        scale = random.uniform(0.0005, 0.002, n).astype(np.float32)
        return f.tensor(name, [n], tfl.TensorType.INT32, q, scale.tolist(), [0] * n, 0), q * scale.astype(np.float64)

    def computed(name, shape):
        return f.tensor(name, list(shape), i8, None, [0.05], [3])

    x = random.uniform(-1, 1, (rows, columns, 3))
    picture = f.tensor("picture", [1, rows, columns, 3], tfl.TensorType.UINT8, None, [1 / 128], [127])
    quantised = f.op(op.QUANTIZE, [picture], computed("quantised", (1, rows, columns, 3)))

    w, wv = weights("stem", (4, 3, 3, 3), 0)
    b, bv = bias("stem bias", 4)
    tfl.Conv2DOptionsStart(f.b)
    tfl.Conv2DOptionsAddPadding(f.b, tfl.Padding.SAME)
    tfl.Conv2DOptionsAddStrideW(f.b, 2)
    tfl.Conv2DOptionsAddStrideH(f.b, 2)
    tfl.Conv2DOptionsAddFusedActivationFunction(f.b, tfl.ActivationFunctionType.RELU6)
    options = tfl.Conv2DOptionsEnd(f.b)
    a = np.clip(conv(x, wv, bv, 2), 0, 6)
    stem = f.op(op.CONV_2D, [quantised, w, b], computed("stem out", (1, *a.shape)), options, tfl.BuiltinOptions.Conv2DOptions)

    w, wv = weights("depthwise", (1, 3, 3, 4), 3)
    b, bv = bias("depthwise bias", 4)
    tfl.DepthwiseConv2DOptionsStart(f.b)
    tfl.DepthwiseConv2DOptionsAddPadding(f.b, tfl.Padding.SAME)
    tfl.DepthwiseConv2DOptionsAddStrideW(f.b, 1)
    tfl.DepthwiseConv2DOptionsAddStrideH(f.b, 1)
    tfl.DepthwiseConv2DOptionsAddDepthMultiplier(f.b, 1)
    options = tfl.DepthwiseConv2DOptionsEnd(f.b)
    d = depthwise(a, wv, bv, 1)
    deep = f.op(op.DEPTHWISE_CONV_2D, [stem, w, b], computed("depthwise out", (1, *d.shape)), options,
                tfl.BuiltinOptions.DepthwiseConv2DOptions)

    tfl.AddOptionsStart(f.b)
    tfl.AddOptionsAddFusedActivationFunction(f.b, tfl.ActivationFunctionType.RELU)
    options = tfl.AddOptionsEnd(f.b)
    s = np.maximum(a + d, 0)
    total = f.op(op.ADD, [stem, deep], computed("sum", (1, *s.shape)), options, tfl.BuiltinOptions.AddOptions)

    tfl.Pool2DOptionsStart(f.b)
    tfl.Pool2DOptionsAddPadding(f.b, tfl.Padding.SAME)
    tfl.Pool2DOptionsAddStrideW(f.b, 2)
    tfl.Pool2DOptionsAddStrideH(f.b, 2)
    tfl.Pool2DOptionsAddFilterWidth(f.b, 3)
    tfl.Pool2DOptionsAddFilterHeight(f.b, 3)
    options = tfl.Pool2DOptionsEnd(f.b)
    m = pool(s, 3, 2)
    pooled = f.op(op.MAX_POOL_2D, [total], computed("pooled", (1, *m.shape)), options, tfl.BuiltinOptions.Pool2DOptions)

    size = f.tensor("size", [2], tfl.TensorType.INT32, np.array(s.shape[:2], dtype=np.int32))
    tfl.ResizeNearestNeighborOptionsStart(f.b)
    options = tfl.ResizeNearestNeighborOptionsEnd(f.b)
    n = nearest(m, *s.shape[:2])
    large = f.op(op.RESIZE_NEAREST_NEIGHBOR, [pooled, size], computed("large", (1, *n.shape)), options,
                 tfl.BuiltinOptions.ResizeNearestNeighborOptions)

    tfl.Pool2DOptionsStart(f.b)
    tfl.Pool2DOptionsAddPadding(f.b, tfl.Padding.SAME)
    tfl.Pool2DOptionsAddStrideW(f.b, 2)
    tfl.Pool2DOptionsAddStrideH(f.b, 2)
    tfl.Pool2DOptionsAddFilterWidth(f.b, 3)
    tfl.Pool2DOptionsAddFilterHeight(f.b, 3)
    options = tfl.Pool2DOptionsEnd(f.b)
    v = average(s, 3, 2)
    averaged = f.op(op.AVERAGE_POOL_2D, [total], computed("averaged", (1, *v.shape)), options, tfl.BuiltinOptions.Pool2DOptions)
    tfl.ResizeBilinearOptionsStart(f.b)
    tfl.ResizeBilinearOptionsAddAlignCorners(f.b, True)
    options = tfl.ResizeBilinearOptionsEnd(f.b)
    i = linear(v, *s.shape[:2])
    smooth = f.op(op.RESIZE_BILINEAR, [averaged, size], computed("smooth", (1, *i.shape)), options,
                  tfl.BuiltinOptions.ResizeBilinearOptions)

    flat, lists = [], []
    for name, tensor, value in (("sum", total, s), ("large", large, n), ("smooth", smooth, i)):
        count = value.size // 2
        shape = f.tensor(name + " shape", [3], tfl.TensorType.INT32, np.array([1, count, 2], dtype=np.int32))
        flat.append(f.op(op.RESHAPE, [tensor, shape], computed(name + " list", (1, count, 2))))
        lists.append(value.reshape(1, count, 2))
    tfl.ConcatenationOptionsStart(f.b)
    tfl.ConcatenationOptionsAddAxis(f.b, 1)
    options = tfl.ConcatenationOptionsEnd(f.b)
    joined = np.concatenate(lists, 1)
    all_ = f.op(op.CONCATENATION, flat, computed("joined", joined.shape), options, tfl.BuiltinOptions.ConcatenationOptions)
    scores = f.op(op.LOGISTIC, [all_], computed("scores", joined.shape))
    out = f.op(op.DEQUANTIZE, [scores], f.tensor("result", list(joined.shape), tfl.TensorType.FLOAT32))

    (here / "tiny.tflite").write_bytes(f.finish([picture], [out]))
    result = 1 / (1 + np.exp(-joined))
    (here / "tiny.json").write_text(json.dumps({
        "rows": rows, "columns": columns,
        "input": [round(v, 6) for v in x.astype(np.float32).transpose(2, 0, 1).ravel().tolist()],
        "shape": list(result.shape), "output": [round(v, 6) for v in result.ravel().tolist()]}) + "\n")


if __name__ == "__main__":
    main()
