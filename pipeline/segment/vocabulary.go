package segment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"uredit/pipeline/fault"
)

// vocabulary is what a network with a fixed list of concepts says of itself, so
// that a prompt beyond it is an error and no search for nothing. Without words
// every prompt is good.
type vocabulary struct {
	Words      []string `json:"words"`       // lower case; each names something, alone or with its neighbour
	PassedOver []string `json:"passed_over"` // words without a meaning to the network
	About      string   `json:"about"`       // for users: what can be named
}

// check refuses a prompt with a word that is not known, and one that names
// nothing. Words are runs of letters and digits.
func (v vocabulary) check(prompt string) error {
	if len(v.Words) == 0 {
		return nil
	}
	var unknown []string
	named := false
	for _, w := range strings.FieldsFunc(strings.ToLower(prompt), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
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
			fmt.Errorf("mask_prompt %q: the models do not know %s", prompt, strings.Join(unknown, ", ")))
	case !named:
		return fault.New(fault.UnknownWords, hint, fmt.Errorf("mask_prompt %q names nothing", prompt))
	}
	return nil
}
