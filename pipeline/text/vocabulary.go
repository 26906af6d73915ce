package text

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"uredit/pipeline/fault"
)

// Vocabulary is what networks with a fixed list of concepts say of themselves, so
// that a prompt beyond it is an error and no work for nothing. Without words
// every prompt is good.
type Vocabulary struct {
	Words      []string `json:"words"`       // lower case; each names something, alone or with its neighbour
	PassedOver []string `json:"passed_over"` // words without a meaning to the networks
	About      string   `json:"about"`       // for users: what can be named
}

// Words returns the words of a prompt in lower case: its runs of letters and
// digits.
func Words(prompt string) []string {
	return strings.FieldsFunc(strings.ToLower(prompt), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// Check refuses a prompt with a word that is not known, and one that names
// nothing, by a fault of code UnknownWords. key is what the request calls the prompt.
func (v Vocabulary) Check(key, prompt string) error {
	if len(v.Words) == 0 {
		return nil
	}
	var unknown []string
	named := false
	for _, w := range Words(prompt) {
		switch {
		case slices.Contains(v.Words, w):
			named = true
		case !slices.Contains(v.PassedOver, w):
			unknown = append(unknown, strconv.Quote(w))
		}
	}
	hint := "these models know " + v.About
	switch {
	case len(unknown) > 0:
		return fault.New(fault.UnknownWords, hint,
			fmt.Errorf("%s %q: the models do not know %s", key, prompt, strings.Join(unknown, ", ")))
	case !named:
		return fault.New(fault.UnknownWords, hint, fmt.Errorf("%s %q names nothing that the models know", key, prompt))
	}
	return nil
}
