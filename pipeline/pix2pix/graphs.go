package pix2pix

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

// graph is one network of the folder.
type graph struct {
	path  string
	model tensor.Model
}

// parts are the subfolders of the networks.
const (
	textPart    = "text_encoder"
	unetPart    = "unet"
	encoderPart = "vae_encoder"
	decoderPart = "vae_decoder"
)

// Graphs returns the files of the graphs that Open loads from a folder.
func Graphs(dir string) []string {
	var files []string
	for _, part := range []string{textPart, unetPart, encoderPart, decoderPart} {
		files = append(files, graphFile(dir, part))
	}
	return files
}

func graphFile(dir, part string) string { return filepath.Join(dir, part, "model.onnx") }

// openGraph loads part/model.onnx.
func openGraph(ctx context.Context, dir, part string, load tensor.Loader) (graph, error) {
	g := graph{path: graphFile(dir, part)}
	if _, err := os.Stat(g.path); err != nil {
		return g, missing(err)
	}
	model, err := load(ctx, g.path)
	if err != nil {
		return g, g.invalid(err)
	}
	g.model = model
	return g, nil
}

// missing says that a file of the folder is not there or not to be read.
func missing(err error) error {
	hint := "make the file readable: chmod a+r"
	if errors.Is(err, fs.ErrNotExist) {
		hint = "a pix2pix folder holds tokenizer, text_encoder, unet, vae_encoder and vae_decoder, each network as model.onnx"
	}
	return fault.New(fault.ModelMissing, hint, fmt.Errorf("load pix2pix: %w", err))
}

// invalid says what is wrong with the graph, and keeps the code of an error that
// has one.
func (g graph) invalid(err error) error {
	err = fmt.Errorf("load %s: %w", g.path, err)
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fault.New(fault.ModelInvalid, "export the folder again, or choose another one", err)
}

// port is what is looked for among the inputs or outputs of a graph: one of the
// names, else the only one of its kind and rank.
type port struct {
	role  string // for messages
	names []string
	ranks []int
	kind  func(tensor.Type) bool
}

func isFloat(t tensor.Type) bool   { return t == tensor.Float32 || t == tensor.Float16 }
func isInteger(t tensor.Type) bool { return t == tensor.Int64 || t == tensor.Int32 }
func isNumber(t tensor.Type) bool  { return isFloat(t) || isInteger(t) }

// find returns the port among infos.
func (p port) find(infos []tensor.Info) (tensor.Info, error) {
	fits := func(i tensor.Info) bool {
		return slices.Contains(p.ranks, len(i.Shape)) && p.kind(i.Type)
	}
	for _, name := range p.names {
		for _, i := range infos {
			if i.Name != name {
				continue
			}
			if !fits(i) {
				return i, fmt.Errorf("%s has another rank or type than %s has", describe(i), p.role)
			}
			return i, nil
		}
	}
	var found []tensor.Info
	for _, i := range infos {
		if fits(i) {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		return tensor.Info{}, fmt.Errorf("%d of %s could be %s, which is called %s",
			len(found), describeAll(infos), p.role, strings.Join(p.names, " or "))
	}
	return found[0], nil
}

// onlyInputs reports inputs that nothing here can feed.
func (g graph) onlyInputs(known ...string) error {
	for _, i := range g.model.Inputs() {
		if !slices.Contains(known, i.Name) {
			return fmt.Errorf("the input %s is unknown, expected %s", describe(i), strings.Join(known, ", "))
		}
	}
	return nil
}

// describe writes an input or output as "sample float16[?,8,?,?]".
func describe(i tensor.Info) string {
	dims := make([]string, len(i.Shape))
	for d, n := range i.Shape {
		dims[d] = fmt.Sprint(n)
		if n < 0 {
			dims[d] = "?"
		}
	}
	names := [...]string{tensor.Float32: "float32", tensor.Float16: "float16", tensor.Int64: "int64", tensor.Int32: "int32", tensor.Bool: "bool"}
	kind := "unknown type"
	if int(i.Type) < len(names) {
		kind = names[i.Type]
	}
	return fmt.Sprintf("%s %s[%s]", i.Name, kind, strings.Join(dims, ","))
}

func describeAll(infos []tensor.Info) string {
	all := make([]string, len(infos))
	for n, i := range infos {
		all[n] = describe(i)
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// dynamic reports a dimension that is fixed where frames need it open. Dimension
// 1, the channels, is compared elsewhere.
func dynamic(i tensor.Info) error {
	for d, n := range i.Shape {
		if d != 1 && n > 0 {
			return fmt.Errorf("dimension %d of %s is fixed: export with dynamic axes for batch, height and width", d, describe(i))
		}
	}
	return nil
}

// vae is one of the two networks between pictures and latents.
type vae struct {
	graph
	in, out tensor.Info
}

func (g graph) vae(in, out port) (v vae, err error) {
	v.graph = g
	if v.in, err = in.find(g.model.Inputs()); err != nil {
		return v, g.invalid(err)
	}
	if v.out, err = out.find(g.model.Outputs()); err != nil {
		return v, g.invalid(err)
	}
	if err := errors.Join(dynamic(v.in), g.onlyInputs(v.in.Name)); err != nil {
		return v, g.invalid(err)
	}
	return v, nil
}

// probe runs the network on zeros and returns the result's shape. A runtime may
// have to know the size of a result in half precision before; it is then one of
// the guesses.
func (v vae) probe(ctx context.Context, shape []int64, guesses ...[]int64) ([]int64, error) {
	in := &tensor.Tensor{Name: v.in.Name, Shape: shape, F32: make([]float32, tensor.Len(shape))}
	if v.out.Type == tensor.Float32 {
		guesses = [][]int64{nil}
	}
	var err error
	for _, guess := range guesses {
		out := &tensor.Tensor{Name: v.out.Name, Shape: guess}
		if err = v.model.Run(ctx, []*tensor.Tensor{in}, []*tensor.Tensor{out}); err != nil {
			err = fmt.Errorf("run on %s %v: %w", v.in.Name, shape, err)
			continue
		}
		if len(out.Shape) != 4 {
			return nil, v.invalid(fmt.Errorf("%s has the shape %v", v.out.Name, out.Shape))
		}
		return out.Shape, nil
	}
	return nil, v.invalid(err)
}

// unet is the network that finds the noise.
type unet struct {
	graph
	sample, timestep, text tensor.Info
	noise                  tensor.Info
}

func (g graph) unet() (u unet, err error) {
	u.graph = g
	inputs := g.model.Inputs()
	if u.sample, err = (port{"the latents", []string{"sample"}, []int{4}, isFloat}).find(inputs); err != nil {
		return u, g.invalid(err)
	}
	if u.timestep, err = (port{"the timestep", []string{"timestep"}, []int{0, 1}, isNumber}).find(inputs); err != nil {
		return u, g.invalid(err)
	}
	if u.text, err = (port{"the prompt", []string{"encoder_hidden_states"}, []int{3}, isFloat}).find(inputs); err != nil {
		return u, g.invalid(err)
	}
	if u.noise, err = (port{"the noise", []string{"out_sample"}, []int{4}, isFloat}).find(g.model.Outputs()); err != nil {
		return u, g.invalid(err)
	}
	if err := errors.Join(dynamic(u.sample), g.onlyInputs(u.sample.Name, u.timestep.Name, u.text.Name)); err != nil {
		return u, g.invalid(err)
	}
	return u, nil
}

// timesteps returns the tensor for a number of rows: a scalar, one value, or one
// for each row where the graph leaves the number open.
func (u unet) timesteps(rows int) *tensor.Tensor {
	t := &tensor.Tensor{Name: u.timestep.Name}
	n := 1
	if len(u.timestep.Shape) == 1 {
		if u.timestep.Shape[0] < 0 {
			n = rows
		}
		t.Shape = []int64{int64(n)}
	}
	if isInteger(u.timestep.Type) {
		t.I64 = make([]int64, n)
	} else {
		t.F32 = make([]float32, n)
	}
	return t
}
