package colours

import (
	"bytes"
	_ "embed"
	"encoding/json"
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

// encodeJSON writes v indented, with its keys in order. All values here can be
// encoded.
func encodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}
