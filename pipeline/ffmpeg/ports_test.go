package ffmpeg_test

import (
	"uredit/pipeline"
	"uredit/pipeline/ffmpeg"
)

// What the pipeline asks for is what this package has.
var (
	_ pipeline.Video   = ffmpeg.Video[pipeline.Decoder, pipeline.Encoder]{}
	_ pipeline.Decoder = (*ffmpeg.Decoder)(nil)
	_ pipeline.Encoder = (*ffmpeg.Encoder)(nil)
)
