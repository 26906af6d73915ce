package colours

import (
	"fmt"
	"maps"

	"uredit/models"
	"uredit/models/bpe"
	"uredit/models/onnxfile"
)

// sam3Config is sam3.json: the contract "sam3-video/1" without a tracker.
type sam3Config struct {
	Format     string                 `json:"format"`
	Semantics  string                 `json:"semantics"`
	ImageSize  int                    `json:"image_size"`
	Grid       int                    `json:"grid"`
	LowRes     int                    `json:"low_res"`
	Hidden     int64                  `json:"hidden"`
	TextLength int                    `json:"text_len"`
	PadID      int                    `json:"pad_id"`
	BOS        int                    `json:"bos"`
	EOS        int                    `json:"eos"`
	Mean       [3]float64             `json:"mean"`
	Std        [3]float64             `json:"std"`
	Resize     string                 `json:"resize"`
	Thresholds sam3Thresholds         `json:"thresholds"`
	Files      map[string]models.File `json:"files"`
}

// sam3Thresholds are SAM 3's own values. A detector alone uses the first three.
type sam3Thresholds struct {
	ScoreDetection       float64 `json:"score_threshold_detection"`
	NMS                  float64 `json:"det_nms_thresh"`
	Associate            float64 `json:"assoc_iou_thresh"`
	AssociateTrack       float64 `json:"trk_assoc_iou_thresh"`
	NewDetection         float64 `json:"new_det_thresh"`
	HotstartDelay        int     `json:"hotstart_delay"`
	HotstartUnmatched    int     `json:"hotstart_unmatch_thresh"`
	HotstartDuplicate    int     `json:"hotstart_dup_thresh"`
	UnmatchedHotstart    bool    `json:"suppress_unmatched_only_within_hotstart"`
	InitKeepAlive        int     `json:"init_trk_keep_alive"`
	MaxKeepAlive         int     `json:"max_trk_keep_alive"`
	MinKeepAlive         int     `json:"min_trk_keep_alive"`
	SuppressOverlapping  float64 `json:"suppress_overlapping_based_on_recent_occlusion_threshold"`
	FillHoleArea         int     `json:"fill_hole_area"`
	MaxObjects           int     `json:"max_num_objects"`
	ReconditionEvery     int     `json:"recondition_every_nth_frame"`
	ReconditionOnTracker bool    `json:"recondition_on_trk_masks"`
	HighConfidence       float64 `json:"high_conf_thresh"`
	HighIoU              float64 `json:"high_iou_thresh"`
}

// textEncoder returns the graph that says which colours each token names: row
// t of text_features has a 1 in the channel of each.
func textEncoder(palette []colour, v bpe.Vocabulary) ops {
	g := newGraph("text_encoder")
	ids := g.Input("input_ids", onnxfile.Int64, fmt.Sprint(1, textLength))
	mask := g.Input("attention_mask", onnxfile.Int64, fmt.Sprint(1, textLength))
	width := features(palette)
	table := make([]float32, int64(len(v.Tokens))*width)
	for i, c := range palette {
		for _, w := range c.words {
			table[int64(v.Word(w))*width+int64(i)] = 1
		}
	}
	embedding := g.Floats([]int64{int64(len(v.Tokens)), width}, table...)
	valid := g.OpAttr("Cast", []onnxfile.Attr{onnxfile.IntAttr("to", int64(onnxfile.Bool))}, mask)
	g.Output("text_features", onnxfile.Float32, fmt.Sprint(1, textLength, width), g.gather(embedding, ids, 0))
	g.Output("text_mask", onnxfile.Bool, fmt.Sprint(1, textLength), valid)
	return g
}

// sam3Part returns the files of the segmenter and its graphs' signatures.
func sam3Part(palette []colour, v bpe.Vocabulary) *part {
	p := newPart()
	p.graph("text_encoder.onnx", textEncoder(palette, v))
	p.graph("vision_encoder.onnx", visionEncoder(palette))
	p.graph("detector.onnx", detector(palette))
	maps.Copy(p.files, v.Files(textLength))
	listed := map[string]models.File{}
	for name, data := range p.files {
		listed[name] = describe(data)
	}
	end := v.ID(bpe.EndOfText)
	p.files["sam3.json"] = models.EncodeJSON(sam3Config{
		Format: "sam3-video/1", Semantics: "hf",
		ImageSize: imageSize, Grid: grid, LowRes: lowRes, Hidden: features(palette),
		TextLength: textLength, PadID: end, BOS: v.ID(bpe.StartOfText), EOS: end,
		Mean: [3]float64{0.5, 0.5, 0.5}, Std: [3]float64{0.5, 0.5, 0.5}, Resize: "fast",
		Thresholds: sam3Thresholds{
			ScoreDetection: 0.5, NMS: 0.1, Associate: 0.1, AssociateTrack: 0.5, NewDetection: 0.7,
			HotstartDelay: 15, HotstartUnmatched: 8, HotstartDuplicate: 8, UnmatchedHotstart: true,
			InitKeepAlive: 30, MaxKeepAlive: 30, MinKeepAlive: -1, SuppressOverlapping: 0.7,
			FillHoleArea: 16, MaxObjects: 10000, ReconditionEvery: 16, ReconditionOnTracker: true,
			HighConfidence: 0.8, HighIoU: 0.8,
		},
		Files: listed,
	})
	return p
}
