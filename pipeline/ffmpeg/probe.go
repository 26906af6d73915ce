package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"uredit/pipeline/fault"
	"uredit/pipeline/media"
)

// probedPackets is how many packets are read to see whether the frame rate is
// constant: some seconds, so that a long file on a network share stays quick.
const probedPackets = 300

// Probe says what is in a file. Errors have the code fault.InputUnreadable when
// it is no video or none that may be opened, fault.InputUnsupported when a
// picture is too large. HDR is no error of Probe.
func (t *Tool) Probe(ctx context.Context, in *os.File) (media.Info, error) {
	if err := regular(in); err != nil {
		return media.Info{}, err
	}
	out, err := t.output(ctx, t.ffprobe, probeArgs(), in)
	if err != nil {
		return media.Info{}, unreadable(err)
	}
	doc, err := parseProbe(out)
	if err != nil {
		return media.Info{}, fault.New(fault.InputUnreadable, "", fmt.Errorf("read the probe of the input: %w", err))
	}
	info, err := doc.info()
	if err != nil {
		return media.Info{}, err
	}
	if info.SourceMatrix != "" && !t.zscale {
		return media.Info{}, fault.New(fault.InputUnsupported, "use an ffmpeg built with libzimg, as Debian's is, or convert the video to BT.709 first",
			fmt.Errorf("the input's colours are coded as %s, and this ffmpeg has no zscale filter", info.SourceMatrix))
	}
	if info.Image {
		err := t.picture(ctx, in, &info)
		return info, err
	}
	out, err = t.output(ctx, t.ffprobe, packetArgs(info.VideoIndex, probedPackets, info.Container), in)
	if err != nil {
		return media.Info{}, unreadable(err)
	}
	packets, err := parseProbe(out)
	if err != nil {
		return media.Info{}, fault.New(fault.InputUnreadable, "", fmt.Errorf("read the packets of the input: %w", err))
	}
	packets.timing(&info)
	return info, nil
}

// picture reads what only the frame of a picture tells: how it is to be shown.
func (t *Tool) picture(ctx context.Context, in *os.File, info *media.Info) error {
	out, err := t.output(ctx, t.ffprobe, frameArgs(info.VideoIndex, info.Container), in)
	if err != nil {
		return unreadable(err)
	}
	doc, err := parseProbe(out)
	if err != nil {
		return fault.New(fault.InputUnreadable, "", fmt.Errorf("read the picture's tags: %w", err))
	}
	if len(doc.Frames) > 0 && info.Rotation == 0 && !info.Mirrored {
		doc.Frames[0].orientation().apply(info)
	}
	return nil
}

// unreadable turns the end of ffprobe into a fault that says what is wrong with
// the input.
func unreadable(err error) error {
	e, ok := errors.AsType[*exitError](err)
	if !ok {
		return err
	}
	if e.signalled() {
		return failed(err)
	}
	hint := "is it a video file? A copy may be incomplete"
	switch {
	case says(e.stderr, "not on whitelist"):
		hint = "only files that hold their own video are read: no playlists, scripts or sound files; convert it to MP4"
	case says(e.stderr, "moov atom not found"):
		hint = "the file's index, written last, is missing: the recording or copy is incomplete, or it is not a video"
	case says(e.stderr, "Permission denied"):
		hint = "make the file readable: chmod a+r"
	}
	return fault.New(fault.InputUnreadable, hint, fmt.Errorf("probe the input: %w", &exitError{
		program: e.program, stderr: withoutNames(e.stderr), err: e.err}))
}

// withoutNames takes the descriptor's path out of lines for users.
func withoutNames(lines []string) []string {
	clean := make([]string, len(lines))
	for i, line := range lines {
		clean[i] = strings.ReplaceAll(line, descriptor(0), "input")
	}
	return clean
}
