package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"uredit/pipeline/segment"
)

// masksSeal is the name of pass 1's seal.
const masksSeal = "masks" + sealEnd

// partPrefix begins the names of pass 2's segments.
const partPrefix = "part-"

// partName names the segment k, without its ending.
func partName(k int) string { return fmt.Sprintf("%s%06d", partPrefix, k) }

// SealedFiles returns those of names, files of a Spec's Work, that may belong to
// sealed parts: of masks, pass 1's result, and of segments of pass 2. Files that
// have no seal are not among them. An edit whose Work holds some uses them where
// they are what it would make itself, and removes the others.
func SealedFiles(names []string) (masks, segments []string) {
	if slices.Contains(names, masksSeal) {
		for _, n := range []string{runsName, maskName, maskPNG, masksSeal} {
			if slices.Contains(names, n) {
				masks = append(masks, n)
			}
		}
	}
	for _, n := range names {
		base, is := strings.CutSuffix(n, sealEnd)
		if file := base + partEnd; is && strings.HasPrefix(n, partPrefix) && slices.Contains(names, file) {
			segments = append(segments, file, n)
		}
	}
	return masks, segments
}

// Continuation is what an edit found of an earlier run of the same edit.
type Continuation struct {
	Frame    int      // first frame that is still to be edited
	Total    int      // frames in all
	Segments int      // of pass 2; 0 where only the masks could be used
	Attempt  int      // that made the last of what was found; 0 where nothing could be used
	Mixed    bool     // another Origin.Provider made some of it
	Left     []string // why something that was there was not used
}

// maskFacts is what pass 1 found beside the masks.
type maskFacts struct {
	Cuts     []int    `json:"cuts,omitempty"`
	Objects  int      `json:"objects"`
	Preview  string   `json:"preview"` // the name of its file
	Warnings []string `json:"warnings,omitempty"`
}

// masksKnown takes over the masks that Work may hold. What is of no use it
// removes.
func (r *run) masksKnown() (bool, error) {
	r.maskKey = r.spec.MaskKey()
	if r.maskKey != "" {
		s, err := readSeal[maskFacts](r.spec.Work, masksSeal, r.maskKey)
		if err == nil && s != nil {
			if err = r.takeMasks(s); err == nil {
				return true, nil
			}
		}
		if err != nil {
			r.continues.Left = append(r.continues.Left, err.Error())
		}
	}
	for _, n := range []string{masksSeal, runsName, maskName, maskPNG} {
		if err := r.remove(n); err != nil {
			return false, err
		}
	}
	return false, nil
}

// takeMasks goes on from masks whose hashes are right.
func (r *run) takeMasks(s *seal[maskFacts]) error {
	f, err := r.spec.Work.Open(runsName)
	if err != nil {
		return err
	}
	r.closers = append(r.closers, f.Close)
	masks, err := segment.OpenMasks(f)
	if err != nil {
		return err
	}
	info := &r.result.Input
	if w, h := masks.Size(); w != info.FrameWidth() || h != info.FrameHeight() || masks.Len() == 0 {
		return fmt.Errorf("%s: %d masks of %d by %d samples", runsName, masks.Len(), w, h)
	}
	r.masks, r.cuts = masks, s.Facts.Cuts
	r.result.Objects, r.result.MaskFile = s.Facts.Objects, s.Facts.Preview
	r.sealedMasks = s.Files[0].SHA256
	r.continues.Attempt, r.continues.Mixed = s.Attempt, s.Provider != r.spec.Origin.Provider
	r.warn(s.Facts.Warnings...)
	n := masks.Len()
	r.enter(Masking, n, "the masks of an earlier run are used")
	r.enter(Propagating, n, "")
	return nil
}

// sealMasks makes pass 1's result known as complete. The warnings of the pass are
// those from number from on: others are about an editor that may be another next
// time.
func (r *run) sealMasks(from int) error {
	if r.maskKey == "" {
		return nil
	}
	r.mu.Lock()
	facts := maskFacts{Cuts: r.cuts, Objects: r.result.Objects, Preview: r.result.MaskFile, Warnings: slices.Clone(r.result.Warnings[from:])}
	r.mu.Unlock()
	s := seal[maskFacts]{Key: r.maskKey, Attempt: r.spec.Attempt, Provider: r.spec.Origin.Provider, Facts: facts}
	if err := s.write(r.spec.Work, masksSeal, runsName, r.result.MaskFile); err != nil {
		return err
	}
	r.sealedMasks = s.Files[0].SHA256
	return nil
}

// segmentsKnown takes over the segments of an earlier run that can be used, those
// without a gap from the first frame on, and removes the others.
func (r *run) segmentsKnown(ctx context.Context) error {
	r.segmentKey = r.keyOfSegments()
	for k, first := 0, 0; r.segmentKey != "" && first < r.result.Frames; k, first = k+1, first+r.segmentFrames() {
		s, err := readSeal[segmentFacts](r.spec.Work, partName(k)+sealEnd, r.segmentKey)
		if s != nil && s.Facts.First != first {
			s, err = nil, fmt.Errorf("read %s: it is the seal of another segment", partName(k)+sealEnd)
		}
		if err != nil {
			r.continues.Left = append(r.continues.Left, err.Error())
		}
		if s == nil {
			break
		}
		r.done = append(r.done, s.Facts)
		r.eroded, r.continues.Attempt = s.Facts.Eroded, max(r.continues.Attempt, s.Attempt)
		r.continues.Mixed = r.continues.Mixed || s.Provider != r.spec.Origin.Provider
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return r.sweepSegments(len(r.done))
}

// continued tells what is used of an earlier run, from frame from on.
func (r *run) continued(from int) {
	c := &r.continues
	c.Frame, c.Total, c.Segments = from, r.result.Frames, len(r.done)
	if c.Attempt > 0 || len(c.Left) > 0 {
		r.send(Progress{Stage: Editing, Frame: from, Total: c.Total, Continues: c})
	}
}

// sweepSegments removes the files of segments from number k on.
func (r *run) sweepSegments(k int) error {
	entries, err := fs.ReadDir(r.spec.Work.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), partPrefix) && e.Name() >= partName(k) {
			if err := r.remove(e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyOfSegments is empty where frames cannot be edited without those before:
// a preset's noise goes on from frame to frame.
func (r *run) keyOfSegments() string {
	if r.sealedMasks == "" || r.spec.SingleFrame || r.spec.EditPreset != "" {
		return ""
	}
	return digest(fmt.Appendf(nil, "%s %s %d", r.spec.EditKey(), r.sealedMasks, r.segmentFrames()))
}

// remove removes a file of Work that may not be there.
func (r *run) remove(name string) error {
	if err := r.spec.Work.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// createIn makes a file that is not there. Whoever else still has a file of that
// name open does not write in this one.
func createIn(work *os.Root, name string) (*os.File, error) {
	if err := work.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	f, err := work.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o664)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	return f, nil
}
