package daemon

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"uredit/daemon/job"
)

// Codes of the pipeline that the resolving of paths shares; see package fault.
const (
	codeModelMissing     = "model_missing"
	codeModelNotExported = "model_not_exported"
)

// Models says which model a job uses.
type Models struct {
	Aliases   map[string]string // an old path to a part of a bundle
	Roots     []string          // directories in which requested models may lie
	Editor    string            // the host's pix2pix part; "" for the engine's own
	Segmenter string            // the host's sam3 part; "" for the engine's own
}

// FromEnv returns m with what the old worker's environment variables
// say.
func (m Models) FromEnv(getenv func(string) string) Models {
	m.Editor = cmp.Or(getenv("INSTRUCT_PIX2PIX_MODEL_PATH"), m.Editor)
	m.Segmenter = cmp.Or(getenv("SAM3_MODEL_PATH"), m.Segmenter)
	return m
}

// editor returns the folder of the model that edits; "" for the engine's own.
func (m Models) editor(r *job.Request) (string, error) {
	return m.resolve("pix2pix", "extra.model_path", r.Extra.ModelPath, m.Editor)
}

// segmenter returns the folder of the model that finds; "" for the engine's own.
func (m Models) segmenter(r *job.Request) (string, error) {
	return m.resolve("sam3", "extra.sam_path", r.Extra.SAMPath, m.Segmenter)
}

// resolve finds a part of a bundle by the path that a request or the host
// names. The host's own paths and aliases are its administrator's word; a
// request's path lies in the model roots.
func (m Models) resolve(part, key, asked, host string) (string, error) {
	name := cmp.Or(asked, host)
	if name == "" {
		return "", nil
	}
	trusted := asked == ""
	if to, ok := m.alias(name); ok {
		name, trusted = to, true
	}
	if needsExport(name) {
		return "", &job.Error{Code: codeModelNotExported, Key: key,
			Message: fmt.Sprintf("%s holds a PyTorch model, which has to be exported once", name),
			Hint: fmt.Sprintf("python models/export/export.py %s %s OUT, then model_aliases: {%s: OUT} in the configuration",
				part, checkpointDir(name), name)}
	}
	real, err := filepath.EvalSymlinks(name)
	if err != nil || !filepath.IsAbs(name) {
		return "", &job.Error{Code: codeModelMissing, Key: key, Err: err,
			Message: fmt.Sprintf("no model is at %s on this host", name),
			Hint:    "name the folder of an exported model, or one of the configuration's model_aliases"}
	}
	if !trusted && !m.within(real) {
		return "", &job.Error{Code: job.CodePathOutside, Key: key,
			Message: fmt.Sprintf("%s lies outside the model directories", name),
			Hint:    "allowed are " + strings.Join(m.Roots, ", ") + "; the configuration lists them as model_roots"}
	}
	return real, nil
}

func (m Models) alias(name string) (string, bool) {
	if to, ok := m.Aliases[name]; ok {
		return to, true
	}
	to, ok := m.Aliases[filepath.Clean(name)]
	return to, ok
}

func (m Models) within(real string) bool {
	return slices.ContainsFunc(m.Roots, func(root string) bool {
		root, err := filepath.EvalSymlinks(root)
		if err != nil {
			return false
		}
		rel, err := filepath.Rel(root, real)
		return err == nil && filepath.IsLocal(rel)
	})
}

// needsExport reports whether a path is a PyTorch checkpoint: a file of
// weights, or a folder of them without a graph. A name that is no absolute path
// is one of a model hub, whose models are checkpoints too.
func needsExport(name string) bool {
	switch filepath.Ext(name) {
	case ".pt", ".pth", ".ckpt", ".safetensors", ".bin":
		return true
	}
	if !filepath.IsAbs(name) {
		return strings.Count(name, "/") == 1
	}
	weights, graphs := false, false
	// One level of subfolders is where both layouts keep their files.
	for _, pattern := range []string{"*", "*/*"} {
		found, err := filepath.Glob(filepath.Join(escapeGlob(name), pattern))
		if err != nil {
			return false
		}
		for _, f := range found {
			switch filepath.Ext(f) {
			case ".onnx":
				graphs = true
			case ".safetensors", ".bin", ".pt", ".pth", ".ckpt":
				weights = true
			}
		}
	}
	return weights && !graphs
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}

// checkpointDir returns what the exporter takes: the folder of a checkpoint.
func checkpointDir(name string) string {
	if info, err := os.Stat(name); err == nil && info.Mode()&fs.ModeDir == 0 {
		return filepath.Dir(name)
	}
	return name
}
