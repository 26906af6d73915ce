package text

import (
	"slices"
	"testing"
)

// FuzzEncode: never a panic, exactly the length asked for, ids of the
// vocabulary, ones then zeros in attention, and the same answer from the cache.
func FuzzEncode(f *testing.F) {
	tok := sharedCLIP(f)
	for _, g := range goldens {
		f.Add(g.text, 77)
	}
	f.Add("<|startoftext|> don't <|endoftext|>'ll", 8)
	f.Add("\xff\xfe\x00", -3)
	f.Fuzz(func(t *testing.T, s string, length int) {
		length %= 512
		ids, attention, cut := tok.Encode(s, length)
		if len(ids) != max(length, 0) || len(attention) != len(ids) {
			t.Fatalf("%d ids and %d attention values, want %d", len(ids), len(attention), length)
		}
		for i, id := range ids {
			if id < 0 || id >= clipVocabulary {
				t.Errorf("id %d", id)
			}
			if a := attention[i]; a != 0 && a != 1 || i > 0 && a > attention[i-1] {
				t.Errorf("attention %v", attention)
			}
		}
		if length >= 2 && (ids[0] != clipBegin || !slices.Contains(ids, clipEnd)) {
			t.Errorf("no frame tokens in %v", ids)
		}
		again, _, cutAgain := tok.Encode(s, length)
		if !slices.Equal(again, ids) || !slices.Equal(cut, cutAgain) {
			t.Errorf("second answer differs")
		}
	})
}

// FuzzLoad: never a panic, and what loads can encode anything.
func FuzzLoad(f *testing.F) {
	files := small()
	f.Add(files[vocabFile], files[mergesFile], files[specialFile], "")
	f.Add("", "", `{"unk_token":{"content":"<|endoftext|>"}}`,
		`{"model":{"type":"BPE","end_of_word_suffix":"</w>","vocab":{"<|startoftext|>":0,"<|endoftext|>":1},"merges":[]}}`)
	f.Fuzz(func(t *testing.T, vocab, merges, special, whole string) {
		files := map[string]string{specialFile: special, wholeFile: whole}
		if vocab != "" {
			files[vocabFile], files[mergesFile] = vocab, merges
		}
		tok, err := Load(folder(t, files))
		if err != nil {
			return
		}
		for _, id := range first(tok.Encode("ab \xff 把 abab <|endoftext|>", 16)) {
			if id < 0 || id >= maxVocabulary {
				t.Errorf("id %d", id)
			}
		}
	})
}

func first(ids, _ []int64, _ []string) []int64 { return ids }

func BenchmarkEncode(b *testing.B) {
	tok := sharedCLIP(b)
	b.ReportAllocs()
	for b.Loop() {
		tok.Encode("give the person a big curly black afro hairstyle", 77)
	}
}
