// Package models finds the networks on disk: it reads the manifest of a model
// bundle, checks its files, and unpacks the bundle that is built in.
//
// A bundle is a folder:
//
//	bundle.json   name, licence, what it is, each file's size and sha256
//	sam3/         the segmenter: sam3.json, tokenizer, ONNX graphs
//	pix2pix/      the editor: a diffusers folder of ONNX graphs
//
// A folder without bundle.json, or with one of the parts, or that is one of the
// parts itself, works for what it holds; there is then nothing to verify it
// against. Package models reads no graph's content beyond the names of the
// files that hold its data. README.md in this folder describes the built-in
// bundle; the generate command writes it.
package models
