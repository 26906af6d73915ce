// Package text turns a prompt into the token ids that CLIP's text encoder was
// trained on: lower case, CLIP's split into words, byte pair encoding. It reads
// the files that a Hugging Face tokenizer folder holds and knows no network.
package text

import (
	"iter"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// Bounds of the word cache. A longer word is rare and costs little to encode
// again.
const (
	cacheWords    = 4096
	cacheWordSize = 64 // bytes
)

// Tokenizer encodes text as one CLIP vocabulary does. It may be used by several
// goroutines at once.
type Tokenizer struct {
	symbols symbols
	merges  map[pair]merge

	begin, end, pad int32
	special         []spelled // what a prompt may name, the longest first
	maxLength       int

	mu    sync.Mutex
	cache map[string][]int32
}

// symbols holds the id of each single byte, inside a word and at its end.
type symbols struct {
	inner, last [256]int32
}

// spelled is a token that carries no text and how it is written in a prompt.
type spelled struct {
	spelling string
	id       int32
}

// MaxLength returns the number of tokens that the folder says the text encoder
// takes, or 0 when it does not say.
func (t *Tokenizer) MaxLength() int { return t.maxLength }

// Encode returns exactly length ids: the begin token, the tokens of s, the end
// token and padding. attention is 1 up to and including the end token and 0 for
// padding. Words that do not fit are cut off and returned in cut, in lower case;
// a word of which only a part fits counts as cut. A length below 2 has no room
// for both frame tokens and returns what fits.
func (t *Tokenizer) Encode(s string, length int) (ids, attention []int64, cut []string) {
	length = max(length, 0)
	room := max(length-2, 0)
	ids = make([]int64, 0, length+2)
	ids = append(ids, int64(t.begin))
	for word, special := range t.words(s) {
		if cut != nil {
			cut = append(cut, word)
			continue
		}
		tokens := []int32{special}
		if special == noSpecial {
			tokens = t.word(word)
		}
		if fits := room - (len(ids) - 1); len(tokens) > fits {
			tokens = tokens[:fits]
			cut = append(cut, word)
		}
		for _, id := range tokens {
			ids = append(ids, int64(id))
		}
	}
	ids = append(ids, int64(t.end))
	if len(ids) > length {
		ids = ids[:length]
	}
	attention = make([]int64, length)
	for i := range ids {
		attention[i] = 1
	}
	for len(ids) < length {
		ids = append(ids, int64(t.pad))
	}
	return ids, attention, cut
}

// noSpecial stands for the id of a special token where there is none.
const noSpecial = -1

// words splits a prompt into words and the ids of special tokens, noSpecial for
// plain words. Special tokens are found before all else, as they are spelled.
func (t *Tokenizer) words(s string) iter.Seq2[string, int32] {
	return func(yield func(string, int32) bool) {
		for {
			at, found := t.findSpecial(s)
			for word := range split(normalize(s[:at])) {
				if !yield(word, noSpecial) {
					return
				}
			}
			if found.spelling == "" || !yield(found.spelling, found.id) {
				return
			}
			s = s[at+len(found.spelling):]
		}
	}
}

// findSpecial returns the first special token in s and where it is, or the end
// of s.
func (t *Tokenizer) findSpecial(s string) (at int, found spelled) {
	at = len(s)
	for _, special := range t.special {
		if i := strings.Index(s, special.spelling); i >= 0 && i < at {
			at, found = i, special
		}
	}
	return at, found
}

// normalize composes characters and brings them to lower case. White space is
// dropped by split, so it need not be collapsed here.
func normalize(s string) string {
	s = norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD"))
	// A Caser keeps state and may not be shared. Unlike strings.ToLower it knows
	// the mappings of one letter to two. The tokenizers that are followed here
	// look at each letter alone, so a sigma at a word's end is as any other.
	return cases.Lower(language.Und, cases.HandleFinalSigma(false)).String(s)
}

// split splits normalized text as CLIP's pattern does: English contractions,
// runs of letters, single digits, runs of anything else but white space. Runs of
// white space separate words and vanish. The pattern names the frame tokens too;
// what is one only in lower case is three words, which end where it ends.
func split(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		name := 0 // bytes left of a frame token's name
		for s != "" {
			for _, frame := range [...]string{defaultBegin, defaultEnd} {
				if strings.HasPrefix(s, frame) {
					name = len(frame)
				}
			}
			rest := s
			if name > 0 {
				rest = s[:name]
			}
			n := wordLength(rest)
			if n == 0 {
				_, n = utf8.DecodeRuneInString(rest)
			} else if !yield(rest[:n]) {
				return
			}
			s, name = s[n:], max(name-n, 0)
		}
	}
}

// wordLength returns the number of bytes of the word s starts with, 0 at white
// space.
func wordLength(s string) int {
	for _, fixed := range [...]string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
		if strings.HasPrefix(s, fixed) {
			return len(fixed)
		}
	}
	first, size := utf8.DecodeRuneInString(s)
	switch {
	case unicode.IsSpace(first):
		return 0
	case unicode.IsLetter(first):
		return run(s, unicode.IsLetter)
	case unicode.IsNumber(first):
		return size
	default:
		return run(s, func(r rune) bool {
			return !unicode.IsSpace(r) && !unicode.IsLetter(r) && !unicode.IsNumber(r)
		})
	}
}

// run returns the number of bytes at the start of s whose characters are all in
// the class.
func run(s string, in func(rune) bool) int {
	if i := strings.IndexFunc(s, func(r rune) bool { return !in(r) }); i >= 0 {
		return i
	}
	return len(s)
}

// word returns the tokens of one word. The caller must not write to them.
func (t *Tokenizer) word(w string) []int32 {
	t.mu.Lock()
	tokens, ok := t.cache[w]
	t.mu.Unlock()
	if ok {
		return tokens
	}
	tokens = t.encodeWord(w)
	if len(w) > cacheWordSize {
		return tokens
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.cache) >= cacheWords {
		clear(t.cache)
	}
	t.cache[strings.Clone(w)] = slices.Clip(tokens)
	return tokens
}

// encodeWord is word without the cache.
func (t *Tokenizer) encodeWord(w string) []int32 {
	tokens := make([]int32, len(w))
	for i := range len(w) {
		tokens[i] = t.symbols.inner[w[i]]
	}
	tokens[len(w)-1] = t.symbols.last[w[len(w)-1]]
	return mergePairs(tokens, t.merges)
}
