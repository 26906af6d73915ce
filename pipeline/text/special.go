package text

import (
	"encoding/json"
	"fmt"
	"slices"
)

// CLIP's names for its frame tokens.
const (
	defaultBegin = "<|startoftext|>"
	defaultEnd   = "<|endoftext|>"
)

// specialTokens are the spellings of the tokens that carry no text; "" where a
// folder does not say.
type specialTokens struct {
	Begin   specialToken `json:"bos_token"`
	End     specialToken `json:"eos_token"`
	Pad     specialToken `json:"pad_token"`
	Unknown specialToken `json:"unk_token"`
}

// specialToken is a token's spelling. The files hold it as a string or as an
// object with the key content, or as null.
type specialToken string

// UnmarshalJSON accepts both spellings.
func (s *specialToken) UnmarshalJSON(data []byte) error {
	var object struct {
		Content string `json:"content"`
	}
	if len(data) > 0 && data[0] == '{' {
		err := json.Unmarshal(data, &object)
		*s = specialToken(object.Content)
		return err
	}
	return json.Unmarshal(data, (*string)(s))
}

// or returns the first that is set.
func (s specialToken) or(others ...specialToken) specialToken {
	for _, o := range others {
		if s != "" {
			break
		}
		s = o
	}
	return s
}

// loadSpecial reads the two optional files that name special tokens, and the
// length that the text encoder takes, 0 when unknown.
func loadSpecial(dir string) (special specialTokens, maxLength int, err error) {
	var config struct {
		specialTokens
		// Some exports write 1e30 for "no limit", which is no integer.
		MaxLength float64 `json:"model_max_length"`
	}
	if err := readJSON(dir, specialFile, &special); err != nil {
		return special, 0, err
	}
	if err := readJSON(dir, configFile, &config); err != nil {
		return special, 0, err
	}
	special.Begin = special.Begin.or(config.Begin, defaultBegin)
	special.End = special.End.or(config.End, defaultEnd)
	special.Pad = special.Pad.or(config.Pad, special.End)
	special.Unknown = special.Unknown.or(config.Unknown)
	const unlimited = 1 << 16
	if config.MaxLength >= 2 && config.MaxLength < unlimited {
		maxLength = int(config.MaxLength)
	}
	return special, maxLength, nil
}

// readJSON decodes an optional file.
func readJSON(dir, name string, to any) error {
	data, err := read(dir, name)
	if err != nil {
		return present(err)
	}
	return invalid(dir, name, json.Unmarshal(data, to))
}

// build checks the parts of a folder against each other and makes the tables
// that Encode reads.
func build(v *vocabulary, special specialTokens) (*Tokenizer, error) {
	t := &Tokenizer{
		merges:  make(map[pair]merge, len(v.merges)),
		special: special.spelled(v.ids),
		cache:   make(map[string][]int32),
	}
	for _, want := range []struct {
		name  string
		token specialToken
		id    *int32
	}{{"begin", special.Begin, &t.begin}, {"end", special.End, &t.end}, {"padding", special.Pad, &t.pad}} {
		id, ok := v.ids[string(want.token)]
		if !ok {
			return nil, fmt.Errorf("the %s token %q is not in the vocabulary", want.name, want.token)
		}
		*want.id = id
	}
	if err := t.symbols.fill(v.ids, special.Unknown); err != nil {
		return nil, err
	}
	for rank, m := range v.merges {
		left, okLeft := v.ids[m[0]]
		right, okRight := v.ids[m[1]]
		id, okBoth := v.ids[m[0]+m[1]]
		if !okLeft || !okRight || !okBoth {
			return nil, fmt.Errorf("%s: merge %d of %q and %q uses or makes a token that is not in the vocabulary",
				v.file, rank+1, m[0], m[1])
		}
		p := pair{left, right}
		if _, ok := t.merges[p]; ok {
			return nil, fmt.Errorf("%s: merge %d of %q and %q is there twice", v.file, rank+1, m[0], m[1])
		}
		t.merges[p] = merge{rank: int32(rank), id: id}
	}
	return t, nil
}

// spelled returns the tokens as they are looked for in a prompt: the longest
// first, each once.
func (s specialTokens) spelled(ids map[string]int32) []spelled {
	var list []spelled
	for _, token := range []specialToken{s.Begin, s.End, s.Pad, s.Unknown} {
		special := spelled{spelling: string(token), id: ids[string(token)]}
		if _, known := ids[string(token)]; known && token != "" && !slices.Contains(list, special) {
			list = append(list, special)
		}
	}
	slices.SortStableFunc(list, func(a, b spelled) int { return len(b.spelling) - len(a.spelling) })
	return list
}

// fill looks up the 256 bytes in both positions. A vocabulary that lacks some,
// as small ones do, needs a token for unknown text.
func (s *symbols) fill(ids map[string]int32, unknown specialToken) error {
	unknownID, hasUnknown := ids[string(unknown)]
	for b, r := range byteRunes() {
		for _, want := range []struct {
			token string
			id    *int32
		}{{string(r), &s.inner[b]}, {string(r) + endOfWord, &s.last[b]}} {
			id, ok := ids[want.token]
			if !ok && !hasUnknown {
				return fmt.Errorf("byte 0x%02x (%q) is not in the vocabulary and there is no unk_token", b, want.token)
			}
			if !ok {
				id = unknownID
			}
			*want.id = id
		}
	}
	return nil
}

// byteRunes returns the printable character that stands for each byte in a byte
// level vocabulary: Latin-1 stands for itself where it is printable, the other
// 68 bytes take the characters from U+0100 on, in order.
func byteRunes() (runes [256]rune) {
	next := rune(0x100)
	for b := range rune(256) {
		if '!' <= b && b <= '~' || '¡' <= b && b <= '¬' || '®' <= b && b <= 'ÿ' {
			runes[b] = b
			continue
		}
		runes[b] = next
		next++
	}
	return runes
}
