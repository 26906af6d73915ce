package spooltest

import (
	"strings"
	"testing"
	"time"
)

const (
	inbox  = "inbox/x.yaml"
	heldA1 = "spool/active/260101T000000-aaaaaa.e0001.a0c0.a_aaaaaaaa_00000000_000000001_aaaa.yaml"
	queue1 = "spool/queue/5-000000001-260101T000000-aaaaaa.e0001.a0c0.yaml"
	hold2  = "spool/held/5-000000001-260101T000000-aaaaaa.e0002.a0c0.yaml"
	heldA2 = "spool/active/260101T000000-aaaaaa.e0002.a0c0.a_aaaaaaaa_00000000_000000001_aaaa.yaml"
	heldB2 = "spool/active/260101T000000-aaaaaa.e0002.a0c0.b_bbbbbbbb_00000000_000000001_bbbb.yaml"
	heldB3 = "spool/active/260101T000000-aaaaaa.e0003.a0c0s.b_bbbbbbbb_00000000_000000001_bbbb.yaml"
	doneB3 = "done/2026-01-01/260101T000000-aaaaaa.e0003.yaml"
	failed = "failed/260101T000000-aaaaaa/request.yaml"
)

func TestCheck(t *testing.T) {
	// began claims and queues the job, in the first 20 seconds.
	began := []Call{{From: inbox, To: heldA1, Began: 1, Ended: 2, Outcome: Done}, {From: heldA1, To: queue1, Began: 3, Ended: 4, Outcome: Done}}
	for _, tt := range []struct {
		name  string
		calls []Call
		ok    bool
	}{
		{"one life", []Call{
			{From: queue1, To: heldA2, Began: 10, Ended: 20, Outcome: Done},
			{From: heldA2, Began: 21, Ended: 22, Outcome: Done},
			{From: heldA2, To: heldB3, Began: 30, Ended: 31, Outcome: Done},
			{From: heldA2, Began: 40, Ended: 41, Outcome: Lost},
			{From: heldB3, To: doneB3, Began: 50, Ended: 51, Outcome: Done}}, true},
		{"two take it", []Call{
			{From: queue1, To: heldA2, Began: 10, Ended: 20, Outcome: Done},
			{From: queue1, To: heldB2, Began: 10, Ended: 20, Outcome: Done}}, false},
		{"two want it", []Call{
			{From: queue1, To: heldA2, Began: 10, Ended: 20, Outcome: Done},
			{From: queue1, To: heldB2, Began: 10, Ended: 20, Outcome: Lost}}, true},
		{"nobody gets it", []Call{{From: queue1, To: heldA2, Began: 10, Ended: 20, Outcome: Lost}}, false},
		{"who died may have got it", []Call{
			{From: queue1, To: heldA2, Began: 10},
			{From: queue1, To: heldB2, Began: 10, Ended: 20, Outcome: Lost},
			{From: heldA2, To: heldB3, Began: 30, Ended: 31, Outcome: Done}}, true},
		{"who died did not get it", []Call{
			{From: queue1, To: heldA2, Began: 10},
			{From: queue1, To: heldB2, Began: 15, Ended: 20, Outcome: Done}}, true},
		{"held, and taken over before", []Call{
			{From: queue1, To: heldA2, Began: 10, Ended: 20, Outcome: Done},
			{From: heldA2, To: heldB3, Began: 30, Ended: 31, Outcome: Done},
			{From: heldA2, Began: 40, Ended: 41, Outcome: Done}}, false},
		{"held, and taken over meanwhile", []Call{
			{From: queue1, To: heldA2, Began: 10, Ended: 20, Outcome: Done},
			{From: heldA2, To: heldB3, Began: 30, Ended: 50, Outcome: Done},
			{From: heldA2, Began: 40, Ended: 41, Outcome: Done}}, true},
		{"taken, and told that it was not", []Call{
			{From: queue1, To: heldA2, Began: 10, Ended: 20, Outcome: Lost},
			{From: heldA2, To: heldB3, Began: 30, Ended: 31, Outcome: Done}}, false},
		{"taken, taken over, and told that it was not", []Call{
			{From: queue1, To: heldA2, Began: 10, Ended: 40, Outcome: Lost},
			{From: heldA2, To: heldB3, Began: 30, Ended: 31, Outcome: Done}}, true},
		{"put on hold by two", []Call{
			{From: queue1, To: hold2, Began: 10, Ended: 20, Outcome: Done},
			{From: queue1, To: hold2, Began: 10, Ended: 20, Outcome: Done}}, true},
		{"over twice", []Call{
			{From: queue1, To: heldA2, Began: 10, Ended: 20, Outcome: Done},
			{From: heldA2, To: heldB3, Began: 30, Ended: 31, Outcome: Done},
			{From: heldB3, To: failed, Began: 40, Ended: 41, Outcome: Done},
			{From: heldA2, To: failed, Began: 40, Ended: 41, Outcome: Done}}, false},
		{"an epoch with two owners", []Call{
			{From: queue1, To: heldA2, Began: 10, Ended: 20, Outcome: Done},
			{From: heldA2, To: heldB2, Began: 30, Ended: 31, Outcome: Done}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Check(append(began[:len(began):len(began)], tt.calls...), time.Minute)
			if (err == nil) != tt.ok {
				t.Errorf("Check = %v, want linearizable: %t", err, tt.ok)
			}
			if err != nil && !strings.Contains(err.Error(), "260101T000000-aaaaaa is not linearizable") {
				t.Errorf("the report is %v", err)
			}
		})
	}
	if err := Check([]Call{{From: "somewhere", To: "else"}}, time.Minute); err == nil {
		t.Error("a call about no job is taken")
	}
}
