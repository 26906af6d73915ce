package starter

import (
	"fmt"

	"uredit/models/bpe"
	"uredit/models/onnxfile"
)

// textLength is the length of a prompt in tokens.
const textLength = 32

// textEncoder returns the graph that says what a prompt names: row r of
// text_features is for the r-th of the things that separators divide, with a 1
// in the channel of each class and, after the classes, of each colour that its
// words name. text_mask says which rows name something.
func textEncoder(x *lexicon, v bpe.Vocabulary) ops {
	g := ops{onnxfile.NewGraph("text_encoder")}
	ids := g.Input("input_ids", onnxfile.Int64, fmt.Sprint(1, textLength))
	mask := g.Input("attention_mask", onnxfile.Int64, fmt.Sprint(1, textLength))
	t := newTables(x, v)
	look := func(table []float32, width int) string { // [1,T,width]
		return g.gather(g.Floats([]int64{int64(len(v.Tokens)), int64(width)}, table...), ids, 0)
	}

	// A word that ends a name of two says nothing by itself: a hot dog is no dog.
	pairs := len(x.pairs())
	before := g.concat(1, g.Floats([]int64{1, 1, int64(pairs)}, make([]float32, pairs)...),
		g.slice(look(t.first, pairs), 1, 0, textLength-1))
	both := g.mul(before, look(t.second, pairs))
	alone := g.sub(g.Float(1), g.largest(both, 2))
	named := g.add(g.mul(look(t.single, classes), alone),
		g.Op("MatMul", both, g.Floats([]int64{int64(pairs), classes}, t.pairs...)))
	words := g.concat(2, named, look(t.colours, len(x.colours)))

	// Thing that each token belongs to: how many separators stand before it.
	thing := g.Op("CumSum", look(t.separator, 1), g.Int64s(nil, 1))
	var rows []float32
	for r := range textLength {
		rows = append(rows, float32(r))
	}
	belongs := g.float(g.Op("Equal", thing, g.Floats([]int64{1, 1, textLength}, rows...)))
	belongs = g.mul(belongs, g.unsqueeze(g.float(mask), 2)) // [1,token,thing]
	features := g.above(g.Op("MatMul", g.transpose(belongs, 0, 2, 1), words), 0)

	g.Output("text_features", onnxfile.Float32, fmt.Sprint(1, textLength, featureCount(x)), features)
	used := g.Op("Squeeze", g.largest(features, 2), g.Ints(2))
	g.Output("text_mask", onnxfile.Bool, fmt.Sprint(1, textLength), g.Op("Greater", used, g.Float(0)))
	return g
}

func featureCount(x *lexicon) int64 { return int64(classes + len(x.colours)) }

// tables say of each token what it means.
type tables struct {
	single, colours []float32 // [tokens,classes], [tokens,colours]
	separator       []float32 // [tokens,1]
	first, second   []float32 // [tokens,pairs]: begins or ends this name of two words
	pairs           []float32 // [pairs,classes]
}

func newTables(x *lexicon, v bpe.Vocabulary) tables {
	n, pairs := len(v.Tokens), x.pairs()
	t := tables{
		single: make([]float32, n*classes), colours: make([]float32, n*len(x.colours)),
		separator: make([]float32, n), first: make([]float32, n*len(pairs)), second: make([]float32, n*len(pairs)),
		pairs: make([]float32, len(pairs)*classes),
	}
	for name, list := range x.names {
		token := v.Word(name)
		for _, class := range list {
			if token >= 0 {
				t.single[token*classes+class] = 1
			}
		}
	}
	for i, c := range x.colours {
		for _, w := range c.words {
			t.colours[v.Word(w)*len(x.colours)+i] = 1
		}
	}
	for _, w := range x.Separators {
		t.separator[v.Word(w)] = 1
	}
	for i, p := range pairs {
		t.first[v.Word(p[0])*len(pairs)+i] = 1
		t.second[v.Word(p[1])*len(pairs)+i] = 1
		for _, class := range x.names[p[0]+" "+p[1]] {
			t.pairs[i*classes+class] = 1
		}
	}
	return t
}
