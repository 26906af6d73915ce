package job

import (
	"errors"
	"fmt"
	"image"
	"strconv"
	"strings"
)

// Boxes are rectangles in the first frame that is edited: "x0,y0,x1,y1", several
// with ";" between; "" for none. They count samples of the upright picture from
// its top left corner; x1 and y1 are the first column and row outside. A file may
// have a list of lists of four numbers instead.
type Boxes string

const (
	maxBoxes   = 64
	maxBoxSide = 1 << 16
)

// Rectangles returns the boxes in their order.
func (b Boxes) Rectangles() ([]image.Rectangle, error) {
	if b == "" {
		return nil, nil
	}
	var boxes []image.Rectangle
	for text := range strings.SplitSeq(string(b), ";") {
		parts := strings.Split(text, ",")
		if len(parts) != 4 {
			return nil, fmt.Errorf("%q is not four numbers", clip(strings.TrimSpace(text)))
		}
		var at [4]int
		for i, part := range parts {
			n, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil {
				return nil, fmt.Errorf("%q is not a whole number", clip(strings.TrimSpace(part)))
			}
			at[i] = n
		}
		box := image.Rectangle{Min: image.Pt(at[0], at[1]), Max: image.Pt(at[2], at[3])}
		switch {
		case box.Empty():
			return nil, fmt.Errorf("the box %s has no inside", clip(strings.TrimSpace(text)))
		case !box.In(image.Rect(0, 0, maxBoxSide, maxBoxSide)):
			return nil, fmt.Errorf("the box %s is not within 0..%d", clip(strings.TrimSpace(text)), maxBoxSide)
		}
		boxes = append(boxes, box)
	}
	if len(boxes) > maxBoxes {
		return nil, fmt.Errorf("there are %d boxes, more than %d", len(boxes), maxBoxes)
	}
	return boxes, nil
}

// boxesHint says how boxes are written.
const boxesHint = "write [[x0, y0, x1, y1]]: left, top, right and bottom in samples of the first frame"

// boxesOf returns what a file or a flag says: text, one box as a list, or a list
// of such.
func boxesOf(v any) (Boxes, error) {
	list, isList := v.([]any)
	if text, is := v.(string); is {
		return Boxes(text), nil
	}
	if !isList {
		return "", fmt.Errorf("%v is no list of boxes", v)
	}
	if len(list) > 0 {
		if _, nested := list[0].([]any); !nested {
			list = []any{list}
		}
	}
	var boxes []string
	for _, v := range list {
		box, is := v.([]any)
		if !is {
			return "", errors.New("a box stands beside what is none")
		}
		var numbers []string
		for _, n := range box {
			numbers = append(numbers, fmt.Sprint(n))
		}
		boxes = append(boxes, strings.Join(numbers, ","))
	}
	return Boxes(strings.Join(boxes, "; ")), nil
}
