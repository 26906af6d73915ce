// Package ffmpeg reads and writes videos through the ffmpeg and ffprobe
// programs. It is the only package that starts processes.
//
// # One process, one job
//
// Decode and Encode each run one ffmpeg that talks through a pipe in NUT, which
// carries every picture's exact time; Probe, Mux and WritePNG run to their end.
// The arguments are built by pure functions in args.go. Cancelling the context
// sends SIGTERM to the process group and SIGKILL after a grace period; every
// process is waited for. What a process says on standard error is kept up to a
// bound and ends up in the error or the warnings.
//
// # Untrusted input
//
// The caller passes open files; the programs get them as inherited descriptors
// and open /proc/self/fd/N, so that no name is looked up a second time. Only the
// protocols file and pipe and a list of containers that hold their own data are
// allowed: a playlist or a concat script, whatever its name, is refused before
// anything it names is opened.
//
// # Times
//
// A frame's PTS counts ticks of media.Info.TimeBase from media.Info.Start, the
// start of the earliest stream. Encode writes them as they are; Mux moves the
// source's other streams by the same start, so that all stay in step.
//
// # Samples
//
// Y'CbCr keeps its matrix and range: 8-bit 4:2:0 is delivered as the decoder
// made it, anything else is converted once and a warning of Probe says so. RGB
// and grey become BT.709 of limited range.
package ffmpeg
