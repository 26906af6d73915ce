package colours

import "uredit/models/onnxfile"

// ops names the operators that the graphs here are made of. Pictures are
// [N, channels, rows, columns].
type ops struct{ *onnxfile.Graph }

func newGraph(name string) ops { return ops{onnxfile.NewGraph(name)} }

func (g ops) add(a, b string) string { return g.Op("Add", a, b) }
func (g ops) sub(a, b string) string { return g.Op("Sub", a, b) }
func (g ops) mul(a, b string) string { return g.Op("Mul", a, b) }
func (g ops) div(a, b string) string { return g.Op("Div", a, b) }
func (g ops) min(a, b string) string { return g.Op("Min", a, b) }
func (g ops) max(a, b string) string { return g.Op("Max", a, b) }

// not returns 1-x.
func (g ops) not(x string) string { return g.sub(g.Float(1), x) }

// clip bounds x to low..high.
func (g ops) clip(x string, low, high float32) string {
	return g.Op("Clip", x, g.Float(low), g.Float(high))
}

// above returns 1 where x > limit, else 0.
func (g ops) above(x string, limit float32) string {
	return g.float(g.Op("Greater", x, g.Float(limit)))
}

// float casts to float32.
func (g ops) float(x string) string {
	return g.OpAttr("Cast", []onnxfile.Attr{onnxfile.IntAttr("to", int64(onnxfile.Float32))}, x)
}

// integer casts to int64.
func (g ops) integer(x string) string {
	return g.OpAttr("Cast", []onnxfile.Attr{onnxfile.IntAttr("to", int64(onnxfile.Int64))}, x)
}

// mix multiplies the channels by a matrix and adds a bias to each row, if one
// is given.
func (g ops) mix(x string, matrix [][]float64, bias ...float64) string {
	var weights []float32
	for _, row := range matrix {
		for _, w := range row {
			weights = append(weights, float32(w))
		}
	}
	rows, columns := int64(len(matrix)), int64(len(matrix[0]))
	in := []string{x, g.Floats([]int64{rows, columns, 1, 1}, weights...)}
	if bias != nil {
		var b []float32
		for _, v := range bias {
			b = append(b, float32(v))
		}
		in = append(in, g.Floats([]int64{rows}, b...))
	}
	return g.Op("Conv", in...)
}

// channels returns the channels from..to-1.
func (g ops) channels(x string, from, to int64) string {
	return g.Op("Slice", x, g.Ints(from), g.Ints(to), g.Ints(1))
}

// concat joins along an axis.
func (g ops) concat(axis int64, x ...string) string {
	return g.OpAttr("Concat", []onnxfile.Attr{onnxfile.IntAttr("axis", axis)}, x...)
}

func (g ops) reshape(x string, shape ...int64) string {
	return g.Op("Reshape", x, g.Ints(shape...))
}

// gather picks along an axis by the int64 indices.
func (g ops) gather(x, indices string, axis int64) string {
	return g.OpAttr("Gather", []onnxfile.Attr{onnxfile.IntAttr("axis", axis)}, x, indices)
}

// reduce applies a Reduce operator over axes and keeps them with size 1.
func (g ops) reduce(op, x string, axes ...int64) string {
	if op == "ReduceSum" {
		return g.Op(op, x, g.Ints(axes...))
	}
	return g.OpAttr(op, []onnxfile.Attr{onnxfile.IntsAttr("axes", axes...)}, x)
}

// dilate takes the maximum over the square that reaches radius samples away.
func (g ops) dilate(x string, radius int64) string {
	return g.window("MaxPool", x, 2*radius+1, radius, 1)
}

// erode takes the minimum over a mask of zeros and ones.
func (g ops) erode(x string, radius int64) string {
	return g.not(g.dilate(g.not(x), radius))
}

// mean takes the mean over the square that reaches radius samples away; what
// lies outside the picture does not count.
func (g ops) mean(x string, radius int64) string {
	rows := g.strip("AveragePool", x, 2*radius+1, 1)
	return g.strip("AveragePool", rows, 1, 2*radius+1)
}

// shrink takes the mean of each square of n by n samples.
func (g ops) shrink(x string, n int64) string { return g.window("AveragePool", x, n, 0, n) }

func (g ops) window(op, x string, side, pad, stride int64) string {
	return g.OpAttr(op, []onnxfile.Attr{
		onnxfile.IntsAttr("kernel_shape", side, side),
		onnxfile.IntsAttr("pads", pad, pad, pad, pad),
		onnxfile.IntsAttr("strides", stride, stride),
	}, x)
}

func (g ops) strip(op, x string, height, width int64) string {
	return g.OpAttr(op, []onnxfile.Attr{
		onnxfile.IntsAttr("kernel_shape", height, width),
		onnxfile.IntsAttr("pads", height/2, width/2, height/2, width/2),
		onnxfile.IntsAttr("strides", 1, 1),
	}, x)
}

// enlarge stretches by the whole factor n, bilinearly.
func (g ops) enlarge(x string, n float32) string {
	return g.OpAttr("Resize", []onnxfile.Attr{
		onnxfile.StringAttr("mode", "linear"),
		onnxfile.StringAttr("coordinate_transformation_mode", "half_pixel"),
	}, x, "", g.Floats([]int64{4}, 1, 1, n, n))
}
