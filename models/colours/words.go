package colours

import (
	_ "embed"
	"strings"
)

// promptWords are words of prompts that are worth a token of their own beside
// the palette's.
//
//go:embed words.txt
var promptWords string

// allWords returns the words that get a token of their own.
func allWords(palette []colour) []string {
	words := strings.Fields(promptWords)
	for _, c := range palette {
		words = append(words, c.words...)
	}
	return words
}
