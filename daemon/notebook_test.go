package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestNotebook: a trouble is logged when it begins, when it changes and when it
// is over, and forgotten when nobody meets it any more.
func TestNotebook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		n := newNotebook(slog.New(slog.NewTextHandler(&log, nil)))
		lines := func() int { defer log.Reset(); return strings.Count(log.String(), "\n") }
		bad := errors.New("no room")
		for range 3 {
			if !n.trouble("inbox", bad) {
				t.Error("an error is no trouble")
			}
			time.Sleep(noteLasts / 2) // of the bubble's clock
		}
		if got := lines(); got != 1 || n.troubles() != 1 {
			t.Errorf("%d lines, %d troubles while it lasts", got, n.troubles())
		}
		n.trouble("inbox", errors.New("no share"))
		if n.trouble("inbox", nil) || n.trouble("queue", nil) {
			t.Error("what is well is a trouble")
		}
		if got := lines(); got != 2 || n.troubles() != 0 {
			t.Errorf("%d lines, %d troubles after its end", got, n.troubles())
		}
		n.trouble("inbox/gone.yaml", bad)
		time.Sleep(noteLasts + time.Second)
		if got := n.troubles(); got != 0 {
			t.Errorf("%d troubles of what is gone", got)
		}
	})
}

// TestNotebookIsBounded: names that come and go do not pile up.
func TestNotebookIsBounded(t *testing.T) {
	n := newNotebook(slog.New(slog.DiscardHandler))
	for i := range 3 * maxNotes {
		n.trouble(fmt.Sprintf("inbox/%d.yaml", i), errors.New("no"))
	}
	if got := n.troubles(); got > maxNotes {
		t.Errorf("%d notes are kept, want %d at most", got, maxNotes)
	}
}
