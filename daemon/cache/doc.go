// Package cache keeps what jobs made, so that a job that asks for the same again
// is answered by a copy.
//
// # What is where
//
// A Store is a directory that daemons of several hosts may share:
//
//	results/KEY/   output, mask preview and the record of a finished job
//	masks/KEY/     what the first pass of a job found
//	tmp/           entries that are being made or removed
//
// KEY is a SHA-256 of everything that decides what is made; see Source. An entry
// is a directory of files and one named entry, which says what they are: their
// sizes, their hashes, and whose job made them.
//
// # Why it holds
//
// An entry appears by one rename, complete, and leaves by one rename: nobody sees
// a part of one. Who copies from an entry while another host removes it meets an
// error, or finishes with what was open; either way only what has the hash that
// the entry promises is used. That hash is computed over the copy, at each use:
// what a disk, a power cut or a person spoilt is found, dropped and made again.
// Nothing is synced for the same reason. A copy shares its blocks with the
// entry where the file system can do that (FICLONE); it is never a hard link, by
// which a user could change the entry.
//
// The store is bounded. What was used longest ago goes first. Several hosts count
// for themselves and may be over the bound together for a few minutes.
//
// The directory is its owner's alone (0700): users meet results of others only as
// the answer to a request of their own, with the same input and the same
// parameters.
package cache
