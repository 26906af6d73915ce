package starter

import (
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strings"

	"uredit/models/colours"
	"uredit/models/onnxfile"
)

//go:embed styles.json
var stylesFile []byte

// styleCount is the number of styles that the network numbers.
const styleCount = 26

// style is one of them, called by what it looks like: its makers gave no names.
type style struct {
	Name   string   `json:"name"`
	Number int      `json:"number"`
	Words  []string `json:"words"`
}

// styles are what edit prompts can ask for beside colours.
type styles struct {
	Styles  []style `json:"styles"`
	Generic struct {
		Style string   `json:"style"`
		Words []string `json:"words"`
	} `json:"generic"` // words for any style, and the one that they mean alone
	PassedOver []string `json:"passed_over"`
}

func readStyles() (*styles, error) {
	s := &styles{}
	if err := decodeStrict(stylesFile, s); err != nil {
		return nil, fmt.Errorf("read styles: %w", err)
	}
	return s, nil
}

// words returns each word that asks for a style.
func (s *styles) words() []string {
	all := slices.Clone(s.Generic.Words)
	for _, style := range s.Styles {
		all = append(all, style.Words...)
	}
	slices.Sort(all)
	return all
}

// about says in a sentence what edit prompts can ask for.
func (s *styles) about(x *lexicon) string {
	var names, colours []string
	for _, style := range s.Styles {
		names = append(names, style.Name)
	}
	for _, c := range x.colours {
		colours = append(colours, c.name)
	}
	return "colours: " + strings.Join(colours, ", ") + "; styles: " + strings.Join(names, ", ") +
		`; as in "make it blue", "as an oil painting", "in mosaic style"`
}

// point returns the place of a style on the unit circle: two latents say which
// style it is, and how strong, when guidance scales them.
func point(number int) []float32 {
	sin, cos := math.Sincos(2 * math.Pi * float64(number) / styleCount)
	return []float32{float32(cos), float32(sin)}
}

// finish returns the part of the editor that paints in a style, with the style
// network, an ONNX file.
func (s *styles) finish(network []byte) (colours.Finish, error) {
	f := colours.Finish{Channels: len(point(0)), Words: map[string]colours.Word{}}
	for _, style := range s.Styles {
		for _, w := range style.Words {
			f.Words[w] = colours.Word{Vector: point(style.Number)}
		}
		if style.Name == s.Generic.Style {
			for _, w := range s.Generic.Words {
				f.Words[w] = colours.Word{Vector: point(style.Number), Generic: true}
			}
		}
	}
	if len(f.Words) != len(s.words()) {
		return f, fmt.Errorf("read styles: a word names two styles, or %q is none", s.Generic.Style)
	}
	f.Draw = func(g *onnxfile.Graph, picture, vector string) (string, error) {
		return drawStyle(ops{g}, network, picture, vector)
	}
	return f, nil
}

// leastStrength is below what any guidance scale of use gives, and above what the
// noise of a schedule leaves behind.
const leastStrength = 0.1

// drawStyle appends what paints a picture [B,3,h,w] in -1..1 in the style that the
// vector [B,2] points to, as far from the picture as the vector is long. The
// style network does not run for short vectors. The pictures of a batch get the
// first one's style: they are of one prompt.
func drawStyle(g ops, network []byte, picture, vector string) (string, error) {
	strength := g.Op("Sqrt", g.sum(g.mul(vector, vector), 1)) // [B,1]
	asked := g.Op("Greater", g.Op("Squeeze", g.largest(strength, 0)), g.Float(leastStrength))
	var err error
	painted := g.choose("style", asked, []string{"batch 3 height width"},
		func(b ops) []string {
			half := b.Float(0.5)
			from := b.clip(b.add(b.mul(picture, half), half), 0, 1)
			var out []string
			out, err = b.Splice(network, "style.", map[string]string{
				"image": from, "style_weights": b.nearestStyle(vector),
			}, "stylized")
			if err != nil {
				return []string{picture}
			}
			// The network rounds sizes up to its stride.
			size := b.slice(b.Op("Shape", picture), 0, 2, 4)
			to := b.Op("Slice", out[0], b.Ints(0, 0), size, b.Ints(2, 3))
			share := b.unsqueeze(b.clip(strength, 0, 1), 2, 3)
			mixed := b.add(from, b.mul(b.sub(to, from), share))
			return []string{b.sub(b.mul(mixed, b.Float(2)), b.Float(1))}
		},
		func(b ops) []string { return []string{picture} })
	if err != nil {
		return "", fmt.Errorf("convert the style network: %w", err)
	}
	return painted[0], nil
}

// nearestStyle returns the weights [26] of the style that the first vector points
// to: 1 for it, 0 for the others.
func (g ops) nearestStyle(vector string) string {
	var points []float32
	for i := range styleCount {
		points = append(points, point(i)...)
	}
	along := g.Op("MatMul", g.Floats([]int64{styleCount, 2}, points...),
		g.transpose(g.slice(vector, 0, 0, 1), 1, 0)) // [26,1]
	return g.reshape(g.float(g.Op("Equal", along, g.largest(along, 0))), styleCount)
}
