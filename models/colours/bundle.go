// Package colours writes the graphs of bundles that understand the colour words
// of a palette. They are analytic: arithmetic written out by hand.
package colours

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"uredit/models"
	"uredit/models/bpe"
)

const (
	bundleName = "colours"
	licence    = "As the source of uredit. Written by models/generate from a palette; nothing in it was trained and " +
		"nothing in it is taken from another model."
	about = "Real ONNX graphs with the interfaces of SAM 3 and Instruct-Pix2Pix that understand colour words and " +
		"nothing else. They are analytic: arithmetic written out by hand, no weights learnt from data. They let a " +
		"fresh machine edit a video, and they let a test say to the last digit what the result must be. For real " +
		"edits export real checkpoints with models/export."
)

// part is one half of a bundle: files and signatures of graphs by path.
type part struct {
	files  map[string][]byte
	graphs map[string]models.Signature
}

func newPart() *part {
	return &part{files: map[string][]byte{}, graphs: map[string]models.Signature{}}
}

func (p *part) graph(name string, g ops) {
	p.files[name] = g.Marshal(map[string]string{"about": about})
	in, out := g.Signature()
	p.graphs[name] = models.Signature{Inputs: in, Outputs: out}
}

// Bundle returns all files of a bundle by slash-separated path. palette is a
// palette file, nil for the built-in bundle's; models/README.md has its form.
func Bundle(palette []byte) (map[string][]byte, error) {
	parsed, err := readPalette(palette)
	if err != nil {
		return nil, err
	}
	return bundle(parsed)
}

// Editor returns the files of the editor for the built-in palette by
// slash-separated path below pix2pix/, and its graphs' signatures. detail is the
// slope with which a repaint keeps a surface's texture beside its shading; the
// built-in bundle has 0, which has a closed form. finish is what else it can do;
// the zero value is nothing.
func Editor(detail float32, finish Finish) (files map[string][]byte, graphs map[string]models.Signature, err error) {
	palette, err := readPalette(nil)
	if err != nil {
		return nil, nil, err
	}
	words := slices.Concat(allWords(palette), slices.Sorted(maps.Keys(finish.Words)))
	p, err := editor{palette: palette, vocabulary: bpe.Train(words), detail: detail, finish: finish}.part()
	if err != nil {
		return nil, nil, fmt.Errorf("make the editor: %w", err)
	}
	return p.files, p.graphs, nil
}

// readPalette is parsePalette; without data it reads the built-in palette.
func readPalette(data []byte) ([]colour, error) {
	if data == nil {
		data = builtinPalette
	}
	palette, err := parsePalette(data)
	if err != nil {
		return nil, fmt.Errorf("read palette: %w", err)
	}
	return palette, nil
}

func bundle(palette []colour) (map[string][]byte, error) {
	v := bpe.Train(allWords(palette))
	repainter, err := editor{palette: palette, vocabulary: v}.part()
	if err != nil {
		return nil, err
	}
	parts := map[string]*part{"sam3": sam3Part(palette, v), "pix2pix": repainter}
	files := map[string][]byte{}
	manifest := models.Manifest{
		Format: models.Format, Name: bundleName, Licence: licence, About: about,
		Files: map[string]models.File{}, Graphs: map[string]models.Signature{},
		Notes: json.RawMessage(models.EncodeJSON(notesOn(palette))),
	}
	for _, folder := range slices.Sorted(maps.Keys(parts)) {
		for name, data := range parts[folder].files {
			files[folder+"/"+name] = data
			manifest.Files[folder+"/"+name] = describe(data)
		}
		for name, s := range parts[folder].graphs {
			manifest.Graphs[folder+"/"+name] = s
		}
	}
	files[models.ManifestName] = models.EncodeJSON(manifest)
	return files, nil
}

// describe returns what a manifest says of a file.
func describe(data []byte) models.File {
	sum := sha256.Sum256(data)
	return models.File{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data))}
}

// notes is the closed form of an edit, as bundle.json has it. The symbols are
// those of models/README.md.
type notes struct {
	Latents  []string               `json:"latents"`
	Guidance []string               `json:"guidance"`
	Repaint  []string               `json:"repaint"`
	Colours  map[string]colourNotes `json:"colours"`
}

type colourNotes struct {
	Words []string `json:"words"`
	// Channel is the colour's among the segmenter's features.
	Channel int     `json:"channel"`
	SRGB    string  `json:"srgb"`
	Luma    float64 `json:"y"`
	Cb      float64 `json:"cb"`
	Cr      float64 `json:"cr"`
	Below   float64 `json:"below"`
	Above   float64 `json:"above"`
}

func notesOn(palette []colour) notes {
	n := notes{
		Latents: []string{
			"R, G, B in -1..1; Y = 0.2126 R + 0.7152 G + 0.0722 B",
			"latents 0..3: Y of the samples of a 2x2 cell in reading order",
			"latents 4, 5: the cell's means of (B-Y)/1.8556 and (R-Y)/1.5748",
			"decoding: R = Y + 1.5748 Cr, B = Y + 1.8556 Cb, G = (Y - 0.2126 R - 0.0722 B)/0.7152",
		},
		Guidance: []string{
			"result = igs*I + (gs/9)*(D - 1.5*I) in latents, without a negative prompt",
			"I: the picture; D: its repaint in the last colour the prompt names, or I",
		},
		Repaint: []string{
			"Z = (Y+1)/2 - 1/2; Z' = clip(y + below*min(Z,0) + above*max(Z,0), 0, 1); m = mean of the cell's Z'",
			"D's latents 0..3: 2 Z' - 1; 4, 5: (cb, cr) * min(m/y, (1-m)/(1-y))",
		},
		Colours: map[string]colourNotes{},
	}
	round := func(x float64) float64 { return math.Round(x*1e6) / 1e6 }
	for i, c := range palette {
		p := paintOf(c.target)
		n.Colours[c.words[0]] = colourNotes{
			Words: c.words, Channel: i, SRGB: c.target.String(), Luma: round(p.luma), Cb: round(p.cb), Cr: round(p.cr),
			Below: round(p.below), Above: round(p.above),
		}
	}
	return n
}

// String writes the colour as #rrggbb.
func (c rgb) String() string {
	var b [3]byte
	for i, v := range c {
		b[i] = byte(math.Round(v * 255))
	}
	return fmt.Sprintf("#%x", b)
}
