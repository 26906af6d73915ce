package onnx

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"uredit/pipeline/fault"
)

// driver is a library of two cards in place of the real one.
const driver = `
#include <string.h>
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **card) { *card = (void *)(long)(i + 1); return i > 1; }
int nvmlDeviceGetHandleByUUID(const char *uuid, void **card) { *card = (void *)2; return strcmp(uuid, "GPU-abc"); }
int nvmlDeviceGetMemoryInfo(void *card, unsigned long long *m) { m[0] = 24000000000ull; m[1] = (long)card * 3000000000ull; m[2] = m[0] - m[1]; return 0; }
int nvmlDeviceGetName(void *card, char *name, unsigned size) { strncpy(name, "Test Card", size); return 0; }
`

// TestLookUp asks a driver for cards by number and by UUID.
func TestLookUp(t *testing.T) {
	dir := t.TempDir()
	source, library := filepath.Join(dir, "ml.c"), filepath.Join(dir, "libml.so")
	if err := os.WriteFile(source, []byte(driver), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	for id, free := range map[string]int64{"0": 3e9, "1": 6e9, "GPU-abc": 6e9} {
		c, err := lookUp(library, id)
		if want := (card{"Test Card", free, 24e9}); err != nil || c != want {
			t.Errorf("card %s: %+v, %v; want %+v", id, c, err, want)
		}
	}
	for _, c := range []struct{ library, id string }{{library, "2"}, {library, "GPU-x"}, {filepath.Join(dir, "absent.so"), "0"}, {"libc.so.6", "0"}} {
		if found, err := lookUp(c.library, c.id); err == nil {
			t.Errorf("card %s of %s is %+v", c.id, c.library, found)
		}
	}
}

func TestVisible(t *testing.T) {
	for _, c := range []struct {
		n    int
		list string
		set  bool
		want string
	}{
		{3, "", false, "3"},
		{0, "", true, ""},
		{0, "2,5", true, "2"},
		{1, "2, GPU-abc", true, "GPU-abc"},
		{2, "2,5", true, ""},
		{0, "MIG-GPU-abc/1/0", true, ""},
		{0, "-1", true, ""},
	} {
		if got := visible(c.n, c.list, c.set); got != c.want {
			t.Errorf("device %d of %q: %q, want %q", c.n, c.list, got, c.want)
		}
	}
}

func TestFits(t *testing.T) {
	c := card{"Test Card", 6e9, 24e9}
	for _, bytes := range []int64{0, 1e6, 3e9} {
		if err := c.fits("cuda:1", bytes); err != nil {
			t.Errorf("%d bytes: %v", bytes, err)
		}
	}
	err := c.fits("cuda:1", 5e9)
	if err == nil {
		t.Fatal("5 GB of weights fit into 6 GB")
	}
	for _, s := range []string{"cuda:1", "Test Card", "8.1 GB", "5.0 GB", "6.0 GB of 24.0 GB"} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
	if f := fault.Of(err); f.Code != fault.DeviceMemory || !f.Retryable || f.Hint == "" {
		t.Errorf("fault %+v", f)
	}
	if err := cpu(t).Fits(1 << 60); err != nil {
		t.Errorf("the CPU: %v", err)
	}
}

func TestKind(t *testing.T) {
	if got := cpu(t).Kind(); got != "cpu" {
		t.Errorf("the CPU is of the kind %q", got)
	}
	// No such card is needed to tell one provider from the other.
	for want, d := range map[string]*Device{"cuda": {cuda: 99}, "tensorrt": {cuda: 99, trt: true}} {
		if got := d.Kind(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestBatchByMemory(t *testing.T) {
	for free, want := range map[int64]int{2e9: 1, 15e9: 2, 24e9: 2, 79e9: 4} {
		if got := (card{free: free}).batch(); got != want {
			t.Errorf("%d bytes: %d, want %d", free, got, want)
		}
	}
	if n := cpu(t).Batch(); n != 1 {
		t.Errorf("the CPU edits %d frames at once", n)
	}
}
