package text

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Of the file's merges CLIP uses the first 48894: with 512 single bytes and the
// two frame tokens they make 49408 ids.
const (
	clipMerges     = 48894
	clipVocabulary = 49408
	clipBegin      = 49406
	clipEnd        = 49407
)

// clip reads OpenAI's merges once for all tests.
var clip = sync.OnceValues(func() ([]string, error) {
	f, err := os.Open("testdata/bpe_simple_vocab_16e6.txt.gz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var merges []string
	for s := bufio.NewScanner(z); len(merges) <= clipMerges && s.Scan(); {
		merges = append(merges, s.Text())
	}
	return merges[1:], nil
})

// clipVocab numbers the tokens as CLIP does: printable bytes first, the others
// after them, the same at a word's end, the merges in order, the frame tokens.
func clipVocab(merges []string) map[string]int32 {
	vocab := make(map[string]int32)
	add := func(s string) { vocab[s] = int32(len(vocab)) }
	runes := byteRunes()
	slices.SortStableFunc(runes[:], func(a, b rune) int { return int(a) - int(b) })
	for _, suffix := range []string{"", endOfWord} {
		for _, r := range runes {
			add(string(r) + suffix)
		}
	}
	for _, m := range merges {
		add(strings.ReplaceAll(m, " ", ""))
	}
	add(defaultBegin)
	add(defaultEnd)
	return vocab
}

func marshal(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// folder writes files and returns their folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// clipFolder returns the content of a folder with CLIP's whole vocabulary.
func clipFolder(t testing.TB) map[string]string {
	t.Helper()
	merges, err := clip()
	if err != nil {
		t.Fatal(err)
	}
	if len(merges) != clipMerges {
		t.Fatalf("%d merges, want %d", len(merges), clipMerges)
	}
	vocab := clipVocab(merges)
	if len(vocab) != clipVocabulary {
		t.Fatalf("%d tokens, want %d", len(vocab), clipVocabulary)
	}
	return map[string]string{
		vocabFile:  marshal(t, vocab),
		mergesFile: "#version: 0.2\n" + strings.Join(merges, "\n") + "\n",
	}
}

func load(t testing.TB, files map[string]string) *Tokenizer {
	t.Helper()
	tok, err := Load(folder(t, files))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// shared is a tokenizer with CLIP's whole vocabulary, made once for the tests
// that only read it.
var shared = sync.OnceValues(func() (*Tokenizer, error) {
	merges, err := clip()
	if err != nil {
		return nil, err
	}
	v := &vocabulary{file: mergesFile, ids: clipVocab(merges)}
	for _, m := range merges {
		s, err := splitMerge(m)
		if err != nil {
			return nil, err
		}
		v.merges = append(v.merges, s)
	}
	return build(v, specialTokens{Begin: defaultBegin, End: defaultEnd, Pad: defaultEnd})
})

func sharedCLIP(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return tok
}
