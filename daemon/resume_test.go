package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/report"
	"uredit/daemon/roots"
	"uredit/daemon/spool"
	"uredit/pipeline"
)

// parts makes files in an output directory, each with its own name as content.
func parts(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, n := range names {
		name := filepath.Join(dir, n)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What dead attempts sealed outlives their directories twice, until the next one
// begins. An attempt that still lives somewhere is shut out all the same.
func TestSealedPartsAreKept(t *testing.T) {
	s := newSite(t)
	d := decided(t, s)
	w, _, ok, err := d.source.Take(t.Context(), true)
	if !ok || err != nil {
		t.Fatalf("took %+v, %v", w, err)
	}
	w.claim.Epoch = 7 // of which the spool need not know here
	d.mine = func(*spool.Claim) error { return nil }
	j, dir := w.claim.Job, s.out("out")
	at := func(epoch, name string) string { return filepath.Join(spool.WorkDir, j+".e"+epoch, workName, name) }
	parts(t, dir,
		at("0004", "masks.runs"), at("0004", "mask.mp4"), at("0004", "masks.seal"), at("0004", "mask.mp4.public"),
		at("0004", "part-000000.mp4"), at("0004", "part-000000.seal"), at("0004", "part-000001.mp4"),
		at("0004", "part-000002.mp4"), at("0004", "output.mp4"),
		at("0006", "part-000000.mp4"), at("0006", "part-000000.seal"), at("0006", "part-000001.seal"),
		at("0008", "part-000003.mp4"), at("0008", "part-000003.seal"),
		filepath.Join(spool.WorkDir, "another.e0001", workName, "part-000002.mp4"),
		filepath.Join(spool.WorkDir, "another.e0001", workName, "part-000002.seal"))
	zombie, err := os.OpenRoot(filepath.Join(dir, filepath.Dir(at("0004", "x"))))
	if err != nil {
		t.Fatal(err)
	}
	defer zombie.Close()
	out, err := d.roots.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := errors.Join(d.keepSealed(out, w.claim), d.clear(out, j, w.claim.Epoch)); err != nil {
		t.Fatal(err)
	}
	if err := zombie.WriteFile("part-000009.seal", nil, 0o644); err == nil {
		t.Error("the dead attempt's directory is not closed")
	}
	w.claim.Epoch = 8
	if err := os.RemoveAll(filepath.Join(dir, spool.WorkDir, j+".e0008")); err != nil {
		t.Fatal(err)
	}
	a, err := d.begin(w, "cpu")
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	// The segment 1 is one whose move was not finished, the segment 2 is not sealed.
	want := []string{"mask.mp4", "masks.runs", "masks.seal", "part-000000.mp4", "part-000000.seal", "part-000001.mp4", "part-000001.seal"}
	if got := tree(t, filepath.Join(dir, a.dir, workName)); !slices.Equal(got, want) {
		t.Errorf("the attempt has %q, want %q", got, want)
	}
	if data, err := a.work.ReadFile("part-000000.mp4"); string(data) != at("0006", "part-000000.mp4") {
		t.Errorf("the segment is %q, not the later one (%v)", data, err)
	}
	left, err := os.ReadDir(filepath.Join(dir, spool.WorkDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if name := e.Name(); strings.HasPrefix(name, j) && name != filepath.Base(a.dir) {
			t.Errorf("%s is left", name)
		}
	}
}

// An attempt that will be followed by another leaves what it sealed; one that
// was the last leaves nothing.
func TestSealedPartsAfterAnAttempt(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  ending
		want []string
	}{
		{"again", ending{again: "the daemon stopped"}, []string{"part-000000.mp4", "part-000000.seal"}},
		{"failed", ending{why: &job.Error{Code: job.CodeInternal, Message: "no"}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			d := decided(t, s)
			w, _, ok, err := d.source.Take(t.Context(), true)
			if !ok || err != nil {
				t.Fatalf("took %+v, %v", w, err)
			}
			a, err := d.begin(w, "cpu")
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(s.out("out"), a.dir)
			parts(t, filepath.Join(dir, workName), "part-000000.mp4", "part-000000.seal", "part-000001.mp4", "output.mp4")
			if err := a.tell(tt.end, report.Result{}); err != nil {
				t.Fatal(err)
			}
			if err := a.close(); err != nil {
				t.Fatal(err)
			}
			var got []string
			if _, err := os.Stat(dir); err == nil {
				got = tree(t, filepath.Join(dir, workName))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("left %q, want %q", got, tt.want)
			}
		})
	}
}

// The preview that users see and the one that is sealed are both there.
func TestPreviewStaysSealed(t *testing.T) {
	dir := t.TempDir()
	parts(t, dir, "e/edit/mask.mp4")
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	work, err := root.OpenRoot("e/edit")
	if err != nil {
		t.Fatal(err)
	}
	defer work.Close()
	a := &attempt{out: &roots.Dir{Root: root, Path: dir}, dir: "e", work: work}
	for range 2 { // the second time is another attempt's
		if err := a.publishSealed("mask.mp4", "j_mask.mp4"); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"j_mask.mp4", "e/edit/mask.mp4"} {
			if data, err := root.ReadFile(name); err != nil || string(data) != "e/edit/mask.mp4" {
				t.Errorf("%s: %q, %v", name, data, err)
			}
		}
	}
}

// Files of one state of input, models and versions are for that state only.
func TestOrigin(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	name := filepath.Join(t.TempDir(), "in.mp4")
	parts(t, filepath.Dir(name), "in.mp4", "model/unet.onnx")
	folder := filepath.Join(filepath.Dir(name), "model")
	origin := func(spec pipeline.Spec, hashes map[string]string, versions map[string]string) pipeline.Origin {
		t.Helper()
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return (&attempt{versions: versions}).origin(&spec, stampOf(info), hashes)
	}
	hashes := map[string]string{"sam3/detector.onnx": sum, "pix2pix/unet/model.onnx": sum}
	versions := map[string]string{"uredit": "1", "ffmpeg": "5"}
	base := origin(pipeline.Spec{}, hashes, versions)
	if base.Input == "" || base.Segmenter == "" || base.Editor == "" || base.Versions == "" || base.Segmenter == base.Editor {
		t.Errorf("origin %+v", base)
	}
	if again := origin(pipeline.Spec{}, hashes, versions); again != base {
		t.Errorf("origin %+v, before %+v", again, base)
	}
	other := map[string]string{"sam3/detector.onnx": sum, "pix2pix/unet/model.onnx": strings.Repeat("0b", 32)}
	if o := origin(pipeline.Spec{}, other, versions); o.Editor == base.Editor || o.Segmenter != base.Segmenter {
		t.Errorf("another editor: %+v", o)
	}
	if o := origin(pipeline.Spec{}, map[string]string{"sam3/detector.onnx": "replaced", "pix2pix/unet/model.onnx": sum}, versions); o.Segmenter != "" {
		t.Errorf("a model that is not known: %+v", o)
	}
	if o := origin(pipeline.Spec{}, hashes, map[string]string{"uredit": "2", "ffmpeg": "5"}); o.Versions == base.Versions {
		t.Errorf("another version: %+v", o)
	}
	own := origin(pipeline.Spec{EditorModel: folder}, hashes, versions)
	later := time.Now().Add(time.Hour)
	if err := errors.Join(os.Chtimes(filepath.Join(folder, "unet.onnx"), later, later), os.Chtimes(name, later, later)); err != nil {
		t.Fatal(err)
	}
	if o := origin(pipeline.Spec{EditorModel: folder}, hashes, versions); own.Editor == "" || o.Editor == own.Editor || o.Input == base.Input {
		t.Errorf("changed files: %+v, before %+v", o, own)
	}
}
