// Package spool is the only code that creates, renames and removes in the
// spool. It knows names and directories, never what a request says.
//
// # The protocol
//
// The name is the token. J is a job, EEEE its epoch, aAcC its failed tries and
// the processes that it ended, I the process ("instance") that holds it:
//
//	spool/queue/P-ENQ-J.eEEEE.aAcC.yaml      waits; P is its rank, ENQ since when
//	spool/active/J.eEEEE.aAcC.I.yaml         held by I
//	spool/active/J.eEEEE.aAcC.I.commit.yaml  held by I, results complete
//	spool/requests/J.yaml                    its request; without it a claim is examined anew
//	spool/hosts/I.hb                         heartbeat of I
//	OUTPUT_DIR/.uredit/J.eEEEE/              the attempt directory of the epoch
//
// Each transition is one rename, from a name that only the owner may hold to a
// name that never existed before: a compare-and-swap.
//
//	T1  inbox/x.yaml   -> active e1 I     claim; the winner of the rename owns it
//	T2  active         -> rejected/       no valid request
//	T3  active         -> queue           accepted; status.json says queued before
//	T4  queue eN       -> active eN+1 I   a device is free
//	T5  active I       -> active I.commit results are complete and synced; never run again
//	T6  active I.commit -> done/          after the results have their public names
//	T7  active         -> queue           another try, later
//	T8  active         -> failed/J/       for good, with its reason
//	T9  active eN A    -> active eN+1 B   A is dead; B goes on, with .commit if A had it
//	T11 active         -> queue           drained
//
// When a rename answers with an error it may have happened all the same, and on
// a network file system a stat of either name may lie for half a minute. Only a
// fresh listing of the target directory decides; nothing here asks stat who
// owns a job.
//
// A dead instance is one whose heartbeat did not change for a whole lease (a
// line of FORMAT, the same for all hosts), by the clock since boot of the
// observer, which itself wrote its heartbeat and listed the others' without a
// gap all that time: an outage of one's own mount begins every lease anew. No
// clocks of two hosts are compared. Instances of the observer's own host are
// dead at once when it holds that host's lock. So are, on a file system that no
// other kernel uses, those of the same boot that announced a lock on their
// heartbeat and hold it no longer: a host that lost its id or its name, as a
// container does that is made anew, needs no lease to go on.
//
// An owner whose heartbeat does not get through for half a lease stops its work.
// It may also stand still, and wake up much later, in the middle of a write. So
// everything that an attempt makes is made in its own attempt directory, and
// reaches its public name only by a rename out of it. Whoever takes a job over:
//
//  1. wins T9,
//  2. moves what is sealed out of the attempt directories of lower epochs, file by
//     file, then empties and removes them: from then on nothing can be made in
//     them, nor renamed out of them, by any handle,
//  3. publishes a committed result, or queues the job again.
//
// An attempt makes its directory once, then looks whether it still owns the job,
// then writes: so a take-over either finds the directory or stops the attempt.
// What it has open it may still write to; results are compared with the hashes
// that the commit recorded before they are published by another, and sealed
// parts with their seals before they are used.
//
// # Durability
//
// failed/J and rejected/J-NAME get their names whole: they are made, reason and
// request, as .J.eEEEE, in which only the owner of that epoch writes. A host that
// lost the job cannot touch the record of the one that has it.
//
// A file is synced before its rename, both directories after it: what the spool
// has told anybody survives a power cut. A claimed request becomes a job when
// its content is copied to spool/requests: the copy is the job's truth, whatever
// the user still does to the file that was dropped.
package spool
