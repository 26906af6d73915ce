package text

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uredit/pipeline/fault"
)

// small is a vocabulary of a few tokens; every other byte is unknown text.
func small() map[string]string {
	return map[string]string{
		vocabFile:   `{"<|startoftext|>":0,"<|endoftext|>":1,"a":2,"a</w>":3,"b":4,"b</w>":5,"ab</w>":6,"?":7}`,
		mergesFile:  "#version: 0.2\na b</w>\n",
		specialFile: `{"unk_token":"?"}`,
	}
}

func TestSmallVocabulary(t *testing.T) {
	tok := load(t, small())
	ids, _, _ := tok.Encode("ab ba z", 8)
	want := []int64{0, 6, 4, 3, 7, 1, 1, 1}
	for i := range want {
		if ids[i] != want[i] {
			t.Fatalf("ids %v, want %v", ids, want)
		}
	}
}

func TestBrokenFolders(t *testing.T) {
	const whole = `{"model":{"type":"BPE","end_of_word_suffix":"</w>","vocab":{"<|startoftext|>":0,"<|endoftext|>":1},"merges":[]}}`
	for _, tt := range []struct {
		name  string
		files map[string]string // laid over small(); "-" removes
		code  string
		says  []string
	}{
		{"no vocab", map[string]string{vocabFile: "-"}, fault.ModelMissing, []string{vocabFile, wholeFile}},
		{"no merges", map[string]string{mergesFile: "-"}, fault.ModelMissing, []string{mergesFile, wholeFile}},
		{"nothing", map[string]string{vocabFile: "-", mergesFile: "-"}, fault.ModelMissing, []string{vocabFile, mergesFile, wholeFile}},
		{"vocab no JSON", map[string]string{vocabFile: "version https://git-lfs"}, fault.ModelInvalid, []string{vocabFile}},
		{"vocab cut", map[string]string{vocabFile: `{"a":2,`}, fault.ModelInvalid, []string{vocabFile}},
		{"vocab empty", map[string]string{vocabFile: `{}`}, fault.ModelInvalid, []string{vocabFile, "empty"}},
		{"fractional id", map[string]string{vocabFile: `{"a":2.5}`}, fault.ModelInvalid, []string{vocabFile}},
		{"negative id", map[string]string{vocabFile: `{"a":-1}`}, fault.ModelInvalid, []string{vocabFile, "-1"}},
		{"huge id", map[string]string{vocabFile: `{"a":2000000000}`}, fault.ModelInvalid, []string{vocabFile, "2000000000"}},
		{"one id twice", map[string]string{vocabFile: `{"a":1,"b":1}`}, fault.ModelInvalid, []string{vocabFile, `"a" and "b"`}},
		{"no end token", map[string]string{vocabFile: `{"<|startoftext|>":0}`}, fault.ModelInvalid, []string{"end token", defaultEnd}},
		{"unknown pad", map[string]string{specialFile: `{"unk_token":"?","pad_token":"[PAD]"}`}, fault.ModelInvalid, []string{"[PAD]"}},
		{"no unknown token", map[string]string{specialFile: `{}`}, fault.ModelInvalid, []string{"0x00", "unk_token"}},
		{"merge of one", map[string]string{mergesFile: "#version: 0.2\nab\n"}, fault.ModelInvalid, []string{mergesFile, "line 2"}},
		{"merge of three", map[string]string{mergesFile: "a b</w>\na b c\n"}, fault.ModelInvalid, []string{mergesFile, "line 2"}},
		{"merge of strangers", map[string]string{mergesFile: "a x\n"}, fault.ModelInvalid, []string{mergesFile, "merge 1", `"x"`}},
		{"merge twice", map[string]string{mergesFile: "a b</w>\na b</w>\n"}, fault.ModelInvalid, []string{mergesFile, "twice"}},
		{"special no JSON", map[string]string{specialFile: "["}, fault.ModelInvalid, []string{specialFile}},
		{"special of a wrong type", map[string]string{specialFile: `{"pad_token":7}`}, fault.ModelInvalid, []string{specialFile}},
		{"config no JSON", map[string]string{configFile: "["}, fault.ModelInvalid, []string{configFile}},
		{"whole no JSON", map[string]string{vocabFile: "-", wholeFile: "{"}, fault.ModelInvalid, []string{wholeFile}},
		{"whole of another kind", map[string]string{vocabFile: "-", wholeFile: `{"model":{"type":"WordPiece"}}`},
			fault.ModelInvalid, []string{wholeFile, "WordPiece"}},
		{"whole with a broken merge", map[string]string{vocabFile: "-", wholeFile: strings.Replace(whole, `[]`, `[["a"]]`, 1)},
			fault.ModelInvalid, []string{wholeFile, "merges[0]"}},
		{"whole with a merge of another type", map[string]string{vocabFile: "-", wholeFile: strings.Replace(whole, `[]`, `[7]`, 1)},
			fault.ModelInvalid, []string{wholeFile, "merges[0]"}},
		{"whole that contradicts itself", map[string]string{vocabFile: "-",
			wholeFile: strings.TrimSuffix(whole, "}") + `,"added_tokens":[{"id":5,"content":"<|endoftext|>"}]}`},
			fault.ModelInvalid, []string{wholeFile, "added token"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := small()
			for name, data := range tt.files {
				files[name] = data
				if data == "-" {
					delete(files, name)
				}
			}
			_, err := Load(folder(t, files))
			if err == nil {
				t.Fatal("no error")
			}
			if f := fault.Of(err); f.Code != tt.code || f.Hint == "" {
				t.Errorf("code %q, hint %q: %v; want code %q and a hint", f.Code, f.Hint, err, tt.code)
			}
			for _, s := range tt.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
		})
	}
}

func TestAddedTokens(t *testing.T) {
	const whole = `{"model":{"type":"BPE","end_of_word_suffix":"</w>","vocab":{"a":2,"a</w>":3},"merges":[]},
		"added_tokens":[{"id":0,"content":"<|startoftext|>"},{"id":9,"content":"<|endoftext|>"}]}`
	tok := load(t, map[string]string{wholeFile: whole, configFile: `{"unk_token":"<|endoftext|>"}`})
	if ids, _, _ := tok.Encode("a", 4); ids[0] != 0 || ids[1] != 3 || ids[2] != 9 || ids[3] != 9 {
		t.Errorf("ids %v, want [0 3 9 9]", ids)
	}
}

func TestUnreadableFile(t *testing.T) {
	dir := folder(t, small())
	// A folder in a file's place cannot be read by anyone, root included.
	path := filepath.Join(dir, mergesFile)
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	_, err := Load(dir)
	if fault.Of(err).Code != fault.ModelMissing || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), mergesFile) {
		t.Errorf("error %v, want one that names %s", err, mergesFile)
	}
}
