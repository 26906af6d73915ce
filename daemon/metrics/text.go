package metrics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// text is an exposition under construction.
type text struct{ strings.Builder }

func (t *text) head(name, kind, help string) {
	fmt.Fprintf(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// one writes a metric without labels.
func (t *text) one(name, kind, help string, value float64) {
	t.head(name, kind, help)
	t.sample(name, value)
}

// sample writes a value; labels are names and values in turn.
func (t *text) sample(name string, value float64, labels ...string) {
	t.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		t.WriteByte("{,"[min(i, 1)])
		t.WriteString(labels[i] + `="` + escape.Replace(labels[i+1]) + `"`)
	}
	if len(labels) > 0 {
		t.WriteByte('}')
	}
	t.WriteString(" " + number(value) + "\n")
}

// histogram writes the samples of one histogram.
func (t *text) histogram(name string, h *histogram, labels ...string) {
	n := uint64(0)
	for i, count := range h.buckets {
		n += count
		le := "+Inf"
		if i < len(h.bounds) {
			le = number(h.bounds[i])
		}
		t.sample(name+"_bucket", float64(n), append(slices.Clone(labels), "le", le)...)
	}
	t.sample(name+"_sum", h.sum, labels...)
	t.sample(name+"_count", float64(n), labels...)
}

// escape is how the format writes a label's value.
var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}
