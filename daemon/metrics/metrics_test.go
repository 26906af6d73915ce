package metrics

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"uredit/daemon"
	"uredit/daemon/job"
	"uredit/daemon/spool"
)

var _ daemon.Meter = (*Metrics)(nil)

func TestWrite(t *testing.T) {
	m := New()
	m.Built(map[string]string{"uredit": `1 "x"\`, "go": "go1"})
	m.DevicesAsked([]spool.Device{
		{Name: "GPU-a", UUID: "GPU-a1", Card: "Test Card", MemoryUsed: 2e9, MemoryTotal: 8e9, Celsius: new(41), JobID: "x", Stage: "editing", FPS: 2.5},
		{Name: "cuda:0", UUID: "GPU-a1", Card: "Test Card", MemoryUsed: 2e9, MemoryTotal: 8e9, Celsius: new(41)},
		{Name: "cpu"},
	})
	m.Ran("cpu", "unet", 2*time.Millisecond)
	m.Ran("cpu", "unet", 5*time.Second)
	m.Ran("cpu", "vision", 250*time.Millisecond)
	m.Ran("cuda:0", "unet", time.Second)
	if got := m.Networks("cpu"); got.Round(time.Millisecond) != 5252*time.Millisecond {
		t.Errorf("networks ran for %v on the CPU", got)
	}
	m.Observe(daemon.Condition{Devices: 2, Busy: 1, Queued: 5, Paused: true, Troubles: 3, Oldest: time.Now().Add(-time.Hour)})
	m.JobEnded(job.OutcomeFinished, "")
	m.JobEnded(job.OutcomeFinished, "")
	m.JobEnded(job.OutcomeRejected, "too_large")
	m.JobRequeued()
	m.CacheAsked(job.CachedMasks, "miss")
	m.CacheAsked(job.CachedResult, "hit")
	m.CacheAsked(job.CachedResult, "hit")
	m.CacheHolds(12345)
	at := time.Now()
	for _, d := range []time.Duration{time.Second, 2 * time.Second, 10 * time.Hour} {
		m.StageEnded(job.StageTime{Name: job.Editing, StartedAt: at, EndedAt: at.Add(d), Frames: 100})
	}
	var b strings.Builder
	if err := m.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`uredit_build_info{go="go1",uredit="1 \"x\"\\"} 1`,
		`uredit_devices 2`, `uredit_jobs{status="running"} 1`, `uredit_jobs{status="queued"} 5`, `uredit_paused 1`, `uredit_troubles 3`,
		`uredit_queue_oldest_seconds 3600.`, `uredit_jobs_total{outcome="finished"} 2`, `uredit_jobs_total{outcome="failed"} 0`,
		`uredit_inbox_rejected_total{reason="too_large"} 1`, `uredit_jobs_requeued_total 1`, `uredit_frames_total{stage="editing"} 300`,
		`uredit_cache_bytes 12345`, `uredit_cache_requests_total{part="result",answer="hit"} 2`, `uredit_cache_requests_total{part="masks",answer="miss"} 1`,
		`uredit_job_stage_duration_seconds_bucket{stage="editing",le="1"} 1`,
		`uredit_job_stage_duration_seconds_bucket{stage="editing",le="5"} 2`,
		`uredit_job_stage_duration_seconds_bucket{stage="editing",le="14400"} 2`,
		`uredit_job_stage_duration_seconds_bucket{stage="editing",le="+Inf"} 3`,
		`uredit_device_info{device="GPU-a",uuid="GPU-a1",card="Test Card"} 1`, `uredit_device_info{device="cpu",uuid="",card=""} 1`,
		`uredit_device_busy{device="GPU-a",uuid="GPU-a1"} 1`, `uredit_device_busy{device="cpu",uuid=""} 0`,
		`uredit_stage_frames_per_second{device="GPU-a",uuid="GPU-a1",stage="editing"} 2.5`,
		`uredit_gpu_memory_used_bytes{uuid="GPU-a1"} 2e+09`, `uredit_gpu_memory_total_bytes{uuid="GPU-a1"} 8e+09`,
		`uredit_gpu_temperature_celsius{uuid="GPU-a1"} 41`,
		`uredit_inference_seconds_bucket{device="cpu",model="unet",le="0.003"} 1`, `uredit_inference_seconds_bucket{device="cpu",model="unet",le="3"} 1`,
		`uredit_inference_seconds_count{device="cpu",model="unet"} 2`, `uredit_inference_seconds_sum{device="cuda:0",model="unet"} 1`,
		`uredit_job_stage_duration_seconds_sum{stage="editing"} 36003`, `uredit_job_stage_duration_seconds_count{stage="editing"} 3`,
	} {
		if !strings.Contains(b.String(), "\n"+want) {
			t.Errorf("no %s", want)
		}
	}
	if n := strings.Count(b.String(), "uredit_gpu_temperature_celsius{"); n != 1 {
		t.Errorf("one card has %d temperatures", n)
	}
	// Every sample belongs to the head before it, in the format's own syntax.
	line := regexp.MustCompile(`^([a-z_]+)(\{[a-z]+="(?:[^"\\]|\\.)*"(?:,[a-z]+="(?:[^"\\]|\\.)*")*\})? [-+0-9.e]+$`)
	name := ""
	for l := range strings.Lines(b.String()) {
		l = strings.TrimSuffix(l, "\n")
		if head, ok := strings.CutPrefix(l, "# TYPE "); ok {
			name, _, _ = strings.Cut(head, " ")
			continue
		}
		if strings.HasPrefix(l, "# HELP ") {
			continue
		}
		if p := line.FindStringSubmatch(l); p == nil || !strings.HasPrefix(p[1], name) {
			t.Errorf("under %s: %q", name, l)
		}
	}
	if t.Failed() {
		t.Log(b.String())
	}
}

func TestWriteBeforeTheFirstTurn(t *testing.T) {
	var b strings.Builder
	if err := New().Write(&b); err != nil || strings.Contains(b.String(), "loop_age") || !strings.Contains(b.String(), "uredit_build_info 1\n") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
