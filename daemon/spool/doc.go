// Package spool is the only code that creates, renames and removes in the
// spool. It knows names and directories, never what a request says.
//
// # The name is the token
//
// A job's file carries everything that decides who owns it:
//
//	spool/queue/P-ENQ-J.eEEEE.aAcC.yaml         priority, since when, epoch, attempts, crashes
//	spool/active/J.eEEEE.aAcC.INSTANCE.yaml     the same, and the process that holds it
//
// Every transition is one rename from a name that only the present owner may
// hold to a name that never existed before. The epoch grows with each owner,
// so that no name comes back and a late rename finds nothing to move.
//
// # When a rename answers with an error
//
// On a network file system the rename may have happened all the same, and a
// stat of the new name may say the opposite for half a minute. Only a fresh
// listing of the directory decides; nothing here asks stat who owns a job.
//
// # Durability
//
// A file is synced before its rename, both directories after it: what the
// spool has told anybody survives a power cut.
//
// # What is accepted
//
// A claimed request becomes a job when its content is copied to
// spool/requests/J.yaml: from then on the copy is the job's truth, whatever the
// user still does to the file that was dropped. Without the copy a claim is
// examined again after a crash, with it the job is queued again.
package spool
