package onnx

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/onnx/nvml"
)

var (
	small = nvml.Card{UUID: "GPU-aa11", Name: "Small", Total: 24e9}
	large = nvml.Card{UUID: "GPU-ab22", Name: "Large", Total: 80e9}
	parts = nvml.Card{UUID: "GPU-cc33", Name: "Parts", Total: 40e9, Divided: true, Instances: []nvml.Card{
		{UUID: "MIG-d4", Name: "Parts 3g", Total: 20e9}, {UUID: "MIG-e5", Name: "Parts 2g", Total: 10e9}}}
)

func TestLocate(t *testing.T) {
	const untouched = "untouched"
	two, all := []nvml.Card{small, large}, []nvml.Card{small, parts, large}
	for _, c := range []struct {
		name, specs string
		cards       []nvml.Card
		visible     string // CUDA_VISIBLE_DEVICES before; "-" for none
		want        string // NAME=SPEC(UUID) of each
		after       string // CUDA_VISIBLE_DEVICES after
		warns       string
	}{
		{"the CPU", "cpu", two, "-", "cpu=cpu()", untouched, ""},
		{"numbers", "1 cuda:0 cuda tensorrt:1", two, "-", "1=cuda:1(GPU-ab22) cuda:0=cuda:0(GPU-aa11) cuda=cuda:0(GPU-aa11) tensorrt:1=tensorrt:1(GPU-ab22)", untouched, ""},
		{"a number, no driver", "cuda:1", nil, "-", "cuda:1=cuda:1()", untouched, ""},
		{"a number of a list", "cuda:0", two, "1,0", "cuda:0=cuda:0(GPU-ab22)", untouched, ""},
		{"a UUID", "GPU-ab22", two, "-", "GPU-ab22=cuda:0(GPU-ab22)", "GPU-ab22", ""},
		{"beginnings of UUIDs, one of them twice", "GPU-ab tensorrt:GPU-aa GPU-ab22 cpu", two, "-",
			"GPU-ab=cuda:0(GPU-ab22) tensorrt:GPU-aa=tensorrt:1(GPU-aa11) GPU-ab22=cuda:0(GPU-ab22) cpu=cpu()", "GPU-ab22,GPU-aa11", ""},
		{"a number beside a UUID", "cuda:1 GPU-aa", two, "-", "cuda:1=cuda:0(GPU-ab22) GPU-aa=cuda:1(GPU-aa11)", "GPU-ab22,GPU-aa11", ""},
		{"a number beside a card in parts", "cuda:2", all, "-", "cuda:2=cuda:0(GPU-ab22)", "GPU-ab22", ""},
		{"an instance, twice", "MIG-e5 MIG-e", all, "-", "MIG-e5=cuda:0(MIG-e5) MIG-e=cuda:0(MIG-e5)", "MIG-e5", ""},
		{"the instance of a list", "cuda:0", all, "MIG-d4", "cuda:0=cuda:0(MIG-d4)", "MIG-d4", ""},
		{"auto", "auto", two, "-", "GPU-aa11=cuda:0(GPU-aa11) GPU-ab22=cuda:1(GPU-ab22)", "GPU-aa11,GPU-ab22", ""},
		{"auto of a list", "auto", two, "1", "GPU-ab22=cuda:0(GPU-ab22)", "GPU-ab22", ""},
		{"auto of an empty list", "auto", two, "", "cpu=cpu()", untouched, ""},
		{"auto of a list that ends at a wrong name", "auto", two, "1,7,0", "GPU-ab22=cuda:0(GPU-ab22)", "GPU-ab22", ""},
		{"auto with parts", "auto", all, "-", "GPU-aa11=cuda:0(GPU-aa11) GPU-ab22=cuda:1(GPU-ab22)", "GPU-aa11,GPU-ab22", "MIG-d4, MIG-e5"},
		{"auto with parts only", "auto", []nvml.Card{parts}, "-", "MIG-d4=cuda:0(MIG-d4)", "MIG-d4", "leaves out MIG-e5"},
		{"auto without cards", "auto", nil, "-", "cpu=cpu()", untouched, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(visibleVariable, c.visible)
			if c.visible == "-" {
				os.Unsetenv(visibleVariable)
			}
			if c.after == untouched {
				c.after = strings.TrimPrefix(c.visible, "-")
			}
			var absent error
			if c.cards == nil {
				absent = nvml.ErrNone
			}
			places, warnings, err := Locate(strings.Fields(c.specs), c.cards, absent)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range places {
				got = append(got, p.Name+"="+p.Spec+"("+p.UUID+")")
			}
			if want := strings.Fields(c.want); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			if after := os.Getenv(visibleVariable); after != c.after {
				t.Errorf("%s=%q, want %q", visibleVariable, after, c.after)
			}
			if text := strings.Join(warnings, "; "); !strings.Contains(text, c.warns) || c.warns == "" && text != "" {
				t.Errorf("warnings %q", text)
			}
		})
	}
}

func TestLocateFails(t *testing.T) {
	all := []nvml.Card{small, parts, large}
	broken := errors.New("Driver Not Loaded")
	for _, c := range []struct {
		specs   string
		absent  error
		visible string
		says    []string
	}{
		{"GPU-x", nil, "0,1,2", []string{"there is no such card", "GPU-aa11 (Small, 24.0 GB)", "MIG-d4 (Parts 3g, 20.0 GB)", "GPU-ab22"}},
		{"GPU-a", nil, "0,1,2", []string{"more than one"}},
		{"GPU-cc33", nil, "0,1,2", []string{"divided", "MIG-d4", "MIG-e5"}},
		{"cuda:1", nil, "0,1,2", []string{"divided", "MIG-d4"}},
		{"cuda:3", nil, "0,1,2", []string{"there is no such card"}},
		{"cuda:1", nil, "0", []string{"there is no such card", "visible are GPU-aa11"}},
		{"cuda:1 GPU-ab22", broken, "0", []string{"cuda:1", "Driver Not Loaded"}},
		{"GPU-ab22", nil, "0", []string{"CUDA_VISIBLE_DEVICES=0 hides it"}},
		{"MIG-d4 MIG-e5", nil, "0,1,2", []string{"MIG-d4, MIG-e5", "one MIG instance"}},
		{"MIG-d4 GPU-aa", nil, "0,1,2", []string{"nothing beside it"}},
		{"auto cpu", nil, "0", []string{"auto stands for all"}},
		{"GPU-aa11", broken, "0", []string{"GPU-aa11", "Driver Not Loaded"}},
	} {
		t.Setenv(visibleVariable, c.visible)
		cards := all
		if c.absent != nil {
			cards = nil
		}
		places, _, err := Locate(strings.Fields(c.specs), cards, c.absent)
		if err == nil {
			t.Errorf("%s lies at %+v", c.specs, places)
			continue
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not say %q", c.specs, err, s)
			}
		}
		if f := fault.Of(err); f.Code != fault.DeviceFault || f.Hint == "" {
			t.Errorf("%s: fault %+v", c.specs, f)
		}
		if after := os.Getenv(visibleVariable); after != c.visible {
			t.Errorf("%s: %s became %q", c.specs, visibleVariable, after)
		}
	}
	if _, warnings, err := Locate([]string{Auto}, nil, broken); err != nil || len(warnings) != 1 {
		t.Errorf("auto with a broken driver: %v, %v", warnings, err)
	}
}

func TestGraphName(t *testing.T) {
	for file, want := range map[string]string{"/m/pix2pix/unet/model.onnx": "pix2pix/unet", "/m/sam3/vision.onnx": "sam3/vision"} {
		if got := graphName(file); got != want {
			t.Errorf("%s is called %q, want %q", file, got, want)
		}
	}
}
