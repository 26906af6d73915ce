package segment

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

// Names of inputs and outputs. The first of each list is sam3-video/1's.
var (
	imageNames = []string{"pixel_values", "images"}
	scoreNames = []string{"scores", "pred_logits"}
	boxNames   = []string{"boxes", "pred_boxes"}
	maskNames  = []string{"mask_logits", "pred_masks"}
)

const (
	presenceName  = "presence_logits"
	featuresName  = "text_features"
	textMaskName  = "text_mask"
	noBoxName     = "input_boxes"
	noBoxLabel    = "input_boxes_labels"
	ignoredBox    = -10 // the label of a box that is none
	idsName       = "input_ids"
	attentionName = "attention_mask"
)

// network runs the graphs that see a picture: vision and detector, or both in
// one.
type network struct {
	vision   tensor.Model // nil when the detector sees the picture itself
	detector tensor.Model

	image    *tensor.Tensor   // 1, 3, S, S
	seen     []*tensor.Tensor // the image alone, as vision takes it
	features []*tensor.Tensor // from vision to detector
	tracked  []*tensor.Tensor // what a tracker wants to know of the picture
	fed      []*tensor.Tensor // the detector's inputs but the prompt's
	in       []*tensor.Tensor // all of its inputs, for the run under way

	scores, presence, boxes, masks *tensor.Tensor
	out                            []*tensor.Tensor
	open                           map[tensor.Model][]*tensor.Tensor // outputs of unknown size before the run
	joint                          []float32
}

// candidates are all K queries of one picture. They are the network's memory.
type candidates struct {
	scores        []float32 // K
	boxes         []float32 // K by 4: left, top, right, bottom in 0..1
	masks         []float32 // K by height by width logits
	width, height int
}

// newNetwork joins graphs by the names of their inputs and outputs. vision is
// nil for a fused graph.
func newNetwork(vision, detector tensor.Model, size int) (*network, error) {
	n := &network{vision: vision, detector: detector, open: make(map[tensor.Model][]*tensor.Tensor)}
	seer := detector
	if vision != nil {
		seer = vision
	}
	image, err := imageInput(seer)
	if err != nil {
		return nil, err
	}
	if size, err = imageSize(image, size); err != nil {
		return nil, err
	}
	n.image = &tensor.Tensor{
		Name:  image.Name,
		Shape: []int64{1, 3, int64(size), int64(size)},
		F32:   make([]float32, 3*size*size),
	}
	n.seen = []*tensor.Tensor{n.image}
	if err := n.joinInputs(image.Name); err != nil {
		return nil, err
	}
	return n, n.joinOutputs()
}

func imageInput(m tensor.Model) (tensor.Info, error) {
	for _, in := range m.Inputs() {
		if slices.Contains(imageNames, in.Name) {
			return in, nil
		}
	}
	return tensor.Info{}, unexpected("inputs", m.Inputs(), "pixel_values or images")
}

// imageSize returns S from the graph, else from the configuration.
func imageSize(image tensor.Info, configured int) (int, error) {
	if s := image.Shape; len(s) == 4 && s[2] > 0 {
		if s[2] != s[3] || configured != 0 && int64(configured) != s[2] {
			return 0, fmt.Errorf("the graph takes pictures of %dx%d, %s says %d", s[3], s[2], configName, configured)
		}
		return int(s[2]), nil
	}
	if configured == 0 {
		return 0, fmt.Errorf("the graph leaves the picture's size open and %s does not give image_size", configName)
	}
	return configured, nil
}

// joinInputs finds where each input of the detector comes from.
func (n *network) joinInputs(image string) error {
	for _, in := range n.detector.Inputs() {
		switch {
		case in.Name == featuresName, in.Name == textMaskName:
		case n.vision == nil && in.Name == image:
			n.fed = append(n.fed, n.image)
		case in.Name == noBoxName:
			n.fed = append(n.fed, &tensor.Tensor{Name: in.Name, Shape: []int64{1, 1, 4}, F32: make([]float32, 4)})
		case in.Name == noBoxLabel:
			n.fed = append(n.fed, &tensor.Tensor{Name: in.Name, Shape: []int64{1, 1}, I64: []int64{ignoredBox}})
		default:
			t := n.output(n.vision, in.Name)
			if t == nil {
				return unexpected("inputs", n.detector.Inputs(), "text_features, text_mask and outputs of the vision encoder")
			}
			n.features = append(n.features, t)
			n.fed = append(n.fed, t)
		}
	}
	if n.vision != nil && len(n.features) == 0 {
		return unexpected("inputs", n.detector.Inputs(), "outputs of the vision encoder")
	}
	return nil
}

func (n *network) joinOutputs() error {
	find := func(names ...string) *tensor.Tensor {
		for _, name := range names {
			if t := n.output(n.detector, name); t != nil {
				n.out = append(n.out, t)
				return t
			}
		}
		return nil
	}
	n.scores, n.boxes, n.masks = find(scoreNames...), find(boxNames...), find(maskNames...)
	if n.scores == nil || n.boxes == nil || n.masks == nil {
		return unexpected("outputs", n.detector.Outputs(), "scores, boxes, mask_logits or pred_logits, pred_boxes, pred_masks")
	}
	if n.scores.Name != scoreNames[0] {
		// Logits of a query; the picture's own logit is the other factor.
		n.presence = find(presenceName)
		if n.presence == nil {
			return unexpected("outputs", n.detector.Outputs(), presenceName)
		}
	}
	return nil
}

// output returns a tensor for an output of m, nil when it has none of that
// name. One picture at a time is seen, so an open first size is 1; where others
// are open the model makes the memory anew in each run.
func (n *network) output(m tensor.Model, name string) *tensor.Tensor {
	if m == nil {
		return nil
	}
	i := slices.IndexFunc(m.Outputs(), func(o tensor.Info) bool { return o.Name == name })
	if i < 0 {
		return nil
	}
	t := &tensor.Tensor{Name: name, Shape: slices.Clone(m.Outputs()[i].Shape)}
	if len(t.Shape) > 0 && t.Shape[0] < 0 {
		t.Shape[0] = 1
	}
	if len(t.Shape) == 0 || slices.Min(t.Shape) < 0 {
		n.open[m] = append(n.open[m], t)
		return t
	}
	t.F32 = make([]float32, tensor.Len(t.Shape))
	return t
}

// track makes the network hand out what a tracker wants to know of a picture.
func (n *network) track(names []string) error {
	seer := n.vision
	if seer == nil {
		seer = n.detector
	}
	for _, name := range names {
		t := n.output(seer, name)
		if t == nil {
			return unexpected("outputs", seer.Outputs(), strings.Join(names, ", ")+" for the tracker")
		}
		n.tracked = append(n.tracked, t)
	}
	if n.vision == nil {
		n.out = append(n.out, n.tracked...)
	}
	n.features = append(n.features, n.tracked...)
	return nil
}

// look sees the picture that lies in n.image, as far as no prompt is needed.
func (n *network) look(ctx context.Context) error {
	if n.vision == nil {
		return nil
	}
	n.forget(n.vision)
	return n.vision.Run(ctx, n.seen, n.features)
}

// forget makes a model give its outputs memory anew where their size is open.
func (n *network) forget(m tensor.Model) {
	for _, t := range n.open[m] {
		t.F32, t.Shape = nil, nil
	}
}

// ask finds what a prompt names in the picture that was looked at.
func (n *network) ask(ctx context.Context, p *Prompt) (candidates, error) {
	n.forget(n.detector)
	n.in = append(append(n.in[:0], n.fed...), p.tensors...)
	if err := n.detector.Run(ctx, n.in, n.out); err != nil {
		return candidates{}, err
	}
	s := n.masks.Shape
	k := len(n.scores.F32)
	if len(s) != 4 || s[1] != int64(k) || len(n.boxes.F32) != 4*k || len(n.masks.F32) != tensor.Len(s) {
		return candidates{}, fault.New(fault.ModelInvalid, exportHint,
			fmt.Errorf("detector: scores %v, boxes %v and masks %v do not belong together", n.scores.Shape, n.boxes.Shape, s))
	}
	c := candidates{scores: n.scores.F32, boxes: n.boxes.F32, masks: n.masks.F32, width: int(s[3]), height: int(s[2])}
	if n.presence != nil {
		c.scores = n.product()
	}
	return c, nil
}

// product returns σ(logit)·σ(presence) of each query.
func (n *network) product() []float32 {
	n.joint = n.joint[:0]
	presence := sigmoid(n.presence.F32[0])
	for _, logit := range n.scores.F32 {
		n.joint = append(n.joint, sigmoid(logit)*presence)
	}
	return n.joint
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

// unexpected is the error for a graph that is not what its file says.
func unexpected(what string, have []tensor.Info, want string) error {
	names := make([]string, len(have))
	for i, info := range have {
		names[i] = info.Name
	}
	return fmt.Errorf("the graph's %s are %q, want %s", what, names, want)
}
