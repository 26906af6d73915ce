// Package bpe makes byte-level BPE vocabularies in which chosen words are one
// token each, and writes them as the tokenizer files of CLIP.
package bpe

import (
	"bytes"
	"slices"
	"strings"

	"uredit/models"
)

// Names of the special tokens, as CLIP has them.
const (
	StartOfText = "<|startoftext|>"
	EndOfText   = "<|endoftext|>"
	endOfWord   = "</w>"
)

// Vocabulary is a byte-level BPE vocabulary in CLIP's layout: 256 bytes, 256
// bytes that end a word, one token for each merge, start and end of text.
type Vocabulary struct {
	Tokens []string // by id
	merges [][2]string
}

// Train merges until each of the words is one token. All words weigh the
// same; the most frequent pair is merged first, the first in order of bytes
// among equals. Encoding a word repeats the merges that made it, so it comes
// out as its one token.
func Train(words []string) Vocabulary {
	var v Vocabulary
	for _, suffix := range []string{"", endOfWord} {
		for _, r := range byteSymbols() {
			v.Tokens = append(v.Tokens, string(r)+suffix)
		}
	}
	words = slices.Clone(words)
	slices.Sort(words)
	var split [][]string
	for _, w := range slices.Compact(words) {
		symbols := strings.Split(w, "")
		symbols[len(symbols)-1] += endOfWord
		split = append(split, symbols)
	}
	for {
		pair, ok := commonest(split)
		if !ok {
			break
		}
		v.merges = append(v.merges, pair)
		v.Tokens = append(v.Tokens, pair[0]+pair[1])
		for i := range split {
			split[i] = merge(split[i], pair)
		}
	}
	v.Tokens = append(v.Tokens, StartOfText, EndOfText)
	return v
}

// commonest returns the most frequent pair of neighbours.
func commonest(split [][]string) (best [2]string, ok bool) {
	count := map[[2]string]int{}
	for _, symbols := range split {
		for i := range len(symbols) - 1 {
			count[[2]string{symbols[i], symbols[i+1]}]++
		}
	}
	for pair, n := range count {
		if !ok || n > count[best] || n == count[best] && slices.Compare(pair[:], best[:]) < 0 {
			best, ok = pair, true
		}
	}
	return best, ok
}

func merge(symbols []string, pair [2]string) []string {
	var out []string
	for i := 0; i < len(symbols); i++ {
		if i+1 < len(symbols) && symbols[i] == pair[0] && symbols[i+1] == pair[1] {
			out = append(out, pair[0]+pair[1])
			i++
			continue
		}
		out = append(out, symbols[i])
	}
	return out
}

// byteSymbols returns the printable character that stands for each byte, in
// CLIP's order of ids: printable bytes stand for themselves and come first.
func byteSymbols() []rune {
	var printable, shifted []rune
	for b := range rune(256) {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			printable = append(printable, b)
		} else {
			shifted = append(shifted, rune(256+len(shifted)))
		}
	}
	return append(printable, shifted...)
}

// ID returns the token's id, or -1.
func (v Vocabulary) ID(token string) int { return slices.Index(v.Tokens, token) }

// Word returns the id of the token that is the whole word, or -1.
func (v Vocabulary) Word(w string) int { return v.ID(w + endOfWord) }

// Files returns the tokenizer's files by name, for texts of at most length tokens.
func (v Vocabulary) Files(length int) map[string][]byte {
	var vocab, merges bytes.Buffer
	for id, token := range v.Tokens {
		separator := ",\n"
		if id == 0 {
			separator = "{\n"
		}
		key := models.EncodeJSON(token)
		vocab.WriteString(separator)
		vocab.Write(bytes.TrimSpace(key))
		vocab.WriteString(": " + string(bytes.TrimSpace(models.EncodeJSON(id))))
	}
	vocab.WriteString("\n}\n")
	merges.WriteString("#version: 0.2\n")
	for _, pair := range v.merges {
		merges.WriteString(pair[0] + " " + pair[1] + "\n")
	}
	special := map[string]string{
		"bos_token": StartOfText, "eos_token": EndOfText, "pad_token": EndOfText, "unk_token": EndOfText,
	}
	config := map[string]any{
		"tokenizer_class": "CLIPTokenizer", "add_prefix_space": false, "do_lower_case": true,
		"errors": "replace", "model_max_length": length,
	}
	for key, token := range special {
		config[key] = token
	}
	return map[string][]byte{
		"vocab.json":              vocab.Bytes(),
		"merges.txt":              merges.Bytes(),
		"tokenizer_config.json":   models.EncodeJSON(config),
		"special_tokens_map.json": models.EncodeJSON(special),
	}
}
