package pipeline_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline"
)

// The clips of this file have ten frames of 0.08 s.
const frameTime = 0.08

// slowClip is what the files are made from.
func slowClip(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "slow.mp4")
	program(t, "ffmpeg", "-r 12.5 -i {} -c:v libx264 -preset ultrafast {}", shared.clip(t, middleBall(), 10), file)
	return file
}

// made is a file that ffmpeg makes from a clip; args name it {} and leave out
// the file itself, which comes last.
func made(t *testing.T, clip, name, args string, more ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	program(t, "ffmpeg", args+" {}", append(append([]string{clip}, more...), file)...)
	return file
}

// quick edits small and with one step: what follows is not about pixels.
func quick(t *testing.T, file string, maxFrames int) (edited, document) {
	t.Helper()
	s := spec()
	s.Steps, s.MaxFrames, s.EditSize, s.Smoothing = 1, maxFrames, 64, pipeline.SmoothOff
	e, err := shared.edit(t, file, s)
	if err != nil {
		t.Fatal(err)
	}
	return e, inspect(t, e.output())
}

// TestSoundIsCopied compares coded packets: each of the input's that begins
// before the last frame ends is there, bit for bit, and no other.
func TestSoundIsCopied(t *testing.T) {
	base := slowClip(t)
	const sine = " -f lavfi -i sine=r=44100:d=LENGTH "
	for _, c := range []struct {
		name, file, args, length string
		maxFrames                int
	}{
		{"AAC shorter", "a.mp4", "-i {}" + sine + "-c:v copy -c:a aac", "0.3", 0},
		{"AAC longer", "a.mp4", "-i {}" + sine + "-c:v copy -c:a aac", "3", 0},
		{"four frames of AAC", "a.mp4", "-i {}" + sine + "-c:v copy -c:a aac", "3", 4},
		{"four frames of MP3", "a.mkv", "-i {}" + sine + "-c:v copy -c:a libmp3lame", "3", 4},
		{"Opus", "a.mkv", "-i {}" + sine + "-c:v copy -c:a libopus", "2", 0},
		{"AC-3 of a transport stream", "a.ts", "-i {}" + sine + "-c:v copy -c:a ac3", "0.8", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := made(t, base, c.file, strings.ReplaceAll(c.args, "LENGTH", c.length))
			e, after := quick(t, file, c.maxFrames)
			if len(e.Warnings) > 0 {
				t.Errorf("warnings %q", e.Warnings)
			}
			before := inspect(t, file)
			start, end := max(before.Format.Start, 0), endOf(after)
			var want []string
			for _, p := range packets(t, file, "0:a:0") {
				if p.time-start < end-1e-3 {
					want = append(want, p.sum)
				}
			}
			got := packets(t, e.output(), "0:a:0")
			sums := make([]string, len(got))
			for i, p := range got {
				sums[i] = p.sum
			}
			if len(want) == 0 || !slices.Equal(sums, want) {
				t.Errorf("%d packets of sound, want the first %d of the input", len(sums), len(want))
			}
			if from, to := before.of("audio")[0], after.of("audio")[0]; from.Codec != to.Codec || from.Rate != to.Rate {
				t.Errorf("%s of %d Hz, was %s of %d Hz", to.Codec, to.Rate, from.Codec, from.Rate)
			}
			// Sound ends with the last frame, within one packet.
			last := got[len(got)-1]
			if last.time >= end {
				t.Errorf("sound goes on at %.3f s, the picture ends at %.3f s", last.time, end)
			}
		})
	}
}

// endOf is when the last frame of a file ends, in seconds.
func endOf(d document) float64 {
	frames := d.times()
	last, _ := frames[len(frames)-1].Float64()
	return last + frameTime
}

// TestSoundIsConverted has sound that MP4 cannot carry.
func TestSoundIsConverted(t *testing.T) {
	base := slowClip(t)
	for _, c := range []struct{ name, file, codec string }{
		{"Vorbis", "a.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libvorbis"},
		{"PCM in MOV", "a.mov", "-c:v copy -c:a pcm_s16le"},
		{"PCM in AVI", "a.avi", "-c:v mpeg4 -q:v 2 -c:a pcm_s16le"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := made(t, base, c.file, "-i {} -f lavfi -i sine=r=48000:d=0.8 "+c.codec)
			e, after := quick(t, file, 0)
			if len(e.Warnings) != 1 || !strings.Contains(e.Warnings[0], "converted to AAC") {
				t.Errorf("warnings %q, want one about AAC", e.Warnings)
			}
			a := after.of("audio")
			if len(a) != 1 || a[0].Codec != "aac" {
				t.Fatalf("%d sound tracks, %+v", len(a), a)
			}
			if d := after.Format.Duration; math.Abs(d-0.8) > 1024./48000 {
				t.Errorf("the output lasts %.3f s, want 0.8 s", d)
			}
		})
	}
}

// TestNoSound must not invent any.
func TestNoSound(t *testing.T) {
	e, after := quick(t, made(t, slowClip(t), "a.mp4", "-i {} -c copy"), 0)
	if len(after.of("audio")) > 0 || len(after.Streams) != 1 || len(e.Warnings) > 0 {
		t.Errorf("streams %+v, warnings %q", after.Streams, e.Warnings)
	}
}

const chapters = `;FFMETADATA1
title=A red ball
artist=Nobody
[CHAPTER]
TIMEBASE=1/1000
START=0
END=400
title=First half
[CHAPTER]
TIMEBASE=1/1000
START=400
END=800
title=Second half
`

const subtitles = "1\n00:00:00,100 --> 00:00:00,300\nLook, a ball\n\n2\n00:00:00,400 --> 00:00:00,700\nIt is red\n"

// TestEverythingElse keeps languages, subtitles, chapters and the title.
func TestEverythingElse(t *testing.T) {
	dir := t.TempDir()
	srt, meta := filepath.Join(dir, "a.srt"), filepath.Join(dir, "a.txt")
	for name, content := range map[string]string{srt: subtitles, meta: chapters} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := made(t, slowClip(t), "a.mkv", "-i {} -f lavfi -i sine=r=48000:d=0.8 -f lavfi -i sine=f=880:r=48000:d=0.8 -i {} -f ffmetadata -i {}"+
		" -map 0 -map 1 -map 2 -map 3 -map_metadata 4 -map_chapters 4 -c:v copy -c:a aac -c:s srt"+
		" -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu -metadata:s:s:0 language=fra", srt, meta)
	e, after := quick(t, file, 0)
	if len(e.Warnings) > 0 {
		t.Errorf("warnings %q", e.Warnings)
	}
	audio, text := after.of("audio"), after.of("subtitle")
	if len(audio) != 2 || audio[0].Tags["language"] != "eng" || audio[1].Tags["language"] != "deu" {
		t.Errorf("sound tracks %+v, want English and German", audio)
	}
	for i, s := range []string{"0:a:0", "0:a:1"} {
		if a, b := packets(t, file, s), packets(t, e.output(), s); len(b) == 0 || a[0].sum != b[0].sum || a[len(b)-1].sum != b[len(b)-1].sum {
			t.Errorf("sound track %d is not the input's", i)
		}
	}
	if len(text) != 1 || text[0].Codec != "mov_text" || text[0].Tags["language"] != "fra" {
		t.Errorf("subtitles %+v, want one track of French mov_text", text)
	}
	shown := func(file string) string {
		return string(program(t, "ffmpeg", "-i {} -map 0:s:0 -f srt -", file))
	}
	if got, want := shown(e.output()), shown(file); got != want || !strings.Contains(got, "It is red") {
		t.Errorf("subtitles are %q, were %q", got, want)
	}
	if after.Format.Tags["title"] != "A red ball" || after.Format.Tags["artist"] != "Nobody" {
		t.Errorf("tags %v", after.Format.Tags)
	}
	if len(after.Chapters) != 2 || after.Chapters[1].Tags["title"] != "Second half" || math.Abs(after.Chapters[1].Start-0.4) > 1e-3 {
		t.Errorf("chapters %+v", after.Chapters)
	}
}

// TestOffset keeps the distance in time between picture and sound. It is
// measured on decoded sound: a tone begins in the middle of it.
func TestOffset(t *testing.T) {
	base := slowClip(t)
	const tone = " -f lavfi -i aevalsrc=if(gte(t\\,0.25)\\,0.8*sin(2600*t)\\,0):s=48000:d=0.8 "
	for _, c := range []struct{ name, file, args string }{
		{"together", "a.mp4", "-i {}" + tone + "-c:v copy -c:a aac"},
		{"sound late", "a.mp4", "-i {} -itsoffset 0.2" + tone + "-c:v copy -c:a aac"},
		{"sound late in Matroska", "a.mkv", "-i {} -itsoffset 0.2" + tone + "-c:v copy -c:a flac"},
		{"AAC of Matroska", "a.mkv", "-i {}" + tone + "-c:v copy -c:a aac"},
		{"picture late", "a.mp4", "-itsoffset 0.2 -i {}" + tone + "-c:v copy -c:a aac"},
		{"both late", "a.ts", "-itsoffset 0.12 -i {}" + tone + "-c:v copy -c:a aac -output_ts_offset 77"},
		{"converted", "a.mkv", "-itsoffset 0.2 -i {}" + tone + "-c:v copy -c:a pcm_s16le"},
		{"converted, sound late", "a.mkv", "-i {} -itsoffset 0.2" + tone + "-c:v copy -c:a pcm_s16le"},
		{"B-frames", "a.mp4", "-i {}" + tone + "-c:v libx264 -bf 3 -c:a aac"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := made(t, base, c.file, c.args)
			e, after := quick(t, file, 0)
			before, got := offset(t, file, inspect(t, file)), offset(t, e.output(), after)
			if math.Abs(got-before) > 0.001 {
				t.Errorf("the tone begins %.4f s after the first frame, was %.4f s", got, before)
			}
		})
	}
}

// offset is how long after the first frame a tone becomes half as loud as it
// will be, in seconds.
func offset(t *testing.T, file string, d document) float64 {
	t.Helper()
	const rate = 48000
	first, _ := d.times()[0].Float64()
	pcm := program(t, "ffmpeg", "-copyts -i {} -map 0:a:0 -ac 1 -ar 48000 -f s16le -", file)
	for i := 0; i+1 < len(pcm); i += 2 {
		if v := int16(binary.LittleEndian.Uint16(pcm[i:])); math.Abs(float64(v)) > 10000 {
			return d.of("audio")[0].Start + float64(i/2)/rate - first
		}
	}
	t.Fatalf("%s: no tone in %d samples", file, len(pcm)/2)
	return 0
}
