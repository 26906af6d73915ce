package pipeline

import (
	"encoding/json"
	"fmt"
)

// Origin says what an edit's files depend on beside the other fields of a Spec.
// The pipeline only compares these texts. Where one is empty nothing is sealed,
// and no sealed part is used.
type Origin struct {
	Input     string // the content of Spec.Input
	Segmenter string // the files of the segmenter's model
	Editor    string // the files of the editor's model
	Versions  string // of this program and of those that it uses

	// Provider is what computes: frames of another one differ in their last bits
	// only. It decides about no seal.
	Provider string `json:"-"`
}

func (o Origin) complete() bool {
	return o.Input != "" && o.Segmenter != "" && o.Editor != "" && o.Versions != ""
}

// sealFormat changes with the meaning of sealed files.
const sealFormat = 1

// MaskKey identifies what pass 1 makes of s: masks and their preview are the
// same wherever it is, on the same device. It is empty where Origin is not
// complete.
func (s *Spec) MaskKey() string {
	if !s.Origin.complete() {
		return ""
	}
	origin := s.Origin
	origin.Editor = ""
	return keyOf(Spec{
		Origin:     origin,
		MaskPrompt: s.MaskPrompt, MaskNegative: s.MaskNegative,
		Instances: s.Instances, MaskBoxes: s.MaskBoxes, MaxObjects: s.MaxObjects, AcrossCuts: s.AcrossCuts,
		SingleFrame: s.SingleFrame, FrameIndex: s.FrameIndex, MaxFrames: s.MaxFrames,
		Codec: s.Codec, CRF: s.CRF, Preset: s.Preset, ToneMap: s.ToneMap,
	})
}

// EditKey identifies the whole result of s in the same way.
func (s *Spec) EditKey() string {
	if !s.Origin.complete() {
		return ""
	}
	same := *s
	same.Input, same.Work, same.InputName, same.Attempt = nil, nil, "", 0
	same.SegmenterModel, same.EditorModel = "", "" // Origin says what is in there
	return keyOf(same)
}

func keyOf(s Spec) string {
	data, err := json.Marshal(s)
	if err != nil { // a number that is none: no request has it
		return ""
	}
	return digest(fmt.Appendf(nil, "%d %s", sealFormat, data))
}
