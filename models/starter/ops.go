package starter

import "uredit/models/onnxfile"

// ops names the operators that the graphs here are made of.
type ops struct{ *onnxfile.Graph }

func (g ops) add(a, b string) string { return g.Op("Add", a, b) }
func (g ops) sub(a, b string) string { return g.Op("Sub", a, b) }
func (g ops) mul(a, b string) string { return g.Op("Mul", a, b) }
func (g ops) div(a, b string) string { return g.Op("Div", a, b) }

// clip bounds x to low..high.
func (g ops) clip(x string, low, high float32) string {
	return g.Op("Clip", x, g.Float(low), g.Float(high))
}

// above returns 1 where x > limit, else 0.
func (g ops) above(x string, limit float32) string {
	return g.float(g.Op("Greater", x, g.Float(limit)))
}

// not returns 1-x.
func (g ops) not(x string) string { return g.sub(g.Float(1), x) }

// float casts to float32.
func (g ops) float(x string) string {
	return g.OpAttr("Cast", []onnxfile.Attr{onnxfile.IntAttr("to", int64(onnxfile.Float32))}, x)
}

// integer casts to int64.
func (g ops) integer(x string) string {
	return g.OpAttr("Cast", []onnxfile.Attr{onnxfile.IntAttr("to", int64(onnxfile.Int64))}, x)
}

// slice returns the elements from..to-1 along an axis.
func (g ops) slice(x string, axis, from, to int64) string {
	return g.Op("Slice", x, g.Ints(from), g.Ints(to), g.Ints(axis))
}

// concat joins along an axis.
func (g ops) concat(axis int64, x ...string) string {
	return g.OpAttr("Concat", []onnxfile.Attr{onnxfile.IntAttr("axis", axis)}, x...)
}

func (g ops) reshape(x string, shape ...int64) string { return g.Op("Reshape", x, g.Ints(shape...)) }

func (g ops) unsqueeze(x string, axes ...int64) string {
	return g.Op("Unsqueeze", x, g.Ints(axes...))
}

// gather picks along an axis by the int64 indices.
func (g ops) gather(x, indices string, axis int64) string {
	return g.OpAttr("Gather", []onnxfile.Attr{onnxfile.IntAttr("axis", axis)}, x, indices)
}

// transpose reorders the axes.
func (g ops) transpose(x string, order ...int64) string {
	return g.OpAttr("Transpose", []onnxfile.Attr{onnxfile.IntsAttr("perm", order...)}, x)
}

// largest takes the maximum over axes and keeps them with size 1.
func (g ops) largest(x string, axes ...int64) string {
	return g.OpAttr("ReduceMax", []onnxfile.Attr{onnxfile.IntsAttr("axes", axes...)}, x)
}

// smallest takes the minimum over axes and keeps them with size 1.
func (g ops) smallest(x string, axes ...int64) string {
	return g.OpAttr("ReduceMin", []onnxfile.Attr{onnxfile.IntsAttr("axes", axes...)}, x)
}

// sum takes the sum over axes and keeps them with size 1.
func (g ops) sum(x string, axes ...int64) string { return g.Op("ReduceSum", x, g.Ints(axes...)) }

// resize stretches pictures bilinearly to side by side samples.
func (g ops) resize(x string, channels, side int64) string {
	sizes := g.concat(0, g.slice(g.Op("Shape", x), 0, 0, 1), g.Ints(channels, side, side))
	return g.OpAttr("Resize", []onnxfile.Attr{
		onnxfile.StringAttr("mode", "linear"),
		onnxfile.StringAttr("coordinate_transformation_mode", "half_pixel"),
	}, x, "", "", sizes)
}

// branch is one way of a choice: it gives the values that the choice's outputs
// get, with their shapes.
type branch func(g ops) []string

// choose returns the values of then where condition, a scalar bool, holds, and
// of otherwise elsewhere. Only one of them is computed. shapes are those of the
// values, all float32.
func (g ops) choose(name, condition string, shapes []string, then, otherwise branch) []string {
	attribute := func(key string, make branch) onnxfile.Attr {
		sub := ops{onnxfile.NewBranch(name + "_" + key)}
		for i, v := range make(sub) {
			sub.Output(name+"_"+key+"_"+string(rune('a'+i)), onnxfile.Float32, shapes[i], v)
		}
		return onnxfile.BranchAttr(key, sub.Graph)
	}
	return g.OpN("If", len(shapes), []onnxfile.Attr{
		attribute("then_branch", then), attribute("else_branch", otherwise),
	}, condition)
}
