package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"uredit/daemon/job"
	"uredit/models"
	"uredit/models/onnxfile"
	"uredit/pipeline/fault"
)

// goesOn checks that the daemon takes the next job after a failure.
func (s *site) goesOn() {
	s.t.Helper()
	s.drop("next.yaml", s.request("next"))
	s.wantFinished("next", 16)
	s.settled()
}

// Whatever the input is, a job that cannot be done says what is wrong, and the
// next job runs.
func TestFailuresOfTheInput(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve()
	clip := s.read(s.path("data", "in.mp4"))
	inputs := map[string]string{"noise": strings.Repeat("no video ", 1000), "empty": "", "headless": clip[:len(clip)/2]}
	for name, content := range inputs {
		s.put(s.path("data", name+".mp4"), content)
		s.drop(name+".yaml", s.request(name, "input_video_path: "+s.path("data", name+".mp4")))
	}
	s.drop("nothing.yaml", s.request("nothing", "mask_prompt: green ball"))
	for name := range inputs {
		s.wantFailure(name, fault.InputUnreadable, job.Extracting)
	}
	s.wantFailure("nothing", fault.NothingFound, job.Propagating)
	s.goesOn()
}

// A directory that takes no results is found before anything is worked on.
func TestOutputThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s, serve := newSharedSite(t)
	serve()
	s.user(userUID, "mkdir -m 755 "+s.out("locked"))
	s.submit(userUID, "locked", s.request("locked"))
	if got := codeOf(s, s.rejection("locked")); got != job.CodeUnwritable {
		t.Errorf("rejected with %s", got)
	}

	// Locked while the job runs: it cannot say so there, but the spool can.
	s.user(userUID, "mkdir "+s.out("late")+" && chmod 2775 "+s.out("late"))
	s.submit(userUID, "late", s.request("late", "num_inference_steps: 200"))
	s.reach("late", job.Editing)
	s.user(userUID, "chmod 555 "+s.out("late"))
	var found []string
	eventually(t, "the record of late", func() bool {
		found = glob(s.path("spool", "failed", "*", "reason.txt"))
		return len(found) == 1
	})
	if got := codeOf(s, filepath.Dir(found[0])); got != job.CodeUnwritable {
		t.Errorf("failed with %s: %s", got, s.read(found[0]))
	}
	if got := glob(filepath.Join(s.out("late"), "*_output.mp4")); len(got) > 0 {
		t.Errorf("the locked directory got %q", got)
	}
	s.goesOn()
}

// A full disk fails the job with room for the message, and leaves nothing.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	s := newSite(t)
	noisy := s.path("data", "noisy.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=red:s=320x240:r=10:d=6,noise=alls=60:allf=t",
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", noisy).CombinedOutput()
	if err != nil {
		t.Fatalf("draw noise: %v: %s", err, out)
	}
	s.put(noisy, s.read(noisy))
	small := s.mkdir(s.out("full"))
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s.serve()
	s.drop("full.yaml", s.request("full", "input_video_path: "+noisy, "video_crf: 0"))
	s.wantFailure("full", job.CodeDiskFull, job.Editing)
	if got := names(t, small); slices.Contains(got, "full_output.mp4") {
		t.Errorf("the full disk holds %q", got)
	}
	s.goesOn()
}

// deadly is a program that does what ffmpeg does, until the file DIR/dies names
// what it shall not live through.
const deadly = `#!/bin/bash
dies=$(cat DIR/dies 2>/dev/null)
case "$dies $*" in
"decoder "*libx264*) ;;
"decoder "*" nut "*) FFMPEG "$@" | head -c 100000; kill -9 $$ ;;
"mask "*libx264*) head -c 300000 >/dev/null; kill -9 $$ ;;
"encoder "*libx264*) echo mask >DIR/dies ;; # the next one
"muxer "*" copy "*) kill -9 $$ ;;
esac
exec FFMPEG "$@"
`

// ffmpeg that dies in the middle, whatever it was doing, fails its job and no
// other.
func TestFFmpegDies(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	real, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatal(err)
	}
	program := s.path("ffmpeg")
	s.put(program, strings.NewReplacer("DIR", s.dir, "FFMPEG", real).Replace(deadly))
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	s.put(s.path("uredit.yaml"), s.read(s.path("uredit.yaml"))+"ffmpeg: "+program+"\n")
	s.serve()
	for _, c := range []struct {
		dies  string
		stage job.State
	}{{"decoder", job.Masking}, {"mask", job.Propagating}, {"encoder", job.Editing}, {"muxer", job.Saving}} {
		s.put(s.path("dies"), c.dies)
		s.drop(c.dies+".yaml", s.request(c.dies, "num_inference_steps: 60"))
		s.wantFailure(c.dies, fault.ToolFailed, c.stage)
	}
	s.put(s.path("dies"), "")
	s.goesOn()
}

// bundle unpacks the built-in bundle for a test to harm. Without bundle.json
// nothing tells what belongs into it.
func (s *site) bundle(manifest bool) string {
	s.t.Helper()
	dir, err := models.Builtin(s.path("models"))
	if err == nil && !manifest {
		err = os.Remove(filepath.Join(dir, models.ManifestName))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return dir
}

// A daemon does not start without what its jobs need, and says what to do.
func TestRefusesToStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config func(s *site) string
		says   string
	}{
		"no ffmpeg":  {func(*site) string { return "ffmpeg: /nonexistent" }, "hint: install ffmpeg"},
		"no ffprobe": {func(*site) string { return "ffprobe: /nonexistent" }, "hint: install ffmpeg"},
		"no runtime": {func(*site) string { return "ort_library: /nonexistent.so" }, "/nonexistent.so"},
		"no device":  {func(*site) string { return "devices: [\"cuda:0\"]" }, "cuda:0"},
		"no bundle":  {func(s *site) string { return "bundle: " + s.path("none") }, "hint: name an existing folder"},
		"wrong hash": {func(s *site) string {
			dir := s.bundle(true)
			name := filepath.Join(dir, "pix2pix/unet/model.onnx")
			data := []byte(s.read(name))
			data[len(data)-1] ^= 1
			s.put(name, string(data))
			return "bundle: " + dir
		}, "pix2pix/unet/model.onnx has sha256"},
		"missing graph": {func(s *site) string {
			dir := s.bundle(true)
			if err := os.Remove(filepath.Join(dir, "sam3/detector.onnx")); err != nil {
				s.t.Fatal(err)
			}
			return "bundle: " + dir
		}, "sam3/detector.onnx"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &site{t: t, dir: t.TempDir()}
			s.build(c.config(s))
			d := s.start()
			<-d.done
			var exit *exec.ExitError
			if !errors.As(d.err, &exit) || exit.ExitCode() != exitFailed {
				t.Errorf("the daemon ended with %v", d.err)
			}
			if out := d.log.String(); !strings.Contains(out, c.says) {
				t.Errorf("the daemon says %q, want %q in it", out, c.says)
			}
		})
	}
}

// A model that a request names, and that does not work, fails that job alone.
func TestFailuresOfModels(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &site{t: t, dir: dir}
	bundle := s.bundle(false)
	s.build("model_roots: [" + s.path("models") + "]")
	s.serve()

	copyModel := func(part, name string) string {
		t.Helper()
		to := s.path("models", name)
		if err := os.CopyFS(to, os.DirFS(filepath.Join(bundle, part))); err != nil {
			t.Fatal(err)
		}
		return to
	}
	g := onnxfile.NewGraph("stranger")
	x := g.Input("surprise", onnxfile.Float32, "1 3 8 8")
	g.Output("sample", onnxfile.Float32, "1 3 8 8", g.Op("Add", x, x))

	unet := copyModel("pix2pix", "strange-unet")
	s.put(filepath.Join(unet, "unet/model.onnx"), string(g.Marshal(nil)))
	broken := copyModel("pix2pix", "broken-vae")
	s.put(filepath.Join(broken, "vae_decoder/model.onnx"), "not a graph")
	lacking := copyModel("pix2pix", "no-text-encoder")
	if err := os.Remove(filepath.Join(lacking, "text_encoder/model.onnx")); err != nil {
		t.Fatal(err)
	}
	detector := copyModel("sam3", "strange-detector")
	s.put(filepath.Join(detector, "detector.onnx"), string(g.Marshal(nil)))
	torch := s.mkdir(s.path("models", "torch", "unet"))
	s.put(filepath.Join(torch, "diffusion_pytorch_model.safetensors"), "weights")

	for id, c := range map[string]struct{ extra, code string }{
		"strange_unet":     {"model_path: " + unet, fault.ModelInvalid},
		"broken_vae":       {"model_path: " + broken, fault.ModelInvalid},
		"no_text_encoder":  {"model_path: " + lacking, fault.ModelMissing},
		"strange_detector": {"sam_path: " + detector, fault.ModelInvalid},
	} {
		s.drop(id+".yaml", s.request(id, "extra: {"+c.extra+"}"))
		s.wantFailure(id, c.code, job.Extracting)
	}
	for id, c := range map[string]struct{ extra, code string }{
		"nowhere": {"model_path: " + s.path("models", "none"), fault.ModelMissing},
		"outside": {"model_path: " + s.path("data"), job.CodePathOutside},
		"torch":   {"model_path: " + s.path("models", "torch"), fault.ModelNotExported},
		"file":    {"sam_path: /data/sam3.pt", fault.ModelNotExported},
	} {
		s.drop(id+".yaml", s.request(id, "extra: {"+c.extra+"}"))
		s.wantFailure(id, c.code, "")
	}
	s.goesOn()
}
