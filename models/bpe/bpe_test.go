package bpe

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"uredit/pipeline/text"
)

// textLength is the longest text of the tokenizer under test, in tokens.
const textLength = 77

// words share beginnings, ends and letters.
var words = strings.Fields("red blue green redder make the car cart carpet in into ball x a of naive")

// tokenizer writes the vocabulary's files and reads them as a host does.
func tokenizer(t testing.TB, v Vocabulary) *text.Tokenizer {
	t.Helper()
	dir := t.TempDir()
	for name, data := range v.Files(textLength) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tok, err := text.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestEveryWordIsOneToken(t *testing.T) {
	v := Train(words)
	tok := tokenizer(t, v)
	if tok.MaxLength() != textLength {
		t.Errorf("length %d, want %d", tok.MaxLength(), textLength)
	}
	for _, w := range words {
		ids, _, _ := tok.Encode(strings.ToUpper(w), 4)
		want := []int64{int64(v.ID(StartOfText)), int64(v.Word(w)), int64(v.ID(EndOfText)), int64(v.ID(EndOfText))}
		if !slices.Equal(ids, want) {
			t.Errorf("%q is %v, want %v", w, ids, want)
		}
	}
}

// FuzzTokensSpellTheText: what the tokens spell is the text without spaces.
func FuzzTokensSpellTheText(f *testing.F) {
	v := Train(words)
	tok := tokenizer(f, v)
	bytesOf := map[rune]byte{}
	order := append(byteRange('!', '~'), append(byteRange(0xa1, 0xac), byteRange(0xae, 0xff)...)...)
	for b := range 256 {
		if !slices.Contains(order, byte(b)) {
			order = append(order, byte(b))
		}
	}
	for i, r := range byteSymbols() {
		bytesOf[r] = order[i]
	}
	f.Add("make the red car blue")
	f.Add("reddish, bluered; 3 naïve 日本 balls!")
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 200 || !isPlain(s) {
			t.Skip()
		}
		ids, attention, cut := tok.Encode(s, 512)
		if len(cut) > 0 {
			t.Skip()
		}
		var spelt []byte
		for i, id := range ids {
			token := v.Tokens[id]
			if attention[i] == 0 || token == StartOfText || token == EndOfText {
				continue
			}
			for _, r := range strings.TrimSuffix(token, endOfWord) {
				spelt = append(spelt, bytesOf[r])
			}
		}
		if want := strings.Join(strings.Fields(s), ""); string(spelt) != want {
			t.Errorf("%q spells %q, want %q", s, spelt, want)
		}
	})
}

func byteRange(from, to byte) []byte {
	var all []byte
	for b := int(from); b <= int(to); b++ {
		all = append(all, byte(b))
	}
	return all
}

// isPlain reports whether CLIP's clean-up leaves s as it is: normal form,
// case, spaces and special tokens are the host's business.
func isPlain(s string) bool {
	if !utf8.ValidString(s) || strings.Contains(s, "<|") || strings.Contains(s, "&") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r > 0x7f && !strings.ContainsRune("ïé日本", r) || r < ' ' || r == 0x7f || r >= 'A' && r <= 'Z'
	})
}
