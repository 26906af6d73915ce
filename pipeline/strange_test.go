package pipeline_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline"
	"uredit/pipeline/fault"
)

// TestTruncated edits what is left of a copy that stopped half way.
func TestTruncated(t *testing.T) {
	base := shared.clip(t, middleBall(), 16)
	for _, file := range []string{"a.mp4", "a.mkv", "a.ts"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), file)
			program(t, "ffmpeg", "-i {} -bf 0 -g 1 -movflags +faststart"+x264+"{}", base, file)
			whole, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(file, whole.Size()*6/10); err != nil {
				t.Fatal(err)
			}
			s := spec()
			s.Steps = 2
			e, err := shared.edit(t, file, s)
			if err != nil {
				t.Fatal(err)
			}
			if e.Frames < 6 || e.Frames > 12 {
				t.Errorf("%d of 16 frames of 60 %% of the file", e.Frames)
			}
			// Nothing tells a transport stream from one that goes on.
			if filepath.Ext(file) != ".ts" && !slices.ContainsFunc(e.Warnings, func(s string) bool { return strings.Contains(s, "could be decoded") }) {
				t.Errorf("no warning says that the file is damaged: %q", e.Warnings)
			}
			want := planes(t, file, "format=yuv420p", 320, 240)
			compareOutside(t, planes(t, e.output(), "format=yuv420p", 320, 240), want[:min(len(want), e.Frames)], 320, 240, ballReach+reach)
		})
	}
}

// pq turns a BT.709 picture into HDR.
const pq = "-i {} -vf zscale=tin=bt709:min=bt709:pin=bt709:rin=tv:t=linear:npl=203,format=gbrpf32le,zscale=t=TRANSFER:p=bt2020:m=bt2020nc:r=tv:npl=203,format=yuv420p10le " +
	"-c:v libx265 -preset ultrafast -crf 8 -x265-params log-level=error -color_primaries bt2020 -color_trc TRANSFER -colorspace bt2020nc"

// TestHDR is refused with a hint, and edited when tone mapping was asked for.
func TestHDR(t *testing.T) {
	base := shared.clip(t, middleBall(), 4)
	for _, transfer := range []string{"smpte2084", "arib-std-b67"} {
		t.Run(transfer, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "a.mp4")
			program(t, "ffmpeg", strings.ReplaceAll(pq, "TRANSFER", transfer)+" {}", base, file)
			s := spec()
			s.Steps = 2
			_, err := shared.edit(t, file, s)
			if f := fault.Of(err); err == nil || f.Code != fault.InputUnsupported || !strings.Contains(f.Hint, "tonemap") {
				t.Errorf("error %v (%s, hint %q), want a hint at tone mapping", err, f.Code, f.Hint)
			}
			s.ToneMap = true
			e, err := shared.edit(t, file, s)
			if err != nil {
				t.Fatal(err)
			}
			after := inspect(t, e.output())
			compareTimes(t, inspect(t, file), after)
			if got := after.picture().tags(); got != [4]string{"tv", "bt709", "bt709", "bt709"} {
				t.Errorf("colour tags %q", got)
			}
			frames := planes(t, e.output(), "format=yuv420p", 320, 240)
			compareInside(t, frames, 320, 240)
			// The background is what it was before it became HDR, but for the
			// roll-off of highlights, which makes it darker.
			want := planes(t, base, "format=yuv420p", 320, 240)
			for i, got := range frames {
				if a, b := int(got[0]), int(want[i][0]); a < b/2 || a > b+30 {
					t.Errorf("frame %d: luma of the corner is %d, was %d", i, a, b)
				}
			}
		})
	}
}

// TestRefusedInputs is the table of files that are no video to edit.
func TestRefusedInputs(t *testing.T) {
	dir := t.TempDir()
	base := shared.clip(t, middleBall(), 1)
	file := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, content string) string {
		if err := os.WriteFile(file(name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return file(name)
	}
	made := func(name, args string, from ...string) string {
		program(t, "ffmpeg", args+" {}", append(from, file(name))...)
		return file(name)
	}
	half := made("half.mp4", "-i {} -movflags -faststart"+x264, base)
	if err := os.Truncate(half, 2000); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, input, code, says, hint string }{
		{"sound only", made("sound.mp4", "-f lavfi -i sine=d=1 -c:a aac"), fault.InputUnreadable, "no video stream", "video track"},
		{"sound with a cover", made("cover.m4a", "-f lavfi -i sine=d=1 -i {} -map 0 -map 1 -frames:v 1 -c:a aac -c:v mjpeg -pix_fmt yuvj420p -disposition:v attached_pic -f mp4", base), fault.InputUnreadable, "no video stream", "cover art"},
		{"text", write("text.mp4", "Dear diary,\n"), fault.InputUnreadable, "", ""},
		{"empty", write("empty.mp4", ""), fault.InputUnreadable, "", ""},
		{"folder", dir, fault.InputUnreadable, "", ""},
		{"no index", half, fault.InputUnreadable, "", "incomplete"},
		{"playlist", write("list.mp4", "#EXTM3U\n#EXTINF:1,\n"+base+"\n#EXT-X-ENDLIST\n"), fault.InputUnreadable, "", ""},
		{"concat", write("concat.mp4", "ffconcat version 1.0\nfile '"+base+"'\n"), fault.InputUnreadable, "", "playlists"},
		{"picture as a video", made("a.png", "-i {} -frames:v 1", base), fault.InputUnsupported, "is a picture", "mode: single_frame"},
		{"photo as a video", made("a.jpg", "-i {} -frames:v 1", base), fault.InputUnsupported, "is a picture", "mode: single_frame"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := shared.edit(t, c.input, spec())
			if err == nil {
				t.Fatal("no error")
			}
			f := fault.Of(err)
			if f.Code != c.code || f.Stage != string(pipeline.Extracting) || !strings.Contains(err.Error(), c.says) || !strings.Contains(f.Hint, c.hint) {
				t.Errorf("%s in stage %s: %v\nhint: %s\nwant %s, %q and the hint %q", f.Code, f.Stage, err, f.Hint, c.code, c.says, c.hint)
			}
			if strings.Contains(err.Error()+f.Hint, "/proc/") {
				t.Errorf("the error names a path that means nothing to users: %v", err)
			}
		})
	}
}

// TestPictures edits pictures into pictures of the same size.
func TestPictures(t *testing.T) {
	base := shared.clip(t, middleBall(), 1)
	for _, c := range []struct {
		file, args    string
		width, height int
	}{
		{"odd.png", "-i {} -frames:v 1 -vf format=gbrp,crop=317:239:2:0", 317, 239},
		{"deep.png", "-i {} -frames:v 1 -pix_fmt rgb48be", 320, 240},
		{"a.jpg", "-i {} -frames:v 1 -q:v 2", 320, 240},
		{"a.webp", "-i {} -frames:v 1 -c:v libwebp -quality 95", 320, 240},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), c.file)
			program(t, "ffmpeg", c.args+" {}", base, file)
			s := spec()
			s.SingleFrame = true
			e, err := shared.edit(t, file, s)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{e.output(), e.mask()} {
				if v := inspect(t, name).picture(); v.Codec != "png" || v.Width != c.width || v.Height != c.height {
					t.Errorf("%s is %s of %dx%d", name, v.Codec, v.Width, v.Height)
				}
			}
			if c := centres(t, e.output())[0]; int(c[2]) < 2*int(c[0]) {
				t.Errorf("the ball is %v, not blue", c)
			}
			if c := centres(t, e.mask())[0]; c[0] < 250 {
				t.Errorf("the mask's middle is %v, not white", c)
			}
		})
	}
}

// TestNothingFound says in how many frames nothing was found.
func TestNothingFound(t *testing.T) {
	ball := shared.clip(t, redBall(320, 240, 40), 2)
	for frames, want := range map[int]string{1: "in the frame", 2: "in any of 2 frames"} {
		s := spec()
		s.MaskPrompt, s.MaxFrames = "green", frames
		_, err := shared.edit(t, ball, s)
		if err == nil || !strings.HasSuffix(err.Error(), `mask_prompt "green" names nothing `+want) {
			t.Errorf("%d frames: %v, want it to end in %q", frames, err, want)
		}
	}
}
