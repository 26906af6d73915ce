package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"uredit/pipeline"
	"uredit/pipeline/fault"
	"uredit/pipeline/media"
)

// scripted is an engine without networks. What it does is the edit prompt's
// first word.
type scripted struct {
	device string
	// busy, when set, gets a value for each edit that is under way.
	busy chan string
}

func (e *scripted) Device() string { return e.device }

func (e *scripted) Models(pipeline.Spec) map[string]string {
	return map[string]string{"unet/model.onnx": strings.Repeat("0", 64)}
}

func (e *scripted) Provider() string { return "script" }

func (e *scripted) Edit(ctx context.Context, spec pipeline.Spec, report func(pipeline.Progress)) (pipeline.Result, error) {
	if _, err := spec.Input.Stat(); err != nil {
		return pipeline.Result{}, err
	}
	report(pipeline.Progress{Stage: pipeline.Extracting, Total: 4, Input: &media.Info{Width: 64, Height: 48, Frames: 4}})
	report(pipeline.Progress{Stage: pipeline.Masking, Frame: 1, Total: 4})
	report(pipeline.Progress{Stage: pipeline.Propagating, Frame: 4, Total: 4})
	if err := spec.Work.WriteFile("mask.mp4", []byte("the masks"), 0o600); err != nil {
		return pipeline.Result{}, err
	}
	report(pipeline.Progress{Stage: pipeline.Editing, Total: 4, MaskFile: "mask.mp4"})
	if e.busy != nil {
		select {
		case e.busy <- spec.EditPrompt:
		case <-ctx.Done():
			return pipeline.Result{}, fmt.Errorf("edit: %w", ctx.Err())
		}
	}
	if err := e.act(ctx, spec, report); err != nil {
		return pipeline.Result{}, err
	}
	report(pipeline.Progress{Stage: pipeline.Editing, Frame: 4, Total: 4})
	report(pipeline.Progress{Stage: pipeline.Smoothing, Frame: 4, Total: 4})
	report(pipeline.Progress{Stage: pipeline.Saving, Frame: 4, Total: 4})
	if err := spec.Work.WriteFile("output.mp4", []byte("edited: "+spec.EditPrompt), 0o600); err != nil {
		return pipeline.Result{}, err
	}
	return pipeline.Result{OutputFile: "output.mp4", MaskFile: "mask.mp4", Frames: 4,
		Input: media.Info{Frames: 4}, Output: media.Info{Frames: 4}, Warnings: []string{"2 frames show nothing of it"}}, nil
}

func (e *scripted) act(ctx context.Context, spec pipeline.Spec, report func(pipeline.Progress)) error {
	switch what, rest, _ := strings.Cut(spec.EditPrompt, " "); what {
	case "wait": // until the job is ended
		<-ctx.Done()
		return fmt.Errorf("edit: %w", ctx.Err())
	case "take": // some time, with progress
		return take(ctx, rest, report)
	case "deaf": // one call that nothing can end
		d, err := time.ParseDuration(rest)
		if err != nil {
			return err
		}
		<-time.After(d)
		return ctx.Err()
	case "panic":
		panic("bad weights")
	case "fault":
		return &fault.Error{Code: rest, Stage: "editing", Hint: "look there", Err: errors.New("the edit broke")}
	case "pass": // an error that may pass
		return &fault.Error{Code: fault.OutputUnwritable, Stage: "editing", Retryable: true, Err: errors.New("the edit broke")}
	case "fill":
		return fill(spec.Work)
	case "die":
		// Once, when the rest names a file that is not there yet; else always.
		if rest != "" {
			f, err := os.OpenFile(rest, os.O_CREATE|os.O_EXCL, 0o644)
			if err != nil {
				return nil
			}
			f.Close()
		}
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return nil
}

// take works as long as the first word of s says.
func take(ctx context.Context, s string, report func(pipeline.Progress)) error {
	word, _, _ := strings.Cut(s, " ")
	d, err := time.ParseDuration(word)
	if err != nil {
		return err
	}
	const steps = 100
	for i := range steps {
		select {
		case <-ctx.Done():
			return fmt.Errorf("edit: %w", ctx.Err())
		case <-time.After(d / steps):
		}
		report(pipeline.Progress{Stage: pipeline.Editing, Frame: i + 1, Total: steps})
	}
	return nil
}

// fill writes until the disk is full.
func fill(work *os.Root) error {
	f, err := work.Create("big")
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return fmt.Errorf("write frame: %w", err)
		}
	}
}
