package spool

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Limits of the numbers in a name. They keep every name of one kind equally
// long where the order of names matters.
const (
	maxEpoch   = 9999
	maxCount   = 99
	maxCrashes = 9

	stampLayout = "060102T150405"
)

// A JobName is a job's token in the spool: what a queue name and an active name
// have in common.
type JobName struct {
	Job      string // J: the stamp of the claim (UTC) and six random characters
	Epoch    int    // 1 at the claim, one more each time a process takes the job
	Attempts int    // runs that ended in an error worth another try
	Crashes  int    // processes that died while they ran this job and nothing else
	Suspect  bool   // a process died while it ran this job among others
}

// Alone reports whether the job must run without neighbours: it crashed a
// process, or may have. Only so the next crash has one cause.
func (n JobName) Alone() bool { return n.Suspect || n.Crashes > 0 }

func (n JobName) String() string {
	suspect := ""
	if n.Suspect {
		suspect = "s"
	}
	return fmt.Sprintf("%s.e%04d.a%dc%d%s", n.Job, n.Epoch, n.Attempts, n.Crashes, suspect)
}

// An ActiveName is the name of a job that a process holds.
type ActiveName struct {
	JobName
	Instance  Instance
	Committed bool // its results are complete: they are published, never made again
}

func (n ActiveName) String() string {
	s := n.JobName.String() + "." + n.Instance.String()
	if n.Committed {
		s += committed
	}
	return s + ".yaml"
}

// committed ends, before .yaml, the name of a job that only needs publishing.
const committed = ".commit"

// A QueueName is the name of a job that waits for a device. Names sort in the
// order in which jobs run.
type QueueName struct {
	JobName
	Rank     int       // 0 runs first, 9 last
	Enqueued time.Time // milliseconds; a job that comes back keeps its claim's second
}

// Due reports whether a waiting job may be taken. One that failed waits until
// its time by any clock; the others are never held up by a clock that is wrong.
func (n QueueName) Due(now time.Time) bool { return n.Attempts == 0 || !n.Enqueued.After(now) }

func (n QueueName) String() string {
	return fmt.Sprintf("%d-%s-%s.yaml", n.Rank, base36(n.Enqueued.UnixMilli(), 9), n.JobName)
}

// The shapes of names, a character for each of theirs: 0 stands for a digit, z
// for a digit or a lower-case letter, anything else for itself. A queue of ten
// thousand is read each time it changed, which no regular expression is fit for.
const (
	jobShape   = "000000T000000-zzzzzz"
	epochShape = ".e0000.a"
	queueShape = "0-zzzzzzzzz-"
)

// shaped reports whether s has a shape.
func shaped(s, shape string) bool {
	if len(s) != len(shape) {
		return false
	}
	for i := range len(s) {
		digit := s[i] >= '0' && s[i] <= '9'
		switch shape[i] {
		case '0':
			if !digit {
				return false
			}
		case 'z':
			if !digit && (s[i] < 'a' || s[i] > 'z') {
				return false
			}
		default:
			if s[i] != shape[i] {
				return false
			}
		}
	}
	return true
}

// isJob reports whether s looks like a token of NewJob.
func isJob(s string) bool { return shaped(s, jobShape) }

// NewJob returns a token for a request that is claimed at t.
func NewJob(t time.Time) string {
	return t.UTC().Format(stampLayout) + "-" + random36(6)
}

// ClaimTime returns the second, in UTC, in which a job was claimed.
func ClaimTime(job string) (time.Time, error) {
	if !isJob(job) {
		return time.Time{}, fmt.Errorf("%q is not a job of the spool", job)
	}
	return time.Parse(stampLayout, job[:len(stampLayout)])
}

// ParseJobName reads J.eEEEE.aAcC. Only what String writes is a name.
func ParseJobName(s string) (JobName, error) {
	bad := func() (JobName, error) { return JobName{}, fmt.Errorf("%q is not a job's name", s) }
	const head = len(jobShape) + len(epochShape)
	if len(s) < head || !shaped(s[:head], jobShape+epochShape) {
		return bad()
	}
	attempts, crashes, found := strings.Cut(s[head:], "c")
	crashes, suspect := strings.CutSuffix(crashes, "s")
	zeroes := len(attempts) == 2 && attempts[0] == '0'
	if !found || !shaped(attempts, "0") && !shaped(attempts, "00") || zeroes || !shaped(crashes, "0") {
		return bad()
	}
	n := JobName{
		Job: s[:len(jobShape)], Epoch: atoi(s[len(jobShape)+2 : head-2]),
		Attempts: atoi(attempts), Crashes: atoi(crashes), Suspect: suspect,
	}
	if _, err := ClaimTime(n.Job); err != nil || n.Epoch == 0 {
		return bad()
	}
	return n, nil
}

// ParseActive reads the name of a file in spool/active.
func ParseActive(s string) (ActiveName, error) {
	base, isYAML := strings.CutSuffix(s, ".yaml")
	base, isCommitted := strings.CutSuffix(base, committed)
	at := strings.LastIndexByte(base, '.')
	if !isYAML || at < 0 {
		return ActiveName{}, fmt.Errorf("%q is not an active name", s)
	}
	job, err := ParseJobName(base[:at])
	if err != nil {
		return ActiveName{}, fmt.Errorf("active name: %w", err)
	}
	inst, err := ParseInstance(base[at+1:])
	if err != nil {
		return ActiveName{}, fmt.Errorf("active name: %w", err)
	}
	return ActiveName{JobName: job, Instance: inst, Committed: isCommitted}, nil
}

// ParseQueue reads the name of a file in spool/queue.
func ParseQueue(s string) (QueueName, error) {
	name, isYAML := strings.CutSuffix(s, ".yaml")
	const head = len(queueShape)
	if !isYAML || len(name) < head || !shaped(name[:head], queueShape) {
		return QueueName{}, fmt.Errorf("%q is not a queue name", s)
	}
	job, err := ParseJobName(name[head:])
	if err != nil {
		return QueueName{}, fmt.Errorf("queue name: %w", err)
	}
	ms, err := strconv.ParseInt(name[2:head-1], 36, 64)
	if err != nil {
		return QueueName{}, fmt.Errorf("queue name %q: %w", s, err)
	}
	return QueueName{JobName: job, Rank: atoi(name[:1]), Enqueued: time.UnixMilli(ms).UTC()}, nil
}

// An Instance is one run of one daemon: a process that may hold jobs.
type Instance struct {
	Host    string // host name, for people
	HostID  string // eight characters of the host's random id
	BootID  string // eight characters of the kernel's boot id
	Started string // base 36 milliseconds
	Random  string // four random characters
}

func (i Instance) String() string {
	return strings.Join([]string{i.Host, i.HostID, i.BootID, i.Started, i.Random}, "_")
}

var instancePattern = regexp.MustCompile(`^([A-Za-z0-9-]{1,32})_([0-9a-z]{8})_([0-9a-f]{8})_([0-9a-z]{9})_([0-9a-z]{4})$`)

// ParseInstance reads what Instance.String writes.
func ParseInstance(s string) (Instance, error) {
	m := instancePattern.FindStringSubmatch(s)
	if m == nil {
		return Instance{}, fmt.Errorf("%q is not an instance", s)
	}
	return Instance{Host: m[1], HostID: m[2], BootID: m[3], Started: m[4], Random: m[5]}, nil
}

// HostName returns a host's name as the spool spells it: only characters that no
// other part of a name uses remain, at most 32.
func HostName(host string) string {
	clean := strings.Map(func(r rune) rune {
		if r < 128 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '-'
	}, host)
	if clean == "" {
		return "host"
	}
	return clean[:min(len(clean), 32)]
}

// newInstance names this process.
func newInstance(host, hostID, bootID string, started time.Time) Instance {
	return Instance{
		Host:    HostName(host),
		HostID:  hostID,
		BootID:  bootID,
		Started: base36(started.UnixMilli(), 9),
		Random:  random36(4),
	}
}

func base36(n int64, width int) string {
	s := strconv.FormatInt(n, 36)
	return strings.Repeat("0", max(0, width-len(s))) + s
}

func random36(n int) string {
	limit := new(big.Int).Exp(big.NewInt(36), big.NewInt(int64(n)), nil)
	r, err := rand.Int(rand.Reader, limit)
	if err != nil {
		panic(err) // the kernel's random source never fails; see crypto/rand
	}
	return base36(r.Int64(), n)
}

// atoi reads digits that were already checked.
func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
