package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"uredit/daemon/check"
	"uredit/daemon/config"
	"uredit/pipeline/fault"
	"uredit/pipeline/onnx"
	"uredit/pipeline/opencv"
	"uredit/pipeline/pix2pix"
	"uredit/pipeline/segment"
	"uredit/pipeline/tensor"
)

const checkHelp = `[--config FILE] [-o text|json]

Looks at everything that jobs need, and says for each thing whether it is well
and, if not, what to do. Run it as the service's user. Exit status: 0 all is
well, 3 something is wrong, 4 there are warnings only.`

// errFound ends check after it printed what it found.
type errFound struct{ level check.Level }

func (e errFound) Error() string {
	if e.level == check.Error {
		return "something that jobs need is missing or broken"
	}
	return "jobs can run; something could be better"
}

// checkCommand says whether everything that a job needs is here.
func checkCommand(ctx context.Context, c console, args []string) error {
	f := flags(c, "check", checkHelp)
	configFile := f.String("config", "", "configuration `file`")
	format := f.String("o", "text", "how to print: text or json")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return usagef("check takes no arguments, got %q", f.Args())
	}
	if *format != "text" && *format != "json" {
		return usagef("-o wants text or json, not %q", *format)
	}
	r := &check.Report{}
	examineHost(ctx, r, check.This(), *configFile)
	if err := printReport(c.out, r, *format); err != nil {
		return err
	}
	if worst := r.Worst(); worst != check.OK {
		return errFound{worst}
	}
	return nil
}

// examineHost asks everything; what one answer makes pointless is left out.
func examineHost(ctx context.Context, r *check.Report, this *check.Host, configFile string) {
	path := configPath(configFile)
	cfg, err := config.Load(path)
	if faults, ok := errors.AsType[config.Faults](err); ok {
		for _, f := range faults {
			where := *f
			where.Hint = ""
			r.Error("configuration", f.Hint, "%v", &where)
		}
		return
	}
	if err != nil {
		r.Error("configuration", "name a file that is there, or none for the defaults", "%v", err)
		return
	}
	if path == "" {
		path = "no file: the defaults"
	}
	r.OK("configuration", "%s", path)
	this.Check(r, &cfg, shareTimeout)
	h := newHost(cfg)
	defer h.close()
	r.OK("opencv", "%s", opencv.Version())
	for _, s := range h.steps() {
		found, err := s.do(ctx)
		note(r, s.name, found, err)
	}
	for _, w := range h.warnings {
		r.Warn("bundle", "export a whole bundle, which has a manifest, with models/export", "%s", w)
	}
	for _, w := range h.leftOut {
		r.Warn("cards", "name the devices, to choose them yourself", "%s", w)
	}
	h.checkDevices(ctx, r)
	if h.bundle != nil {
		checkMemory(r, h.bundle.Dir(), "/proc/meminfo")
	}
}

// checkDevices opens each device, and on the first that opens the models.
func (h *host) checkDevices(ctx context.Context, r *check.Report) {
	if h.runtime == nil {
		return
	}
	loaded := false
	for _, p := range h.places {
		h.checkCard(r, p)
		d, err := h.device(p, len(h.places))
		note(r, "device "+p.Name, "opens", err)
		if err != nil {
			continue
		}
		if h.bundle != nil && !loaded {
			h.checkGraphs(ctx, r, d.Load)
			loaded = true
		}
		_ = d.Close() // with the models; it was opened to see that it opens
	}
}

// checkCard says what the driver knows of a device's card, and compares its free
// memory with what the models need.
func (h *host) checkCard(r *check.Report, p onnx.Place) {
	ask := h.card(p)
	if ask == nil {
		return
	}
	c, err := ask()
	if err != nil {
		note(r, "card "+p.Name, "", err)
		return
	}
	text := c.String()
	if c.Celsius >= 0 {
		text += fmt.Sprintf(", %d degrees Celsius", c.Celsius)
	}
	text += fmt.Sprintf(", %.1f GB free", float64(c.Free)/1e9)
	if h.bundle == nil {
		r.OK("card "+p.Name, "%s", text)
		return
	}
	weights, err := weigh(h.bundle.Dir())
	if err == nil {
		text += fmt.Sprintf(", the models need about %.1f GB", float64(onnx.Needed(weights))/1e9)
		err = onnx.FitsOn(c, p.Name, weights)
	}
	note(r, "card "+p.Name, text, err)
}

// checkGraphs loads both parts of the bundle, which finds graphs with other
// inputs and outputs than are wanted. A part that is missing has its warning.
func (h *host) checkGraphs(ctx context.Context, r *check.Report, load tensor.Loader) {
	const found = "its graphs load, and have the inputs and outputs that are wanted"
	if dir, err := h.bundle.SAM3(); err == nil {
		_, err := segment.Open(ctx, dir, load)
		note(r, "sam3", found, err)
	}
	if dir, err := h.bundle.Pix2Pix(); err == nil {
		_, err := pix2pix.Open(ctx, dir, load)
		note(r, "pix2pix", found, err)
	}
}

// note adds the outcome of a step.
func note(r *check.Report, name, found string, err error) {
	if err == nil {
		r.OK(name, "%s", found)
		return
	}
	r.Error(name, fault.Of(err).Hint, "%v", err)
}

// checkMemory compares the models, which stay loaded, with the memory that is
// free. On a GPU they need about as much of its own.
func checkMemory(r *check.Report, bundle, meminfo string) {
	size, err := weigh(bundle)
	free, ok := available(meminfo)
	if err == nil && ok && size > free {
		r.Warn("memory", "free memory, or use a bundle in half precision (models/export)",
			"the models have %d MB, %d MB of memory are free", size>>20, free>>20)
	}
}

// weigh returns how many bytes the files of a folder hold.
func weigh(folder string) (bytes int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}

// available returns how many bytes of memory a new program may have.
func available(meminfo string) (bytes int64, ok bool) {
	f, err := os.Open(meminfo)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), "MemAvailable:"); found {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return kb << 10, err == nil
		}
	}
	return 0, false
}

// printReport writes findings: a line each, or one JSON document.
func printReport(out io.Writer, r *check.Report, format string) error {
	if format == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Worst  check.Level     `json:"worst"`
			Checks []check.Finding `json:"checks"`
		}{r.Worst(), r.Findings})
	}
	for _, f := range r.Findings {
		if _, err := fmt.Fprintln(out, f); err != nil {
			return err
		}
	}
	return nil
}
