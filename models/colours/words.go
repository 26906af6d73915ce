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

// PromptWords returns words that prompts of edits have beside a colour, which mean
// nothing to the editor.
func PromptWords() []string { return strings.Fields(promptWords) }

// allWords returns the words that get a token of their own.
func allWords(palette []colour) []string {
	words := PromptWords()
	for _, c := range palette {
		words = append(words, c.words...)
	}
	return words
}
