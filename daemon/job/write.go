package job

import (
	"fmt"
	"maps"
	"strings"

	"uredit/daemon/document"
)

// YAML returns a request file with every key that is not at its default, ended
// by the line "..." that lets the daemon take it at once. Parse gives r back.
func (r *Request) YAML() []byte {
	var pairs []document.Pair
	standard := Default()
	defaults := standard.fields()
	for i, f := range r.fields() {
		if f.value() != defaults[i].value() && !strings.HasPrefix(f.key, "extra.") {
			pairs = append(pairs, document.Pair{Key: f.key, Value: f.value()})
		}
	}
	if extra := r.Extra.values(); len(extra) > 0 {
		pairs = append(pairs, document.Pair{Key: "extra", Value: extra})
	}
	data, err := document.Write(pairs)
	if err != nil {
		// Text, numbers, and what a document held before can be written.
		panic(fmt.Sprintf("write request: %v", err))
	}
	return data
}

// values returns the keys below "extra".
func (e *Extra) values() map[string]any {
	out := maps.Clone(e.Other)
	if out == nil {
		out = map[string]any{}
	}
	for key, v := range map[string]string{
		"model_path": e.ModelPath, "sam_path": e.SAMPath, "job_name": e.JobName, "notes": e.Notes,
	} {
		if v != "" {
			out[key] = v
		}
	}
	return out
}
