package run

import (
	"errors"
	"strings"
	"testing"

	"coffre.invalid/agent/internal/gate"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/storage"
)

func TestTheVerdictFollowsFromTheFacts(t *testing.T) {
	code := func(value int) *int { return &value }
	ended := func(by restic.Ended, exit *int) restic.Outcome { return restic.Outcome{Ended: by, ExitCode: exit} }
	done, one := ended(restic.ByItself, code(0)), ended(restic.ByItself, code(1))
	quotaGate, otherGate := gate.Gate{Closed: true, Reason: "quota"}, gate.Gate{Closed: true, Reason: "hold"}
	missing := []report.Path{{Path: "/x", State: report.PathMissing}}
	shrunk := []report.Path{{Path: "/b", State: report.PathShrunk}, {Path: "/a", State: report.PathSaved}}
	accepted := []report.Path{{Path: "/a", State: report.PathAccepted}}
	for name, test := range map[string]struct {
		facts  facts
		result report.Result
		exit   int
		words  string
	}{
		"everything saved":            {facts{outcome: done, hasSnapshot: true}, report.Success, 0, ""},
		"a path is missing":           {facts{outcome: done, hasSnapshot: true, paths: missing}, report.Partial, 3, "paths of the plan: /x missing"},
		"a path shrank, another not":  {facts{outcome: done, hasSnapshot: true, paths: shrunk}, report.Partial, 3, "paths of the plan: /b shrunk"},
		"nothing where that is right": {facts{outcome: done, hasSnapshot: true, paths: accepted, integrity: report.Whole}, report.Success, 0, ""},
		"packs are missing":           {facts{outcome: done, hasSnapshot: true, integrity: report.PacksMissing}, report.Failed, 1, "packs that the index names"},
		"not as it was written":       {facts{outcome: ended(restic.ByItself, code(3)), hasSnapshot: true, integrity: report.SnapshotUnreadable}, report.Failed, 1, "does not return the new snapshot"},
		"not read back":               {facts{outcome: done, hasSnapshot: true, integrity: report.Unchecked}, report.Partial, 3, "could not be read back"},
		"some unreadable":             {facts{outcome: ended(restic.ByItself, code(3)), hasSnapshot: true, unreadable: 7}, report.Partial, 3, "7 entries could not be read"},
		"both":                        {facts{outcome: ended(restic.ByItself, code(3)), hasSnapshot: true, unreadable: 2, paths: missing}, report.Partial, 3, "/x missing; 2 entries could not be read"},
		"incomplete, not said what":   {facts{outcome: ended(restic.ByItself, code(3)), hasSnapshot: true, reason: "why"}, report.Partial, 3, "why"},
		"no snapshot in spite of 0":   {facts{outcome: done}, report.Failed, 1, "code 0"},
		"saved before the deadline":   {facts{outcome: ended(restic.ByContext, code(0)), hasSnapshot: true, cause: errDeadline}, report.Success, 0, ""},
		"deadline":                    {facts{outcome: ended(restic.ByContext, code(1)), cause: errDeadline, deadlineSeconds: 60}, report.Failed, 1, "after 60 s"},
		"killed at the deadline":      {facts{outcome: ended(restic.ByContext, nil), cause: errDeadline}, report.Failed, 1, "deadline"},
		"interrupted":                 {facts{outcome: ended(restic.ByContext, code(1)), cause: ErrInterrupted}, report.Failed, 1, "interrupted"},
		"interrupted as a group":      {facts{outcome: ended(restic.ByItself, code(130)), cause: ErrInterrupted}, report.Failed, 1, "interrupted"},
		"wall by restic's word":       {facts{outcome: ended(restic.ByQuota, code(1))}, report.Quota, 4, "quota is reached"},
		"wall in the transcript":      {facts{outcome: one, sawQuota: true}, report.Quota, 4, "quota is reached"},
		"wall found afterwards":       {facts{outcome: one, wallReached: true}, report.Quota, 4, "quota is reached"},
		"gate closed meanwhile":       {facts{outcome: one, door: quotaGate, reason: "Access Denied"}, report.Quota, 4, "quota is reached"},
		"gate closed for a hold":      {facts{outcome: ended(restic.ByDenial, code(1)), door: otherGate}, report.Failed, 4, "accepts no backups of this machine: hold"},
		"denied, gate open":           {facts{outcome: ended(restic.ByDenial, nil)}, report.Failed, 1, "began to refuse"},
		"locked":                      {facts{outcome: ended(restic.ByItself, code(11))}, report.Failed, 1, "locked"},
		"killed by somebody":          {facts{outcome: ended(restic.ByItself, nil)}, report.Failed, 1, "killed"},
		"restic's own error":          {facts{outcome: one, reason: "disk on fire"}, report.Failed, 1, "disk on fire"},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(test.facts)
			if got.result != test.result || got.exit != test.exit || !strings.Contains(got.message, test.words) {
				t.Fatalf("%+v", got)
			}
			if (got.result == report.Success) != (got.message == "") {
				t.Fatalf("only a plain success needs no words: %+v", got)
			}
		})
	}
}

func TestOnlyAnUnexplainedFailureIsLookedInto(t *testing.T) {
	code := 1
	for name, test := range map[string]struct {
		facts facts
		want  bool
	}{
		"failed":      {facts{outcome: restic.Outcome{ExitCode: &code}}, true},
		"denied":      {facts{outcome: restic.Outcome{Ended: restic.ByDenial}}, true},
		"quota":       {facts{outcome: restic.Outcome{Ended: restic.ByQuota}}, false},
		"interrupted": {facts{outcome: restic.Outcome{Ended: restic.ByContext}, cause: ErrInterrupted}, false},
	} {
		if got := test.facts.mayBeRefusal(); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAnErrorBeforeTheBackupIsToldByItsKind(t *testing.T) {
	offset := 1200.4
	refused := verdict{report.Quota, byQuota().message, 4}
	for name, test := range map[string]struct {
		err    error
		offset *float64
		want   verdict
	}{
		"deadline":          {errDeadline, nil, failed("deadline: the run had not ended after 60 s")},
		"interrupted":       {ErrInterrupted, nil, failed("interrupted")},
		"quota":             {storage.ErrQuotaExceeded, nil, refused},
		"clock":             {storage.ErrClockSkewed, &offset, failed("this machine's clock differs by 1200 s from the storage's, which refuses it for that; correct it")},
		"clock by a guess":  {storage.ErrClockSkewed, nil, failed(storage.ErrClockSkewed.Error())},
		"away":              {storage.ErrUnreachable, nil, failed("the storage gave no answer for 30 s: " + storage.ErrUnreachable.Error())},
		"denied":            {storage.ErrAccessDenied, nil, failed("the storage refuses this machine: " + storage.ErrAccessDenied.Error())},
		"foreign authority": {storage.ErrUntrusted, nil, failed("this machine does not trust the storage: " + storage.ErrUntrusted.Error())},
		"anything else":     {errors.New("a disk"), nil, failed("a disk")},
	} {
		if got := unprepared(test.err, test.offset, 60, StoragePatience); got != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestMessagesStaySmall(t *testing.T) {
	if text := shorten(strings.Repeat("é", 5000)); len([]rune(text)) != messageLimit {
		t.Fatal(len(text))
	}
	if text := list(strings.Split("a b c d e f g", " ")); text != "a, b, c, d, e and 2 more" {
		t.Fatal(text)
	}
}
