package report_test

import (
	"testing"
	"testing/synctest"
	"time"

	"uredit/daemon/job"
)

// Frames that an earlier attempt did say nothing of the speed of this one.
func TestContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, t.TempDir())
		r := p.mustStart(token, 2)
		r.Stage(job.Editing, 0, 1000, "")
		r.Continue(840)
		for i := 840; i <= 940; i++ {
			r.Stage(job.Editing, i, 1000, "")
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(600 * time.Millisecond) // the last frame is written
		synctest.Wait()
		defer func() { must(t, r.Close()) }()
		rec := p.record()
		stage := rec.Stages[len(rec.Stages)-1]
		if stage.Frames != 100 || stage.FPS < 9 || stage.FPS > 10.5 || *rec.CurrentFrame != 940 || rec.ETASeconds == nil || *rec.ETASeconds < 5.5 || *rec.ETASeconds > 7 {
			t.Errorf("job.json: %s", rec.JSON())
		}
	})
}
