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

func newOutbox(t *testing.T) Outbox {
	folder := t.TempDir()
	return Outbox{LastReport: filepath.Join(folder, "last-report.json"), Pending: filepath.Join(folder, "pending")}
}

func at(minute int) Report {
	return Report{RunID: strings.Repeat("a", 32), FinishedAt: time.Date(2026, 1, 2, 3, minute, 5, 0, time.UTC), Result: Success}
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
	if name := at(4).Name(); name != "20260102T030405Z-"+strings.Repeat("a", 32)+".json" {
		t.Error(name)
	}
}

func TestReportsAreDeliveredOldestFirstAndKeptUntilTaken(t *testing.T) {
	outbox := newOutbox(t)
	for _, minute := range []int{3, 1, 2} {
		if err := outbox.Keep(at(minute)); err != nil {
			t.Fatal(err)
		}
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
	if !errors.Is(err, refuse) || len(taken) != 1 || taken[0] != Prefix+at(1).Name() {
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
	if fmt.Sprint(taken) != fmt.Sprint([]string{Prefix + at(2).Name(), Prefix + at(3).Name()}) {
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
		if err := os.WriteFile(filepath.Join(outbox.Pending, fmt.Sprintf("%04d.json", index)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var first string
	err := outbox.Deliver(t.Context(), func(_ context.Context, key string, _ []byte) error {
		first = key
		return errors.New("no")
	})
	left, _ := os.ReadDir(outbox.Pending)
	if err == nil || first != Prefix+"0005.json" || len(left) != pendingLimit {
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
