// Package daemon decides which job runs, when and where. It never touches a
// pixel, and it meets the pipeline in one file, runner.go.
//
// # The directory is the truth
//
// Below the spool's root:
//
//	inbox/                         users drop NAME.yaml, NAME.yml, NAME.json or NAME/request.yaml
//	control/                       users drop markers; JOB is a J or a job_id: JOB.cancel, JOB.hold, JOB.release,
//	                               JOB.prio-N, JOB.retry; admins also PAUSE, DRAIN, PAUSE.HOST, DRAIN.HOST
//	rejected/J-NAME/               a request that is not a job: the file, reason.json, reason.txt
//	failed/J/                      a job that ended badly: request.yaml, reason.json, reason.txt
//	done/YYYY-MM-DD/J.eEEEE.yaml   a job that ended well
//	spool/queue/                   accepted, waiting for a device
//	spool/held/                    accepted, held back by a user
//	spool/active/                  claimed or running, each name with the process that holds it
//	spool/requests/J.yaml          the requests of live jobs, as they were accepted
//	spool/ids/                     job ids in use, each a file that names J
//	spool/hosts/                   a heartbeat of each daemon, and how its devices do
//	FORMAT                         version of this layout, id of the spool, uid and gid of the daemon
//
// J is the spool's own token, STAMP-RAND6, made at the claim; a job_id is the
// user's and may come back. Every transition is one rename to a name that never
// existed before:
//
//	inbox/x.yaml → active/J…I    claim: the winner of the rename owns the request
//	active → rejected            not a valid request
//	active → queue               accepted: status.json says queued
//	queue → active               a device is free; the epoch in the name rises
//	active → done | failed       the terminal record
//	active → queue               drained, or its daemon died
//
// # Order makes it safe to die anywhere
//
// A job takes what is its own in one order and gives it back in the other:
//
//	take   job_id, output_dir, status.json queued, requests/J.yaml, queue
//	give   results, status.json finished or failed, done or failed, output_dir, job_id, requests/J.yaml
//
// A process that dies leaves names in active. Its successor on the host, which
// proves by the host's lock that it is dead, examines a claim without
// requests/J.yaml again, and queues a job that has one; a job whose job.json
// says finished is recorded and not run again. A job that ended its process
// three times, and ran alone, is set aside.
//
// # A job's files
//
// In output_dir: status.json (ten keys, replaced whole), job.json (everything),
// events.ndjson (append only), JOBID_log.txt, JOBID_output.mp4, JOBID_mask.mp4.
// Everything is written in .uredit/J.eEEEE, the attempt's own directory, and
// reaches its public name by a rename. That directory is opened once for each
// attempt, beneath an allowed root: a path that is swapped for a link later
// leads nowhere.
//
// # Files of this package
//
//	daemon.go    the loop: obey markers, claim, decide, dispatch
//	claim.go     what is taken out of the inbox in one look
//	examine.go   what a claim must fulfil to become a job
//	reject.go    what happens to one that does not
//	mounts.go    roots that are not mounted here
//	source.go    which job a free device gets
//	ready.go     what a waiting job needs to begin
//	waits.go     what a job is told that cannot begin
//	runner.go    one attempt: request to pipeline, progress to report, error to record
//	progress.go  what an edit made, under its public names
//	reuse.go     what an attempt takes from the cache, and leaves there
//	attempt.go   the attempt's files
//	fence.go     what keeps an attempt out that lost its job
//	resume.go    what ended attempts sealed, on its way to the next
//	record.go    a device's turn with a job; terminal records, releases
//	recover.go   what a dead process left
//	markers.go   what users ask for in control/: cancelling
//	wishes.go    the same: holding, ordering, retrying; pausing and draining hosts
//	fair.go      in which order jobs run
//	again.go     which errors are tried again, and when a host stops
//	room.go      whether a disk has room for a job to begin, and to go on
//	vitals.go    how the devices do, for people and metrics
//	hosts.go     heartbeats, take-over from dead hosts, stopping when cut off
//	commit.go    the record of a finished edit
//	publish.go   from a finished edit to its public names
//	models.go    which model a request may name
//	condition.go how the daemon does, for whoever supervises it; reload
//
// # Packages
//
//	document  YAML and JSON files, strictly, with lines
//	job       Request, Status, State, errors with a hint; parsing and validation
//	config    the daemon's configuration
//	cache     what finished jobs made, for jobs that ask for the same
//	roots     paths of users, opened beneath allowed roots only
//	spool     the only code that creates, renames and removes in the spool
//	watch     fsnotify as a hint, polling as the truth
//	dispatch  one goroutine per device
//	check     what has to be well on a host before a daemon relies on it
//	sdnotify  what systemd is told
//	report    status.json, job.json, events.ndjson and the log of one attempt
package daemon
