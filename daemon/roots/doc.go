// Package roots opens the paths that users write into requests, beneath allowed
// directories only.
//
// A path is matched with a root by its text, then opened through a handle of
// that root, so that neither ".." nor a symbolic link, present or put there
// later, leads out of it. What is opened stays open: every later creation,
// rename and removal in an output directory goes through its Dir, and a path
// that changes its meaning meanwhile changes nothing.
//
// A root is opened anew for each path. A share that is mounted after the daemon
// began is seen, and one that is to be unmounted is not held.
//
// A root may be the mount point of a share. It shows an id, in a file of its own,
// that the empty directory beneath the mount does not show: such a root is
// refused, with an error that says that the request may be tried again.
//
// Errors are *job.Error with a code, and a hint that says which command helps.
package roots
