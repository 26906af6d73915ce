package onnx

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

// Load opens the graph in a file, or returns the one that is open already. A
// file that was replaced since is loaded anew; a model of the old file then
// refuses to run. Graphs are loaded one after another. Load is a tensor.Loader;
// its models are io.Closers.
//
// The library cannot be stopped while it loads. When ctx ends, Load returns at
// once all the same, the graph is let go as soon as it is there, and the next
// Load and Close wait for that.
func (d *Device) Load(ctx context.Context, path string) (tensor.Model, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	select {
	case d.loading <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	done := make(chan loaded)
	go func() {
		defer func() { <-d.loading }()
		l := d.find(ctx, path)
		select {
		case done <- l:
		case <-ctx.Done():
			if l.fresh {
				_ = l.session.Close() // nobody knows it
			}
		}
	}()
	select {
	case l := <-done:
		if l.err != nil {
			return nil, l.err
		}
		return l.session, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// loaded is what came of a load.
type loaded struct {
	session *session
	fresh   bool // it was not open before
	err     error
}

// find returns the session of a file, opened if need be. The caller holds
// d.loading.
func (d *Device) find(ctx context.Context, path string) loaded {
	file, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return loaded{err: fault.New(fault.ModelMissing, "the model folder is incomplete: copy or export it again",
			fmt.Errorf("load model: %w", err))}
	case err != nil:
		return loaded{err: fault.New(fault.ModelInvalid, "make the model folder readable: chmod -R a+rX",
			fmt.Errorf("load model: %w", err))}
	}
	d.mu.Lock()
	closed, old := d.closed, d.sessions[path]
	d.mu.Unlock()
	switch {
	case closed:
		return loaded{err: fmt.Errorf("load model %s: device %s is closed", path, d.name)}
	case old != nil && sameFile(old.file, file):
		return loaded{session: old}
	case old != nil:
		// Before the new one, so that a card need not hold both.
		_ = old.Close()
	}
	if ctx.Err() != nil {
		return loaded{err: context.Cause(ctx)}
	}
	s, err := d.open(path, file)
	if err != nil {
		return loaded{err: err}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sessions[path] = s
	return loaded{session: s, fresh: true}
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// forget drops a session that was closed.
func (d *Device) forget(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sessions[s.path] == s {
		delete(d.sessions, s.path)
	}
}

// Close closes the device's graphs; loads and runs under way are waited for.
// Models of a closed device refuse to run.
func (d *Device) Close() error {
	d.loading <- struct{}{}
	defer func() { <-d.loading }()
	d.mu.Lock()
	closed := d.closed
	d.closed = true
	open := slices.Collect(maps.Values(d.sessions))
	d.mu.Unlock()
	if closed {
		return nil
	}
	for _, s := range open {
		_ = s.Close() // it has no error
	}
	d.runtime.remove(d)
	return nil
}
