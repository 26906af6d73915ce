// Package pipeline edits one video by text. It knows pixels and networks, and
// nothing of queues, spools or users.
//
// # The way of a frame
//
// The input is decoded twice; no list of frames ever exists. What grows with the
// length of the video is about 50 bytes a frame: the place of its mask in a file,
// the rectangle around it and the corner of its window.
//
//	pass 1   decode (RGB) → stretch to the detector's size → segment, follow → mask runs → mask preview
//	         plan: one steady crop window for each shot, from all masks' boxes
//	pass 2   decode (planar frames) → crop → edit → residual → smooth → paste → encode
//	         mux: sound, subtitles, chapters and tags of the input
//
// The steps of a pass run side by side, each feeding the next through a bounded
// channel, in the order of the frames. Engine.Edit in engine.go reads as that
// list; masks.go and edit.go hold one pass each, pass.go and lane.go what they share.
//
// # Going on after an end
//
// What is finished is sealed with its hash: the masks after pass 1, every 120
// frames of pass 2 as a file of their own (seal.go, sealed.go, segments.go). An
// edit whose working directory holds sealed parts of the same edit goes on after
// them, and its frames are those of an edit that was never ended: bounds, batches
// and noise depend on a frame's number and place only, and smoothing on half a
// window of frames, which are edited again.
//
// # Packages
//
//	frame      planes, frames, the edit of a frame as a patch
//	media      what a probe finds, what an encoder is asked for
//	tensor     named arrays and the one method of a network
//	fault      the error that crosses to the caller
//	text       byte pair encoding, as CLIP does it
//	resize     pictures stretched as Pillow does it
//	segment    SAM 3: prompt and pictures to objects, linked or tracked over time
//	crop       where the editor's window lies in each frame
//	pix2pix    Instruct-Pix2Pix: schedulers, guidance, noise
//	composite  the way between planar samples and the editor's picture, the feathered mask
//	smooth     flicker removed along motion, inside the mask
//	preset     ways to edit that are kept to be compared with; they replace crop, composite and smooth
//	ffmpeg, opencv, onnx   the only homes of os/exec, gocv and onnxruntime_go
//
// The stages (segment, crop, pix2pix, composite, smooth, preset) do not import each
// other; this package joins them. The three adapters are imported by commands
// only and reach this package through the interfaces in ports.go.
//
// # Conventions
//
// A picture's origin is its top left sample; x grows right, y down. Rectangles
// are half open, as image.Rectangle. A mask sample is 0 or 255 in a plane, a
// run in a mask. The editor's picture is NCHW float32 RGB in -1..1. Sample
// positions of 4:2:0 chroma are taken as centred between luma samples (MPEG-1
// siting); the edit is a difference that is added to the decoder's own samples,
// so siting never moves a sample outside the mask.
//
// # Outside the mask
//
// The edit becomes a residual (edited minus decoded) in the decoder's planes.
// Where the feathered mask is 0 nothing is added: such a sample is the decoder's
// own to the last bit. Only the crop ever goes to RGB and back.
package pipeline
