package onnx

import (
	"fmt"

	"uredit/pipeline/fault"
	"uredit/pipeline/onnx/nvml"
)

const (
	megabyte = 1e6
	gigabyte = 1e9

	// A card's memory besides the weights: what the library and its kernels
	// take, and for what networks hold while they run half of the weights again,
	// which for large pictures is near enough and for the rest too much.
	kernelBytes = 600 * megabyte
	workShare   = 0.5
	mostWork    = 4 * gigabyte

	// releasedBytes are the weights of SAM 3 and Instruct-Pix2Pix in single
	// precision: 860 and 1070 million parameters. Nothing larger is to be expected.
	releasedBytes = 4 * 1930 * 1e6
	// frameBytes is what a further frame takes in one call of the UNet. Its three
	// rows take 0.4 GB at 512 by 512 on a processor, four times that at 1024 by
	// 1024, and a card's convolutions are given as much again to work in.
	frameBytes = 4 * gigabyte
	mostFrames = 4
)

// Needed returns the bytes of a card's memory that graphs with so many bytes of
// weights take.
func Needed(weights int64) int64 {
	return weights + kernelBytes + int64(min(workShare*float64(weights), mostWork))
}

// card returns what the driver says of the device's card; false for the CPU, and
// where the driver does not say.
func (d *Device) card() (nvml.Card, bool) {
	if d.cuda < 0 || d.options.Card == nil {
		return nvml.Card{}, false
	}
	c, err := d.options.Card()
	return c, err == nil
}

// Fits returns an error with code fault.DeviceMemory when graphs whose files hold
// so many bytes do not fit into what is free on the card. What is not known fits,
// such as the CPU's memory.
func (d *Device) Fits(bytes int64) error {
	c, known := d.card()
	if !known {
		return nil
	}
	return FitsOn(c, d.name, bytes)
}

// FitsOn is Fits of a device whose card is known.
func FitsOn(c nvml.Card, device string, bytes int64) error {
	need := Needed(bytes)
	if need <= c.Free {
		return nil
	}
	f := fault.New(fault.DeviceMemory,
		"end other work on the card (`nvidia-smi` shows it), export the models with --fp16, or use a card with more memory",
		fmt.Errorf("device %s (%s): the models need about %s, of them %s for weights; %s of %s are free",
			device, c.Name, size(need), size(bytes), size(c.Free), size(c.Total)))
	f.Retryable = true
	return f
}

func size(bytes int64) string { return fmt.Sprintf("%.1f GB", float64(bytes)/gigabyte) }

// Kind names what computes: the execution provider and, where the driver says it,
// the card's product name. Equal cards are of one kind.
func (d *Device) Kind() string {
	kind := "cpu"
	switch {
	case d.trt:
		kind = "tensorrt"
	case d.cuda >= 0:
		kind = "cuda"
	}
	if c, known := d.card(); known {
		kind += " " + c.Name
	}
	return kind
}

// Batch returns how many frames the device should edit at once: 1 on the CPU; on
// a card one, and another, up to mostFrames, for each frameBytes that are free
// beside the largest models.
func (d *Device) Batch() int {
	c, known := d.card()
	if !known {
		return 1
	}
	return batch(c.Free / int64(max(1, d.options.Sharers)))
}

func batch(free int64) int {
	frames := (free - Needed(releasedBytes)) / frameBytes
	return int(min(max(frames, 1), mostFrames))
}

// Warm reports whether the first run with a new shape takes far longer than
// those after it.
func (d *Device) Warm() bool { return d.cuda >= 0 }
