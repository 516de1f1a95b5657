package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newSealer(t *testing.T, password, tenantID, machine string) Sealer {
	t.Helper()
	sealer, err := NewSealer(password, tenantID, machine)
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

// in is the outbox of a machine whose state is in a folder, as a run finds it.
func in(t *testing.T, folder string) *Outbox {
	t.Helper()
	outbox := &Outbox{
		LastReport: filepath.Join(folder, "last-report.json"), Pending: filepath.Join(folder, "pending"),
		History: filepath.Join(folder, "history.json"), Floor: filepath.Join(folder, "report-floor.json"),
		Sealer: newSealer(t, "password", "t1", "ws1"),
	}
	if note, err := outbox.Recover("t1", "ws1"); err != nil || note != "" {
		t.Fatalf("%q %v", note, err)
	}
	return outbox
}

func newOutbox(t *testing.T) *Outbox { return in(t, t.TempDir()) }

func at(minute int) Report {
	return Report{
		RunID: fmt.Sprintf("%032x", minute), FinishedAt: time.Date(2026, 1, 2, 3, minute, 5, 0, time.UTC), Result: Success,
	}
}

func keep(t *testing.T, outbox *Outbox, report Report) Report {
	t.Helper()
	if isPending, err := outbox.Keep(&report, nil); err != nil || !isPending {
		t.Fatalf("%v %v", isPending, err)
	}
	return report
}

func TestAReportHasNoMissingLists(t *testing.T) {
	body, err := at(4).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var found map[string]any
	if err := json.Unmarshal(body, &found); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"unreadable", "samples"} {
		if list, isList := found[key].([]any); !isList || len(list) != 0 {
			t.Errorf("%s is %v", key, found[key])
		}
	}
	for _, key := range []string{"snapshot_id", "restic_exit_code", "clock_offset_seconds"} {
		if value, present := found[key]; !present || value != nil {
			t.Errorf("%s is %v", key, value)
		}
	}
}

func TestReportsAreDeliveredOldestFirstAndKeptUntilTaken(t *testing.T) {
	outbox := newOutbox(t)
	var kept []string
	for _, minute := range []int{3, 1, 2} {
		kept = append(kept, Prefix+outbox.Sealer.Name(keep(t, outbox, at(minute))))
	}
	var taken []string
	refuse := errors.New("no")
	err := outbox.Deliver(t.Context(), func(_ context.Context, key string, body []byte) error {
		if len(taken) == 1 {
			return refuse
		}
		taken = append(taken, key)
		return nil
	})
	if !errors.Is(err, refuse) || len(taken) != 1 || taken[0] != kept[0] {
		t.Fatalf("%v %v", taken, err)
	}
	taken = nil
	for range 2 {
		if err := outbox.Deliver(t.Context(), func(_ context.Context, key string, _ []byte) error {
			taken = append(taken, key)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(taken) != fmt.Sprint(kept[1:]) {
		t.Fatal(taken)
	}
	if last, _ := os.ReadFile(outbox.LastReport); !strings.Contains(string(last), "03:02:05") {
		t.Fatalf("%s", last)
	}
}

func TestTheOldestOfTooManyReportsGo(t *testing.T) {
	outbox := newOutbox(t)
	if err := os.Mkdir(outbox.Pending, 0o700); err != nil {
		t.Fatal(err)
	}
	for index := range pendingLimit + 5 {
		if err := os.WriteFile(filepath.Join(outbox.Pending, fmt.Sprintf("%04d-x.sealed", index)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var first string
	err := outbox.Deliver(t.Context(), func(_ context.Context, key string, _ []byte) error {
		first = key
		return errors.New("no")
	})
	left, _ := os.ReadDir(outbox.Pending)
	if err == nil || first != Prefix+"0005-x.sealed" || len(left) != pendingLimit {
		t.Fatalf("%s, %d left, %v", first, len(left), err)
	}
}

func TestTheRunIDIsSystemdsOrRandom(t *testing.T) {
	invocation := strings.Repeat("0a", 16)
	if RunID(invocation) != invocation {
		t.Fatal("systemd's id was not taken")
	}
	for _, bad := range []string{"", "../../etc/passwd", strings.ToUpper(invocation)} {
		if id := RunID(bad); len(id) != 32 || id == bad {
			t.Fatal(id)
		}
	}
}

func TestNoNumberIsUsedTwiceWhereverARunIsKilled(t *testing.T) {
	folder := t.TempDir()
	outbox := in(t, folder)
	first := keep(t, outbox, at(1))
	// Killed between the report and the number: the report is there, the history is as it was before.
	if err := os.Remove(outbox.History); err != nil {
		t.Fatal(err)
	}
	again := in(t, folder)
	second := keep(t, again, at(2))
	if first.Number != 1 || second.Number != 2 {
		t.Fatalf("%d %d", first.Number, second.Number)
	}
	// Delivered meanwhile: nothing but the history tells any more.
	if err := os.RemoveAll(outbox.Pending); err != nil {
		t.Fatal(err)
	}
	if third := keep(t, in(t, folder), at(3)); third.Number != 3 {
		t.Fatal(third.Number)
	}
}

func TestAMachineThatForgotGoesOnAboveWhatSmileoHasSeen(t *testing.T) {
	outbox := newOutbox(t)
	if err := WriteFloor(outbox.Floor, 41); err != nil {
		t.Fatal(err)
	}
	if kept := keep(t, outbox, at(1)); kept.Number != 42 {
		t.Fatal(kept.Number)
	}
	if kept := keep(t, outbox, at(2)); kept.Number != 43 {
		t.Fatal(kept.Number)
	}
}

func TestADamagedHistoryOrAnotherMachinesIsBegunAnewAndSaysSo(t *testing.T) {
	for name, body := range map[string]string{
		"half": "{", "negative": `{"tenant_id":"t1","machine":"ws1","number":-3}`,
		"another machine's": `{"tenant_id":"t1","machine":"ws2","number":9,"snapshot_id":"aa"}`,
	} {
		t.Run(name, func(t *testing.T) {
			outbox := newOutbox(t)
			if err := os.WriteFile(outbox.History, []byte(body), 0o600); err != nil {
				t.Fatal(err)
			}
			note, err := outbox.Recover("t1", "ws1")
			if err != nil || !strings.Contains(note, "a new history begins") || outbox.Remembered().SnapshotID != "" {
				t.Fatalf("%q %v %+v", note, err, outbox.Remembered())
			}
			if kept := keep(t, outbox, at(1)); kept.Number != 1 {
				t.Fatal(kept.Number)
			}
		})
	}
}

func TestReportsThatAnAgentOfBeforeLeftInClearAreSealedAndNumbered(t *testing.T) {
	folder := t.TempDir()
	pending := filepath.Join(folder, "pending")
	body, err := os.ReadFile("testdata/report-1-plain.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(pending, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"20260102T030405Z-old.json": body, "20260102T030406Z-torn.json": []byte("{")} {
		if err := os.WriteFile(filepath.Join(pending, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		outbox := in(t, folder)
		var taken []string
		if err := outbox.Deliver(t.Context(), func(_ context.Context, key string, document []byte) error {
			taken = append(taken, key)
			var report Report
			opened, err := outbox.Sealer.Open(key, document)
			if err == nil {
				err = json.Unmarshal(opened, &report)
			}
			if err != nil || report.Number != 1 || report.BytesAdded != 350891 {
				t.Fatalf("%v %s", err, opened)
			}
			return errors.New("not yet")
		}); err == nil || len(taken) != 1 {
			t.Fatalf("%v %v", taken, err)
		}
	}
	if left, _ := os.ReadDir(pending); len(left) != 1 {
		t.Fatalf("%v", left)
	}
}

func TestASealOpensForItsMachineAndKeyAlone(t *testing.T) {
	own := newSealer(t, "password", "t1", "ws1")
	document, err := own.Seal("reports/1", []byte("said"))
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := own.Open("reports/1", document); err != nil || string(opened) != "said" {
		t.Fatalf("%s %v", opened, err)
	}
	if _, err := own.Open("reports/2", document); err == nil {
		t.Error("opened under another key")
	}
	for name, other := range map[string]Sealer{
		"password": newSealer(t, "Password", "t1", "ws1"), "tenant": newSealer(t, "password", "t2", "ws1"),
		"machine": newSealer(t, "password", "t1", "ws2"),
	} {
		if _, err := other.Open("reports/1", document); err == nil {
			t.Errorf("opened by another %s", name)
		}
	}
	var envelope map[string]any
	if err := json.Unmarshal(document, &envelope); err != nil || len(envelope) != 2 || envelope["version"] != 2.0 {
		t.Fatalf("%s", document)
	}
}

// The same file is read by SMILÉO's tests: both sides have to derive and bind alike.
func TestAReportSealedByAnEarlierBuildOpens(t *testing.T) {
	document, err := os.ReadFile("testdata/report-2-sealed.json")
	if err != nil {
		t.Fatal(err)
	}
	key := "reports/0000000007-abababababababababababababababab.sealed"
	opened, err := newSealer(t, "repository-password", "k7f3q9wz2m", "compta-01").Open(key, document)
	if err != nil {
		t.Fatal(err)
	}
	var report Report
	if err := json.Unmarshal(opened, &report); err != nil || report.Number != 7 {
		t.Fatalf("%v %s", err, opened)
	}
}

// The same name stands in SMILÉO's tests.
func TestAReportsNameCarriesATagOfItsMachine(t *testing.T) {
	said := Report{Number: 7, RunID: strings.Repeat("ab", 16)}
	const name = "0000000007-abababababababababababababababab-2935192dbd586f7cab581c24c6d85ec4.sealed"
	if got := newSealer(t, "repository-password", "k7f3q9wz2m", "compta-01").Name(said); got != name {
		t.Error(got)
	}
	for _, other := range []Sealer{
		newSealer(t, "Repository-password", "k7f3q9wz2m", "compta-01"),
		newSealer(t, "repository-password", "k7f3q9wz2n", "compta-01"),
		newSealer(t, "repository-password", "k7f3q9wz2m", "caisse-01"),
	} {
		if got := other.Name(said); got == name {
			t.Error("another machine makes the same name")
		}
	}
}

func TestWhatAnEarlierBuildLeftPendingKeepsItsName(t *testing.T) {
	folder := t.TempDir()
	document, err := os.ReadFile("testdata/report-2-sealed.json")
	if err != nil {
		t.Fatal(err)
	}
	const name = "0000000007-abababababababababababababababab.sealed"
	pending := filepath.Join(folder, "pending")
	if err := errors.Join(os.Mkdir(pending, 0o700), os.WriteFile(filepath.Join(pending, name), document, 0o600)); err != nil {
		t.Fatal(err)
	}
	outbox := in(t, folder)
	if outbox.Remembered().Number != 7 {
		t.Fatalf("%+v", outbox.Remembered())
	}
	var taken []string
	if err := outbox.Deliver(t.Context(), func(_ context.Context, key string, body []byte) error {
		taken = append(taken, key)
		if string(body) != string(document) {
			t.Error("it was sealed anew under a name that it is not bound to")
		}
		return nil
	}); err != nil || len(taken) != 1 || taken[0] != Prefix+name {
		t.Fatalf("%v %v", taken, err)
	}
}
