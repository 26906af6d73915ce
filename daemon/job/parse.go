package job

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"uredit/daemon/document"
)

// MaxRequestBytes is the largest request file.
const MaxRequestBytes = 256 << 10

// Complete reports whether data ends in a line "...", YAML's own end of a
// document: such a file is not still being written.
func Complete(data []byte) bool { return document.Complete(data) }

// Parse reads a request file as it lies in the inbox: YAML or JSON, paths
// absolute. The name of the file is for messages; one that ends in .json must
// hold JSON. Warnings are sentences about what is kept and not used. An error
// is always an Errors, with every fault of the file.
func Parse(file string, data []byte) (req Request, warnings []string, err error) {
	return Draft{File: file, Data: data}.Parse()
}

// Draft is a request that a user puts together on a command line: a file, flags
// that win over it, or flags alone.
type Draft struct {
	File string // as the user named it; "" for flags alone
	Data []byte // what File holds
	// Dir is absolute: relative paths are taken from there. With "", relative
	// paths are faults.
	Dir   string
	Flags *Flags // nil for none
	// Complete, unless nil, fills in what the user may leave out. It sees
	// absolute paths, and is called before the request is judged.
	Complete func(*Request)
	// Check, unless nil, is called with a request that is good in itself, and
	// may find one more fault: where its paths lead to.
	Check func(*Request) *Error
}

// Parse reads and judges the request, by the rules of the function Parse.
func (d Draft) Parse() (req Request, warnings []string, err error) {
	m, r, fault := d.read()
	if fault != nil {
		e := invalid(fault)
		if len(d.Data) > MaxRequestBytes {
			e.Code, e.Hint = CodeTooLarge, "a request holds a few lines; it names its video by a path"
		}
		return Request{}, nil, Errors{e}
	}
	if d.Dir != "" {
		r.InputVideoPath = absolute(d.Dir, r.InputVideoPath)
		r.OutputDir = absolute(d.Dir, r.OutputDir)
	}
	if d.Complete != nil {
		d.Complete(&r)
	}
	d.judge(m, &r)
	if list := m.Faults(); len(list) > 0 {
		faults := make(Errors, len(list))
		for i, f := range list {
			faults[i] = invalid(f)
		}
		return Request{}, nil, faults
	}
	if d.Check != nil {
		if e := d.Check(&r); e != nil {
			return Request{}, nil, Errors{placed(m, e)}
		}
	}
	return r, r.warnings(), nil
}

// Place returns an error about a key of the request, as it came to light later,
// with the line or the flag that is to blame.
func (d Draft) Place(e *Error) *Error {
	if e.Key == "" || e.File != "" {
		return e
	}
	m, _, fault := d.read()
	if fault != nil {
		return e
	}
	return placed(m, e)
}

// read returns the values of the file and the flags, and the mapping that
// knows where they stand.
func (d Draft) read() (m *document.Mapping, r Request, fault *document.Fault) {
	r = Default()
	if d.File == "" {
		m = document.Empty()
	} else if m, fault = document.Parse(d.File, d.Data, MaxRequestBytes); fault != nil {
		return nil, r, fault
	}
	m.Override(d.Flags.lookup)
	r.decode(m)
	if d.File == "" {
		for _, f := range r.fields() {
			m.Name(f.key, "--"+f.flag)
		}
	}
	return m, r, nil
}

// placed returns e with the place of its key in m, which has no fault.
func placed(m *document.Mapping, e *Error) *Error {
	m.Fault(e.Key, e.Message, e.Hint)
	faults := m.Faults()
	f := faults[len(faults)-1]
	at := *e
	at.File, at.Line, at.Key = f.File, f.Line, f.Key
	return &at
}

// judge adds the faults of r, which was read from m.
func (d Draft) judge(m *document.Mapping, r *Request) {
	for _, f := range r.fields() {
		if f.required() && f.value() == "" && (!m.Has(f.key) || m.Null(f.key)) {
			message, hint := f.missing(d.File != "")
			m.Fault(f.key, message, hint)
		}
	}
	for _, f := range r.check() {
		m.Fault(f.key, f.message, f.hint)
	}
	m.Unknown(misplaced)
}

// Validate checks a request that came from no file, by the rules of Parse. An
// error is always an Errors.
func (r *Request) Validate() error {
	var faults Errors
	for _, f := range r.check() {
		faults = append(faults, invalid(&document.Fault{Key: f.key, Message: f.message, Hint: f.hint}))
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// misplaced holds hints for keys that other tools, or other places of this
// file, know.
var misplaced = map[string]string{
	"model_path":     "it belongs below extra:",
	"sam_path":       "it belongs below extra:",
	"job_name":       "it belongs below extra:",
	"notes":          "it belongs below extra:",
	"step":           "did you mean num_inference_steps?",
	"steps":          "did you mean num_inference_steps?",
	"prompt":         "did you mean edit_prompt?",
	"input":          "did you mean input_video_path?",
	"input_path":     "did you mean input_video_path?",
	"output":         "did you mean output_dir?",
	"output_path":    "did you mean output_dir?",
	"frames":         "did you mean max_frames?",
	"crf":            "did you mean video_crf?",
	"codec":          "did you mean video_codec?",
	"<<":             "write the keys out",
	"dilate_kernel":  "only erode_kernel exists: it shrinks the mask",
	"mask_feather":   "did you mean feather?",
	"inference_step": "did you mean num_inference_steps?",
}

func invalid(f *document.Fault) *Error {
	return &Error{Code: CodeInvalidRequest, Message: f.Message, Hint: f.Hint, File: f.File, Line: f.Line, Key: f.Key}
}

// absolute takes a path from dir. What is no path at all stays as it is, for
// the message about it.
func absolute(dir, path string) string {
	if path == "" || filepath.IsAbs(path) || strings.HasPrefix(path, "~") || strings.Contains(path, "://") {
		return path
	}
	return filepath.Join(dir, path)
}

// decode reads every key of a request.
func (r *Request) decode(m *document.Mapping) {
	extra := m.Mapping("extra")
	for _, f := range r.fields() {
		if key, below := strings.CutPrefix(f.key, "extra."); below {
			f.read(extra, key)
		} else {
			f.read(m, f.key)
		}
	}
	r.Extra.decode(extra)
}

// decode reads the free part: whatever is there is kept.
func (e *Extra) decode(m *document.Mapping) {
	for _, key := range m.Keys() {
		if key == "model_path" || key == "sam_path" || m.Null(key) {
			continue
		}
		value := m.Any(key)
		text, isText := value.(string)
		switch {
		case key == "job_name" && isText:
			e.JobName = text
		case key == "notes" && isText:
			e.Notes = text
		default:
			if e.Other == nil {
				e.Other = map[string]any{}
			}
			e.Other[key] = value
		}
	}
}

// warnings tells what of a valid request has no effect.
func (r *Request) warnings() []string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(r.Extra.Other)) {
		list = append(list, fmt.Sprintf("extra.%s is kept and not used", key))
	}
	if r.Mode == Video && r.FrameIndex != 0 {
		list = append(list, "frame_index has no effect with mode: video")
	}
	if r.Mode == SingleFrame && r.MaxFrames != 0 {
		list = append(list, "max_frames has no effect with mode: single_frame")
	}
	return list
}
