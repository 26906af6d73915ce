package pipeline_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"uredit/models"
	"uredit/pipeline/fault"
)

// TestUnknownEditWords: an edit that the models say they cannot follow is refused
// before the masks of a video are made.
func TestUnknownEditWords(t *testing.T) {
	s := spec()
	s.EditorModel, s.EditPrompt = filepath.Join(t.TempDir(), "editor"), "make it stripy"
	editor, err := fs.Sub(models.BuiltinFiles(), "pix2pix")
	if err != nil {
		t.Fatal(err)
	}
	const words = `{"words": ["blue"], "passed_over": ["make", "it"], "about": "blue"}`
	if err := errors.Join(os.CopyFS(s.EditorModel, editor),
		os.WriteFile(filepath.Join(s.EditorModel, "vocabulary.json"), []byte(words), 0o644)); err != nil {
		t.Fatal(err)
	}
	_, err = shared.edit(t, shared.clip(t, redBall(320, 240, 40), 2), s)
	if f := fault.Of(err); f.Code != fault.UnknownWords || f.Stage != "extracting" {
		t.Errorf("%s in stage %s: %v; want %s in extracting", f.Code, f.Stage, err, fault.UnknownWords)
	}
}
