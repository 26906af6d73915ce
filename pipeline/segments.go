package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"

	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

// usualSegment is how many frames a segment has: the longest distance of two key
// frames, so that an encoder of its own for each costs no quality, and well under
// a hundredth of the time that it takes to edit them.
const usualSegment = 120

// partEnd is the ending of a segment's name.
const partEnd = ".mp4"

// segmentFacts is what a segment's seal says of it.
type segmentFacts struct {
	First  int   `json:"first"`  // frame
	Frames int   `json:"frames"` // all but the last segment have the same number
	Start  int64 `json:"start"`  // time of the first frame, in ticks of the input
	// Eroded counts the frames up to the segment's last one of whose mask the
	// erosion left nothing.
	Eroded int `json:"eroded"`
}

// segments is the Encoder of pass 2. It writes a file for each run of frames,
// whose bounds lie at the same frames in every run of an edit, and seals those
// that are complete. While one encoder completes its file the next one takes
// frames: two of them at most.
type segments struct {
	run    *run
	size   int // frames of a segment
	encode func(out *os.File) (Encoder, error)
	ended  func() error // why the pass is over before its end, or nil

	current *segmentFile // nil between two segments
	sealing chan error   // what became of the one before; nil where there is none
	err     error        // of a segment before
}

// segmentFile is a segment on its way.
type segmentFile struct {
	facts   segmentFacts
	name    string // without its ending
	file    *os.File
	encoder Encoder
}

// segmentFrames is the number of frames of a segment.
func (r *run) segmentFrames() int {
	if r.engine.SegmentFrames > 0 {
		return r.engine.SegmentFrames
	}
	return usualSegment
}

// segmentSink opens what pass 2 writes to after the segments that are done.
func (r *run) segmentSink(ctx context.Context) (*segments, error) {
	e := r.encoding()
	s := &segments{
		run: r, size: r.segmentFrames(),
		encode: func(out *os.File) (Encoder, error) { return r.engine.Video.Encode(ctx, out, e) },
		ended:  func() error { return context.Cause(ctx) },
	}
	return s, s.next()
}

// Write implements Encoder. Frames come with consecutive numbers, the first one
// being the first after the segments that are done. With a segment's last frame
// the next encoder starts: it is ready when its first one comes.
func (s *segments) Write(f *frame.Frame) error {
	c := s.current
	if c == nil {
		return fmt.Errorf("encode frame %d: %w", f.Index, os.ErrClosed)
	}
	if c.facts.Frames == 0 {
		c.facts.Start = f.PTS
	}
	c.facts.Frames++
	if err := c.encoder.Write(f); err != nil {
		return err
	}
	if c.facts.Frames == s.size && f.Index+1 < s.run.result.Frames {
		return s.next()
	}
	return nil
}

// next ends the segment at hand and begins the one after it.
func (s *segments) next() error {
	if err := s.end(); err != nil {
		return err
	}
	k := len(s.run.done)
	c := &segmentFile{name: partName(k), facts: segmentFacts{First: k * s.size}}
	var err error
	if c.file, err = createIn(s.run.spec.Work, c.name+partEnd); err != nil {
		return err
	}
	if c.encoder, err = s.encode(c.file); err != nil {
		return errors.Join(err, c.file.Close())
	}
	s.current = c
	return nil
}

// end lets the segment at hand be completed while others are written, and waits
// for the one before.
func (s *segments) end() error {
	if s.sealing != nil {
		s.err = errors.Join(s.err, <-s.sealing)
		s.sealing = nil
	}
	c := s.current
	if c == nil {
		return s.err
	}
	s.current = nil
	c.facts.Eroded = s.run.eroded
	s.run.done = append(s.run.done, c.facts)
	s.sealing = make(chan error, 1)
	go func() { s.sealing <- s.complete(c) }()
	return s.err
}

// complete ends a segment's encoder and seals the file.
func (s *segments) complete(c *segmentFile) error {
	err := errors.Join(c.encoder.Close(), c.file.Close())
	if err != nil || s.run.segmentKey == "" || s.ended() != nil {
		return err
	}
	spec := &s.run.spec
	sealed := seal[segmentFacts]{Key: s.run.segmentKey, Attempt: spec.Attempt, Provider: spec.Origin.Provider, Facts: c.facts}
	return sealed.write(spec.Work, c.name+sealEnd, c.name+partEnd)
}

// Close implements Encoder: every file is complete, and sealed unless the pass
// was ended early.
func (s *segments) Close() error {
	_ = s.end()
	return s.end() // knows of the last one, too
}

// parts lists the segments for the muxer.
func parts(work *os.Root, known []segmentFacts) media.Parts {
	p := media.Parts{Dir: work}
	for k, s := range known {
		p.List = append(p.List, media.Part{Name: partName(k) + partEnd, Start: s.Start})
	}
	return p
}
