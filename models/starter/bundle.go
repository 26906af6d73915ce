// Package starter makes a bundle from small trained networks that the package
// registries serve: a detector of 80 nouns and a network that finds one
// object's edges, joined with the built-in bundle's names of colours and its
// editor. docs/starter.md says what it can do and where the networks come from.
package starter

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"uredit/models"
	"uredit/models/bpe"
	"uredit/models/colours"
)

const (
	bundleName = "starter"
	licence    = "Apache-2.0, the networks and what was made of them; the rest as the source of uredit. NOTICE has every source."
	about      = "Small trained networks for a first day without the real checkpoints: finds 80 kinds of things and colours, " +
		"and repaints them in a colour or in the style of a painting. The editor's colours are the built-in bundle's, analytic " +
		"and not trained; its styles are a trained network."
)

// config is sam3.json: the contract "sam3-video/1" without a tracker.
type config struct {
	Format     string     `json:"format"`
	Semantics  string     `json:"semantics"`
	ImageSize  int        `json:"image_size"`
	LowRes     int        `json:"low_res"`
	Hidden     int64      `json:"hidden"`
	TextLength int        `json:"text_len"`
	PadID      int        `json:"pad_id"`
	BOS        int        `json:"bos"`
	EOS        int        `json:"eos"`
	Mean       [3]float64 `json:"mean"`
	Std        [3]float64 `json:"std"`
	Resize     string     `json:"resize"`
	Vocabulary vocabulary `json:"vocabulary"`
	Thresholds thresholds `json:"thresholds"`
	Keyframes  keyframes  `json:"keyframes"`
}

// vocabulary is what prompts may say, of masks in sam3.json, of edits in a file of
// its own; the host refuses others with About.
type vocabulary struct {
	About      string   `json:"about"`
	Words      []string `json:"words"`
	PassedOver []string `json:"passed_over"`
}

// keyframes spares the networks that draw edges: the host moves masks from every
// Interval-th picture to those between. Prompts of colours alone are quick.
type keyframes struct {
	Interval int      `json:"interval"`
	Words    []string `json:"words"`
}

type thresholds struct {
	Score    float64 `json:"score_threshold_detection"`
	NMS      float64 `json:"det_nms_thresh"`
	HoleArea int     `json:"fill_hole_area"`
}

// build returns the bundle's files by slash-separated path. notice is the text of
// NOTICE.
func build(n networks, notice string) (map[string][]byte, error) {
	builtin := models.BuiltinFiles()
	data, err := fs.ReadFile(builtin, models.ManifestName)
	if err != nil {
		return nil, err
	}
	manifest, err := models.ParseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("read the built-in bundle: %w", err)
	}
	s := sources{networks: n}
	for name, to := range map[string]*[]byte{"sam3/vision_encoder.onnx": &s.colours, "sam3/detector.onnx": &s.surfaces} {
		if *to, err = fs.ReadFile(builtin, name); err != nil {
			return nil, err
		}
	}
	x, err := readLexicon(manifest)
	if err != nil {
		return nil, err
	}
	b := bundle{files: map[string][]byte{"NOTICE": []byte(notice)}, graphs: map[string]models.Signature{}}
	if err := b.segmenter(x, s); err != nil {
		return nil, err
	}
	if err := b.editor(x, n.styles); err != nil {
		return nil, err
	}
	b.files[models.ManifestName] = b.manifest()
	return b.files, nil
}

// bundle is one under construction.
type bundle struct {
	files  map[string][]byte
	graphs map[string]models.Signature
}

func (b *bundle) graph(name string, g ops) {
	b.files[name] = g.Marshal(map[string]string{"about": about})
	in, out := g.Signature()
	b.graphs[name] = models.Signature{Inputs: in, Outputs: out}
}

// segmenter writes sam3/.
func (b *bundle) segmenter(x *lexicon, s sources) error {
	v := bpe.Train(x.words())
	vision, err := visionEncoder(s.detector)
	if err != nil {
		return err
	}
	masks, err := detector(x, s)
	if err != nil {
		return err
	}
	b.graph("sam3/text_encoder.onnx", textEncoder(x, v))
	b.graph("sam3/vision_encoder.onnx", vision)
	b.graph("sam3/detector.onnx", masks)
	for name, data := range v.Files(textLength) {
		b.files["sam3/"+name] = data
	}
	end := v.ID(bpe.EndOfText)
	b.files["sam3/sam3.json"] = models.EncodeJSON(config{
		Format: "sam3-video/1", Semantics: "hf",
		ImageSize: imageSize, LowRes: imageSize, Hidden: featureCount(x),
		TextLength: textLength, PadID: end, BOS: v.ID(bpe.StartOfText), EOS: end,
		Std: [3]float64{1, 1, 1}, Resize: "bilinear_aa",
		Vocabulary: vocabulary{About: x.about(), Words: x.meaning(), PassedOver: slices.Concat(x.Separators, x.PassedOver)},
		Thresholds: thresholds{Score: leastScore, NMS: overlap, HoleArea: 64},
		Keyframes:  keyframes{Interval: 3, Words: x.nameWords()},
	})
	return nil
}

// texture is the slope with which a repaint keeps what stands out from its
// surroundings: fur stays fur.
const texture = 0.8

// editor writes pix2pix/. network paints in styles, ONNX.
func (b *bundle) editor(x *lexicon, network []byte) error {
	s, err := readStyles()
	if err != nil {
		return err
	}
	finish, err := s.finish(network)
	if err != nil {
		return err
	}
	files, graphs, err := colours.Editor(texture, finish)
	if err != nil {
		return err
	}
	for name, data := range files {
		b.files["pix2pix/"+name] = data
	}
	for name, s := range graphs {
		b.graphs["pix2pix/"+name] = s
	}
	known := s.words()
	for _, c := range x.colours {
		known = append(known, c.words...)
	}
	slices.Sort(known)
	b.files["pix2pix/vocabulary.json"] = models.EncodeJSON(vocabulary{
		About: s.about(x), Words: known, PassedOver: slices.Concat(x.words(), colours.PromptWords(), s.PassedOver),
	})
	return nil
}

func (b *bundle) manifest() []byte {
	m := models.Manifest{
		Format: models.Format, Name: bundleName, Licence: licence, About: about,
		Files: map[string]models.File{}, Graphs: b.graphs,
		Notes: json.RawMessage(models.EncodeJSON(notes{Recipe: recipe})),
	}
	for name, data := range b.files {
		sum := sha256.Sum256(data)
		m.Files[name] = models.File{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data))}
	}
	return models.EncodeJSON(m)
}
