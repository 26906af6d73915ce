package onnx

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	ort "github.com/yalue/onnxruntime_go"

	"uredit/pipeline/tensor"
)

// newSession makes the library's session of the graph in a file.
//
// The binding has no way to make a scalar of float16, which is what a UNet that
// was exported in half precision may take for its timestep. Such an input becomes
// one of float32, in h as in the graph, which is then loaded from memory.
func newSession(path string, h header, options *ort.SessionOptions) (*ort.DynamicAdvancedSession, error) {
	inputs := names(h.inputs)
	var data []byte
	for i := range h.inputs {
		in := &h.inputs[i]
		if in.Type != tensor.Float16 || in.Shape == nil || len(in.Shape) > 0 {
			continue
		}
		if data == nil {
			var err error
			if data, err = os.ReadFile(path); err != nil {
				return nil, err
			}
		}
		var err error
		if data, inputs[i], err = widenScalar(data, in); err != nil {
			return nil, err
		}
		in.Type = tensor.Float32
	}
	if data == nil {
		return ort.NewDynamicAdvancedSession(path, inputs, names(h.outputs), options)
	}
	const folder = "session.model_external_initializers_file_folder_path"
	if err := options.AddSessionConfigEntry(folder, filepath.Dir(path)); err != nil {
		return nil, err
	}
	return ort.NewDynamicAdvancedSessionWithONNXData(data, inputs, names(h.outputs), options)
}

// widenScalar makes the float16 input in of the model in data a float32 one under
// a new name, which it returns, and adds a node that casts it to the old name.
//
// All but the node is done in place, so that no length in the file changes: the
// new name is as long as the old one, and ONNX's numbers of both types are a byte
// long. The node goes to the end: of a protocol buffer's field that is there
// twice, the second is merged into the first.
func widenScalar(data []byte, in *graphValue) (widened []byte, name string, err error) {
	const (
		float32Number, float16Number = 1, 10
		attributeInt                 = 2
	)
	end := in.nameAt + int64(len(in.Name))
	if end > int64(len(data)) || string(data[in.nameAt:end]) != in.Name || data[in.elementAt] != float16Number {
		return nil, "", fmt.Errorf("input %q changed while it was read", in.Name)
	}
	if name, err = unusedName(data, in.Name); err != nil {
		return nil, "", err
	}
	copy(data[in.nameAt:], name)
	data[in.elementAt] = float32Number

	to := appendBytes(nil, 1, "to")
	to = appendNumber(to, 3, float16Number)
	to = appendNumber(to, 20, attributeInt)
	cast := appendBytes(nil, 1, name)
	cast = appendBytes(cast, 2, in.Name)
	cast = appendBytes(cast, 4, "Cast")
	cast = appendBytes(cast, 5, string(to))
	graph := appendBytes(nil, 1, string(cast))
	return appendBytes(data, modelGraph, string(graph)), name, nil
}

// unusedName returns a name of the same length that is nowhere in the model.
func unusedName(data []byte, name string) (string, error) {
	other := []byte(name)
	last := &other[len(other)-1]
	for *last = '!'; *last <= '~'; *last++ {
		if !bytes.Contains(data, other) {
			return string(other), nil
		}
	}
	return "", fmt.Errorf("input %q is a float16 scalar, and no other name for it is free", name)
}

// appendBytes appends a field of a protocol buffer that holds bytes.
func appendBytes(b []byte, field int, value string) []byte {
	b = binary.AppendUvarint(b, uint64(field)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

// appendNumber appends a field of a protocol buffer that is a number.
func appendNumber(b []byte, field int, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(field)<<3), value)
}
