// Package daemon decides which job runs, when and where. It never touches a
// pixel, and it meets the pipeline in one file, runner.go.
//
// # The directory is the truth
//
// Below the spool's root:
//
//	inbox/                         users drop NAME.yaml, NAME.yml, NAME.json or NAME/request.yaml
//	control/                       users drop markers (cancel, retry, ...)
//	rejected/STAMP-NAME/           a request that is not a job: the file, reason.json, reason.txt
//	failed/J/                      a job that ended badly: request.yaml, reason.json
//	done/YYYY-MM-DD/J.eEEEE.yaml   a job that ended well
//	spool/queue/                   claimed, checked, waiting for a device
//	spool/active/                  running
//	spool/ids/                     job ids in use, each a link to a file that names J
//	FORMAT                         version of this layout, uid and gid of the daemon
//
// J is the spool's own token, STAMP-RAND6, made at the claim; a job_id is the
// user's and may come back. Every transition is one rename to a name that never
// existed before:
//
//	inbox/x.yaml → active/J…I    claim: the winner of the rename owns the request
//	active → rejected            not a valid request
//	active → queue               valid: status.json says queued
//	queue → active               a device is free
//	active → done | failed       the terminal record
//	active → queue               drained, or its daemon died
//
// # A job's files
//
// In output_dir: status.json (ten keys, replaced whole), job.json (everything),
// events.ndjson (append only), JOBID_log.txt, JOBID_output.mp4, JOBID_mask.mp4.
// Everything is written in .uredit/J.eEEEE, the attempt's own directory, and
// reaches its public name by a rename.
//
// # Packages
//
//	job       Request, Status, State, errors with a hint; parsing and validation
//	config    the daemon's configuration
//	roots     paths of users, opened beneath allowed roots only
//	spool     the only code that creates, renames and removes in the spool
//	watch     fsnotify as a hint, polling as the truth
//	dispatch  one goroutine per device
//	report    status.json, job.json, events.ndjson and the log of one attempt
package daemon
