// Package report writes what users see of a job into its output directory:
// status.json, job.json, events.ndjson and the log.
//
// status.json and job.json are replaced whole: written in the attempt's own
// directory, then renamed over the public name. They are written at every
// change of state, at most twice a second otherwise, and at least every two
// seconds while the job runs, so that a reader can tell a slow job from a dead
// daemon. States and progress never fall; queued comes back only with a higher
// attempt.
//
// events.ndjson and the log grow. An attempt starts its own files as a copy of
// what earlier attempts of the job wrote and renames them over the public
// names, so that an attempt that was given up, and does not know it yet, writes
// into files that nobody reads.
//
// A write that fails while the job runs is logged and made good with the next;
// the last word of an attempt (Finish, Fail, Requeue) returns its error.
package report
