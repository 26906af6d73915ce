package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"uredit/daemon/job"
)

// formatVersion is part of every key. It rises when entries of the same key come
// to mean something else.
const formatVersion = 1

// A Key names an entry: the directory of its kind and a hash.
type Key string

// The kinds of entries: the directories of a store.
const (
	results = "results"
	masks   = "masks"
)

// A Source is everything that decides what an edit makes.
type Source struct {
	Input    string            // SHA-256 of the input's bytes, in hex
	Request  job.Request       // every default filled in
	Models   map[string]string // files of the models in use, below sam3/ and pix2pix/, to their SHA-256
	Versions map[string]string // of the program and its libraries
	Provider string            // what computes, and on which kind of device
}

// Result returns the key of the whole edit's result. It is not ok where a model
// is not known by its hash: another one could take its place unseen.
func (s *Source) Result() (k Key, ok bool) {
	return s.key(results, "", decidesEdit)
}

// Masks returns the key of what the first pass finds, which the edit itself and
// its model do not change. It is not ok where a segmenter's file is not known by
// its hash.
func (s *Source) Masks() (k Key, ok bool) {
	return s.key(masks, "sam3/", decidesMasks)
}

// key hashes what an entry depends on: models whose names begin with prefix, and
// parameters whose role is at least the given one.
func (s *Source) key(kind, prefix string, least role) (k Key, ok bool) {
	models := map[string]string{}
	for name, sum := range s.Models {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if !isSum(sum) {
			return "", false
		}
		models[name] = sum
	}
	if len(models) == 0 || !isSum(s.Input) {
		return "", false
	}
	data, err := json.Marshal(map[string]any{
		"format": formatVersion, "kind": kind, "input": s.Input, "params": parameters(s.Request, least),
		"models": models, "versions": s.Versions, "provider": s.Provider,
	})
	if err != nil {
		panic(fmt.Sprintf("cache: encode a key: %v", err)) // plain values only
	}
	sum := sha256.Sum256(data) // maps are encoded in the order of their keys
	return Key(kind + "/" + hex.EncodeToString(sum[:])), true
}

func isSum(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}

// role is what a key of a request decides. A higher one includes the lower.
type role int

const (
	decidesNothing role = iota // of what is in the files
	decidesEdit                // the result, but not what the first pass finds
	decidesMasks               // the masks and their preview, and so the result
)

// roleOf returns the role of a request's key. One that is not listed is
// taken for one that decides everything: at worst work is done again. A test sees
// to it that all are listed.
func roleOf(key string) (r role, listed bool) {
	switch key {
	case "job_id", "input_video_path", "output_dir", "priority", "overwrite", "fresh", "reuse_masks":
		return decidesNothing, true
	case "extra": // its models are in Source.Models, the rest is for people
		return decidesNothing, true
	case "edit_prompt", "negative_prompt", "preset", "num_inference_steps", "guidance_scale", "image_guidance_scale",
		"scheduler", "seed", "erode_kernel", "feather", "crop_padding", "edit_size",
		"apply_smoothing", "smoothing", "smoothing_window", "smoothing_alpha":
		return decidesEdit, true
	case "mask_prompt", "mask_negative_prompt", "instances", "mask_boxes", "max_objects", "across_cuts",
		"mode", "frame_index", "max_frames", "hdr":
		return decidesMasks, true
	case "video_codec", "video_crf", "video_preset": // how the preview is encoded
		return decidesMasks, true
	}
	return decidesMasks, false
}

// parameters returns what of a request has at least a role, by its key.
func parameters(r job.Request, least role) map[string]any {
	r = effective(r)
	values := map[string]any{}
	v := reflect.ValueOf(r)
	for _, f := range reflect.VisibleFields(v.Type()) {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if role, _ := roleOf(key); role >= least {
			values[key] = v.FieldByIndex(f.Index).Interface()
		}
	}
	return values
}

// effective returns r with the values that have no effect cleared.
func effective(r job.Request) job.Request {
	if r.Mode == job.SingleFrame {
		r.MaxFrames = 0
	} else {
		r.FrameIndex = 0
	}
	if !r.ApplySmoothing {
		r.Smoothing, r.SmoothingWindow, r.SmoothingAlpha = "", 0, 0
	}
	return r
}
