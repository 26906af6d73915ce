// Package track is SAM 3's video tracker: it gives the detector's instances
// identities, follows each by a memory of how it looked, and decides when one
// begins, hides, returns or was never there.
//
//	Model     the graphs of the tracker, kept open between videos
//	Tracker   one video: detections and features in, objects some frames later out
//
// # A frame
//
//	step        each object's mask from its bank of memories and pointers
//	clean       holes and specks, as everywhere
//	associate   detections against these masks, by their overlap
//	hot start   young objects without a detection, or with another's, end
//	recondition objects that the detector confirms: the frame becomes a conditioning one
//	suppress    of two that lie on each other, the one that was hidden later
//	shrink      masks that lose most samples to others do not become memories
//	remember    memories of all objects, then those of the new ones
//	show        after a delay, so that what ends young was never seen
//
// Tracker.Next reads as that list. Each line but the graphs is a function of
// its own on plain values.
//
// # Two references
//
// The public implementations differ in details; Config.Semantics names the one
// to follow. "hf" is the default and is meant frame by frame, "meta" changes
// what the type differences lists. Known faults of the former are not followed
// where they only spoil what is shown: on frames where an object ends, its
// outputs belong to the wrong ids.
//
// # Units
//
// A mask is L by L logits, a sample above 0 inside. Scores and overlaps are
// compared as float32. A memory is D by G by G values, a pointer C values. L, G,
// C and D come from the graphs, all else from the folder's configuration.
package track
