package ffmpeg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"uredit/pipeline/fault"
)

// The first release whose options this package uses.
const minMajor, minMinor = 5, 1

const installHint = "install ffmpeg 5.1 or later: apt-get install ffmpeg"

// Tool is a pair of ffmpeg and ffprobe programs. It is safe for concurrent use.
type Tool struct {
	ffmpeg, ffprobe string // paths
	version         string
	hevc            bool // has libx265
	zscale          bool // has the filter that HDR needs
	grace           time.Duration
}

// Find looks up the two programs, by path or by a name in PATH, and checks their
// version and the encoders that outputs need. The error has the code
// fault.ToolMissing.
func Find(ffmpeg, ffprobe string) (*Tool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	t := &Tool{grace: 3 * time.Second}
	var err error
	if t.ffmpeg, t.version, err = t.lookup(ctx, ffmpeg, "ffmpeg"); err != nil {
		return nil, fault.New(fault.ToolMissing, installHint, err)
	}
	if t.ffprobe, _, err = t.lookup(ctx, ffprobe, "ffprobe"); err != nil {
		return nil, fault.New(fault.ToolMissing, installHint, err)
	}
	encoders, err := t.output(ctx, t.ffmpeg, []string{"-hide_banner", "-encoders"})
	if err != nil {
		return nil, fault.New(fault.ToolMissing, installHint, fmt.Errorf("list encoders: %w", err))
	}
	have := secondColumn(encoders)
	for _, name := range []string{"libx264", "aac", "mov_text", "png"} {
		if !slices.Contains(have, name) {
			return nil, fault.New(fault.ToolMissing, installHint, fmt.Errorf("%s has no encoder %s", t.ffmpeg, name))
		}
	}
	t.hevc = slices.Contains(have, "libx265")
	filters, err := t.output(ctx, t.ffmpeg, []string{"-hide_banner", "-filters"})
	if err != nil {
		return nil, fault.New(fault.ToolMissing, installHint, fmt.Errorf("list filters: %w", err))
	}
	t.zscale = slices.Contains(secondColumn(filters), "zscale")
	return t, nil
}

// Version returns the version of ffmpeg as the program prints it.
func (t *Tool) Version() string { return t.version }

// lookup finds a program and checks that its version is recent enough.
func (t *Tool) lookup(ctx context.Context, name, program string) (path, version string, err error) {
	path, err = exec.LookPath(name)
	if err != nil {
		return "", "", fmt.Errorf("find %s: %w", program, err)
	}
	out, err := t.output(ctx, path, []string{"-version"})
	if err != nil {
		return "", "", fmt.Errorf("ask %s for its version: %w", path, err)
	}
	version, err = parseVersion(out, program)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", path, err)
	}
	return path, version, nil
}

// parseVersion reads the first line of the output of -version. A name that is
// not numbers, as builds from the development tree have, is accepted.
func parseVersion(out []byte, program string) (string, error) {
	line, _, _ := bytes.Cut(out, []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) < 3 || words[0] != program || words[1] != "version" {
		return "", fmt.Errorf("does not call itself %s", program)
	}
	version := words[2]
	numbers := strings.FieldsFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if len(numbers) == 0 || !strings.HasPrefix(strings.TrimPrefix(version, "n"), numbers[0]) {
		return version, nil
	}
	minor := 0
	major, err := strconv.Atoi(numbers[0])
	if err == nil && len(numbers) > 1 {
		minor, _ = strconv.Atoi(numbers[1])
	}
	if err == nil && (major < minMajor || major == minMajor && minor < minMinor) {
		return "", fmt.Errorf("version %s is older than %d.%d", version, minMajor, minMinor)
	}
	return version, nil
}

// secondColumn returns the second word of each line: the names in a listing of
// encoders or filters.
func secondColumn(listing []byte) []string {
	var names []string
	for line := range strings.Lines(string(listing)) {
		if words := strings.Fields(line); len(words) > 1 {
			names = append(names, words[1])
		}
	}
	return names
}

// missing reports whether err says that a program is not there.
func missing(err error) bool {
	return errors.Is(err, exec.ErrNotFound)
}
