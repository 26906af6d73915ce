package colours

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// builtinPalette is the palette of the bundle that is built in, a palette file.
//
//go:embed palette.json
var builtinPalette []byte

// rgb is an sRGB colour, each component 0..1.
type rgb [3]float64

// colour is one name of a palette.
type colour struct {
	words   []string // the name, then its synonyms
	target  rgb      // what an edit paints
	samples []rgb    // what a mask recognises, the target among them
}

// paletteFile is the form of a palette on disk. Colours are written #rrggbb.
type paletteFile struct {
	Colours []struct {
		Name     string   `json:"name"`
		SRGB     string   `json:"srgb"`
		Synonyms []string `json:"synonyms"`
		Samples  []string `json:"samples"`
	} `json:"colours"`
}

// maxColours is what one byte of the table of names can number.
const maxColours = 200

// parsePalette reads a palette file. Each word is a run of lower-case letters:
// it becomes one token.
func parsePalette(data []byte) ([]colour, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var file paletteFile
	if err := d.Decode(&file); err != nil {
		return nil, err
	}
	if n := len(file.Colours); n == 0 || n > maxColours {
		return nil, fmt.Errorf("%d colours, want 1 to %d", n, maxColours)
	}
	var palette []colour
	owner := map[string]string{}
	for _, c := range file.Colours {
		next := colour{words: append([]string{c.Name}, c.Synonyms...)}
		for _, w := range next.words {
			if w == "" || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") != "" {
				return nil, fmt.Errorf("colour %q: %q is no lower-case word", c.Name, w)
			}
			if other, taken := owner[w]; taken {
				return nil, fmt.Errorf("colour %q: %q already names %s", c.Name, w, other)
			}
			owner[w] = c.Name
		}
		for _, text := range append([]string{c.SRGB}, c.Samples...) {
			sample, err := parseRGB(text)
			if err != nil {
				return nil, fmt.Errorf("colour %q: %w", c.Name, err)
			}
			next.samples = append(next.samples, sample)
		}
		next.target = next.samples[0]
		palette = append(palette, next)
	}
	return palette, nil
}

func parseRGB(text string) (rgb, error) {
	digits, ok := strings.CutPrefix(text, "#")
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != 3 {
		return rgb{}, fmt.Errorf("%q is not #rrggbb", text)
	}
	return rgb{float64(b[0]) / 255, float64(b[1]) / 255, float64(b[2]) / 255}, nil
}
