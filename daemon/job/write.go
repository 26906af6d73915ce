package job

import (
	"fmt"
	"maps"
	"reflect"
	"strings"

	"uredit/daemon/document"
)

// YAML returns a request file with every key that is not at its default, ended
// by the line "..." that lets the daemon take it at once. Parse gives r back.
func (r *Request) YAML() []byte {
	var pairs []document.Pair
	value, standard := reflect.ValueOf(*r), reflect.ValueOf(Default())
	for i, f := range reflect.VisibleFields(value.Type()) {
		if f.Name == "Extra" || value.Field(i).Equal(standard.Field(i)) {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		pairs = append(pairs, document.Pair{Key: name, Value: value.Field(i).Interface()})
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
