package starter

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"uredit/models"
)

//go:embed nouns.json
var nounsFile []byte

// classes is the number of classes that the detector numbers; some are unused.
const classes = 90

// noun is a thing that the detector knows, with the words that name it: one
// word, or two with a space between.
type noun struct {
	Name  string   `json:"name"`
	Class int      `json:"class"`
	Words []string `json:"words"`
}

// group is a word for several nouns.
type group struct {
	Words []string `json:"words"`
	Nouns []string `json:"nouns"`
}

// lexicon is what prompts can say.
type lexicon struct {
	Nouns      []noun   `json:"nouns"`
	Groups     []group  `json:"groups"`
	Separators []string `json:"separators"`  // stand between things
	PassedOver []string `json:"passed_over"` // mean nothing

	names   map[string][]int // word or two words → classes
	colours []colour         // by channel
}

// colour is one that the built-in bundle's segmenter knows.
type colour struct {
	name  string
	words []string
}

// decodeStrict reads one of the package's own files, in which a key that v lacks
// is a mistake.
func decodeStrict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// readLexicon joins the nouns with the colours of the built-in bundle.
func readLexicon(builtin *models.Manifest) (*lexicon, error) {
	x := &lexicon{names: map[string][]int{}}
	if err := decodeStrict(nounsFile, x); err != nil {
		return nil, fmt.Errorf("read nouns: %w", err)
	}
	class := map[string]int{}
	for _, n := range x.Nouns {
		class[n.Name] = n.Class
		for _, w := range n.Words {
			if _, twice := x.names[w]; twice {
				return nil, fmt.Errorf("read nouns: %q names two things", w)
			}
			x.names[w] = []int{n.Class}
		}
	}
	for _, g := range x.Groups {
		var all []int
		for _, name := range g.Nouns {
			c, ok := class[name]
			if !ok {
				return nil, fmt.Errorf("read nouns: %q is no noun", name)
			}
			all = append(all, c)
		}
		for _, w := range g.Words {
			x.names[w] = all
		}
	}
	return x, x.readColours(builtin)
}

// readColours takes the colours from the notes in the manifest.
func (x *lexicon) readColours(builtin *models.Manifest) error {
	var notes struct {
		Colours map[string]struct {
			Words   []string `json:"words"`
			Channel int      `json:"channel"`
		} `json:"colours"`
	}
	if err := json.Unmarshal(builtin.Notes, &notes); err != nil {
		return fmt.Errorf("read the built-in bundle's notes: %w", err)
	}
	x.colours = make([]colour, len(notes.Colours))
	for name, c := range notes.Colours {
		if c.Channel < 0 || c.Channel >= len(x.colours) || x.colours[c.Channel].name != "" {
			return fmt.Errorf("read the built-in bundle's notes: colour %s has channel %d", name, c.Channel)
		}
		x.colours[c.Channel] = colour{name, c.Words}
		for _, w := range c.Words {
			if _, taken := x.names[w]; taken {
				return fmt.Errorf("read nouns: %q names a colour", w)
			}
		}
	}
	return nil
}

// words returns each word that a prompt may have, in order.
func (x *lexicon) words() []string {
	all := slices.Concat(x.meaning(), x.Separators, x.PassedOver)
	slices.Sort(all)
	return slices.Compact(all)
}

// nameWords returns the words that name things, in order, the two of a name apart.
func (x *lexicon) nameWords() []string {
	var all []string
	for name := range maps.Keys(x.names) {
		all = append(all, strings.Fields(name)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// meaning returns the words that name something, in order.
func (x *lexicon) meaning() []string {
	all := x.nameWords()
	for _, c := range x.colours {
		all = append(all, c.words...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// pairs returns the names of two words, in order.
func (x *lexicon) pairs() [][2]string {
	var all [][2]string
	for _, name := range slices.Sorted(maps.Keys(x.names)) {
		if first, second, two := strings.Cut(name, " "); two {
			all = append(all, [2]string{first, second})
		}
	}
	return all
}

// about says in a sentence what prompts can name.
func (x *lexicon) about() string {
	var nouns, colours []string
	for _, n := range x.Nouns {
		nouns = append(nouns, n.Name)
	}
	for _, c := range x.colours {
		colours = append(colours, c.name)
	}
	return "things: " + strings.Join(nouns, ", ") + "; colours: " + strings.Join(colours, ", ") +
		`; a colour before a thing, as in "red car"; several with commas`
}
