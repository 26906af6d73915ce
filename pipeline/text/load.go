package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"uredit/pipeline/fault"
)

// Names of the files of a tokenizer folder.
const (
	vocabFile   = "vocab.json"
	mergesFile  = "merges.txt"
	wholeFile   = "tokenizer.json"
	specialFile = "special_tokens_map.json"
	configFile  = "tokenizer_config.json"
)

// maxVocabulary bounds ids; no byte pair vocabulary comes near it.
const maxVocabulary = 1 << 24

// endOfWord marks the last symbol of a word in the vocabulary.
const endOfWord = "</w>"

// Load reads the tokenizer in folder dir: vocab.json and merges.txt, or where
// either is missing tokenizer.json. The frame and padding tokens come from
// special_tokens_map.json, else tokenizer_config.json, else they are CLIP's;
// padding is the end token when neither file names one.
func Load(dir string) (*Tokenizer, error) {
	v, err := loadVocabulary(dir)
	if err != nil {
		return nil, err
	}
	special, maxLength, err := loadSpecial(dir)
	if err != nil {
		return nil, err
	}
	t, err := build(v, special)
	if err != nil {
		return nil, fault.New(fault.ModelInvalid, "export the tokenizer folder again",
			fmt.Errorf("load tokenizer %s: %w", dir, err))
	}
	t.maxLength = maxLength
	return t, nil
}

// vocabulary is what a folder says about tokens, before anything is checked
// across its parts.
type vocabulary struct {
	file   string // where the merges were, for messages
	ids    map[string]int32
	merges [][2]string
}

func loadVocabulary(dir string) (*vocabulary, error) {
	vocab, vocabErr := read(dir, vocabFile)
	merges, mergesErr := read(dir, mergesFile)
	if err := errors.Join(present(vocabErr), present(mergesErr)); err != nil {
		return nil, err
	}
	if vocabErr == nil && mergesErr == nil {
		return parsePair(dir, vocab, merges)
	}
	whole, err := read(dir, wholeFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.ModelMissing, "the folder needs vocab.json and merges.txt, or tokenizer.json",
			fmt.Errorf("load tokenizer: %w", errors.Join(vocabErr, mergesErr, err)))
	}
	if err != nil {
		return nil, err
	}
	v, err := parseWhole(whole)
	return v, invalid(dir, wholeFile, err)
}

func parsePair(dir string, vocab, merges []byte) (*vocabulary, error) {
	v := &vocabulary{file: mergesFile}
	err := json.Unmarshal(vocab, &v.ids)
	if err == nil {
		err = checkIDs(v.ids)
	}
	if err != nil {
		return nil, invalid(dir, vocabFile, err)
	}
	v.merges, err = parseMerges(string(merges))
	return v, invalid(dir, mergesFile, err)
}

// parseMerges reads merges.txt: a line for each pair, its symbols separated by
// one space, after a line that starts with "#version".
func parseMerges(s string) ([][2]string, error) {
	var merges [][2]string
	number := 0
	for line := range strings.Lines(s) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || number == 1 && strings.HasPrefix(line, "#version") {
			continue
		}
		m, err := splitMerge(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		merges = append(merges, m)
	}
	return merges, nil
}

func splitMerge(s string) ([2]string, error) {
	left, right, ok := strings.Cut(s, " ")
	if !ok || left == "" || right == "" || strings.Contains(right, " ") {
		return [2]string{}, fmt.Errorf("%q is not two symbols", s)
	}
	return [2]string{left, right}, nil
}

// parseWhole reads tokenizer.json.
func parseWhole(data []byte) (*vocabulary, error) {
	var file struct {
		Model struct {
			Type   string            `json:"type"`
			Suffix string            `json:"end_of_word_suffix"`
			Vocab  map[string]int32  `json:"vocab"`
			Merges []json.RawMessage `json:"merges"`
		} `json:"model"`
		Added []struct {
			ID      int32  `json:"id"`
			Content string `json:"content"`
		} `json:"added_tokens"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	if file.Model.Type != "BPE" || file.Model.Suffix != endOfWord {
		return nil, fmt.Errorf("model.type is %q and end_of_word_suffix %q, CLIP's are \"BPE\" and %q",
			file.Model.Type, file.Model.Suffix, endOfWord)
	}
	v := &vocabulary{file: wholeFile, ids: file.Model.Vocab}
	for i, raw := range file.Model.Merges {
		m, err := parseMerge(raw)
		if err != nil {
			return nil, fmt.Errorf("model.merges[%d]: %w", i, err)
		}
		v.merges = append(v.merges, m)
	}
	if v.ids == nil {
		v.ids = map[string]int32{}
	}
	for _, a := range file.Added {
		if id, ok := v.ids[a.Content]; ok && id != a.ID {
			return nil, fmt.Errorf("added token %q has the id %d, in the vocabulary %d", a.Content, a.ID, id)
		}
		v.ids[a.Content] = a.ID
	}
	return v, checkIDs(v.ids)
}

// parseMerge reads a merge in either spelling: ["a","b"] or "a b".
func parseMerge(raw json.RawMessage) ([2]string, error) {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		if len(list) != 2 || list[0] == "" || list[1] == "" {
			return [2]string{}, fmt.Errorf("%s is not two symbols", raw)
		}
		return [2]string(list), nil
	}
	var line string
	if err := json.Unmarshal(raw, &line); err != nil {
		return [2]string{}, fmt.Errorf("%s is neither a pair nor a string", raw)
	}
	return splitMerge(line)
}

// checkIDs reports ids that no embedding has and ids of two tokens.
func checkIDs(ids map[string]int32) error {
	if len(ids) == 0 {
		return errors.New("the vocabulary is empty")
	}
	owner := make(map[int32]string, len(ids))
	for token, id := range ids {
		if id < 0 || id >= maxVocabulary {
			return fmt.Errorf("token %q has the id %d", token, id)
		}
		if other, ok := owner[id]; ok {
			return fmt.Errorf("tokens %q and %q share the id %d", min(token, other), max(token, other), id)
		}
		owner[id] = token
	}
	return nil
}

// read returns a file of the folder. A missing one is an fs.ErrNotExist.
func read(dir, name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.ModelMissing, "make the file readable: chmod a+r", err)
	}
	return data, err
}

// present drops the error of a file that is not there.
func present(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// invalid names the broken file; it returns nil for nil.
func invalid(dir, name string, err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.ModelInvalid, "export the tokenizer folder again",
		fmt.Errorf("load tokenizer %s: %w", filepath.Join(dir, name), err))
}
