package nvml

import (
	"errors"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// driver builds the library of testdata.
func driver(t *testing.T) (library string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "libml.so")
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", file, "testdata/driver.c").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return file
}

func TestCards(t *testing.T) {
	l, err := Open(driver(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := l.Version(), "driver 550.54.15, up to CUDA 12.4"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	const zeros = "-0000-0000-0000-000000000000"
	want := []Card{
		{UUID: "GPU-aaaa1111" + zeros, Name: "Test Card 24GB", Total: 24e9, Free: 6e9, Used: 18e9, Celsius: 41},
		{UUID: "GPU-bbbb2222" + zeros, Name: "Test Card 40GB", Total: 40e9, Free: 30e9, Used: 10e9, Celsius: 40, Divided: true, Instances: []Card{
			{UUID: "MIG-cccc3333" + zeros, Name: "Test Card 40GB MIG 3g.20gb", Total: 20e9, Free: 19e9, Used: 1e9, Celsius: 40},
			{UUID: "MIG-dddd4444" + zeros, Name: "Test Card 40GB MIG 2g.10gb", Total: 10e9, Free: 10e9, Celsius: 40},
		}},
	}
	got, err := l.Cards()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v\nwant\n%+v", err, got, want)
	}
	for _, c := range []Card{want[0], want[1].Instances[1]} {
		if got, err := l.Card(c.UUID); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%s: %+v, %v", c.UUID, got, err)
		}
	}
	if _, err := l.Card("GPU-x"); err == nil {
		t.Error("there is a GPU-x")
	}
	l.Close()
	l.Close()
	if _, err := l.Cards(); err == nil {
		t.Error("a closed library lists cards")
	}
}

func TestOpenFails(t *testing.T) {
	t.Setenv("NVML_FAULT", "9")
	if _, err := Open(driver(t)); err == nil || !strings.Contains(err.Error(), "Driver Not Loaded") {
		t.Errorf("a driver that is not loaded: %v", err)
	}
	if _, err := Open("libc.so.6"); err == nil || !strings.Contains(err.Error(), "nvmlInit_v2") {
		t.Errorf("another library: %v", err)
	}
	if _, err := Open("/nowhere.so"); !errors.Is(err, ErrNone) {
		t.Errorf("no library: %v", err)
	}
}
