package apply

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/lock"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/testkit/installed"
	"coffre.invalid/agent/internal/units"
)

// inMemoryScheduler keeps the one job it was given.
type inMemoryScheduler struct {
	job     *units.Job
	fail    error
	refuse  string
	outside [][]string
}

func (s *inMemoryScheduler) Outside(arguments ...string) error {
	s.outside = append(s.outside, arguments)
	return nil
}

func (s *inMemoryScheduler) Ensure(job units.Job, check bool) ([]string, error) {
	if s.fail != nil {
		return nil, s.fail
	}
	if s.job != nil && bytes.Equal(s.job.Timer, job.Timer) && bytes.Equal(s.job.Service, job.Service) {
		return nil, nil
	}
	if !check {
		s.job = &job
	}
	if s.refuse != "" && bytes.Contains(job.Timer, []byte(s.refuse)) {
		return nil, errors.New("bad unit")
	}
	return []string{"job"}, nil
}

func (s *inMemoryScheduler) Remove(check bool) ([]string, error) {
	if s.job == nil {
		return nil, nil
	}
	if !check {
		s.job = nil
	}
	return []string{"job"}, nil
}

func contents(t *testing.T, root string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s %x\n", path, body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func applied(t *testing.T, machine *installed.Machine, scheduler units.Scheduler, check bool) Result {
	t.Helper()
	result, err := Apply(t.Context(), Settings{Paths: machine.Paths, Scheduler: scheduler, Version: "1.2.3"}, check)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestOrdersAreObeyedOnce(t *testing.T) {
	machine, scheduler := installed.New(t, nil), &inMemoryScheduler{}
	machine.Order(1, nil)
	before := contents(t, machine.Paths.Root)
	announced := applied(t, machine, scheduler, true)
	if !announced.Changed || scheduler.job != nil || contents(t, machine.Paths.Root) != before {
		t.Fatalf("check mode: %+v", announced)
	}
	done := applied(t, machine, scheduler, false)
	if fmt.Sprint(done) != fmt.Sprint(announced) || done.Generation != 1 || scheduler.job == nil {
		t.Fatalf("%+v, announced %+v", done, announced)
	}
	kept, err := os.ReadFile(machine.Paths.Applied())
	if err != nil || !bytes.Equal(kept, machine.Server.Get(orders.Key)) {
		t.Fatal("the applied orders are not kept as received")
	}
	if again := applied(t, machine, scheduler, false); again.Changed || again.Generation != 1 || again.Changes == nil {
		t.Fatalf("%+v", again)
	}
	machine.Order(2, map[string]any{"timezone": "Asia/Tokyo"})
	if next := applied(t, machine, scheduler, false); fmt.Sprint(next.Changes) != "[job orders: generation 2]" {
		t.Fatalf("%+v", next)
	}
}

func TestAKilledApplyIsCompletedByTheNext(t *testing.T) {
	machine, scheduler := installed.New(t, nil), &inMemoryScheduler{}
	machine.Order(1, nil)
	scheduler.fail = errors.New("killed here")
	if _, err := Apply(t.Context(), Settings{Paths: machine.Paths, Scheduler: scheduler, Version: "1.2.3"}, false); err == nil {
		t.Fatal("no error")
	}
	if _, err := os.Stat(machine.Paths.Applied()); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("orders were remembered before they were obeyed")
	}
	scheduler.fail = nil
	if result := applied(t, machine, scheduler, false); !result.Changed {
		t.Fatalf("%+v", result)
	}
	scheduler.job = nil
	if result := applied(t, machine, scheduler, false); fmt.Sprint(result.Changes) != "[job]" {
		t.Fatalf("what somebody removed was not repaired: %+v", result)
	}
}

func TestWhatMayNotBeObeyedChangesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*installed.Machine)
		want  string
		exit  int
	}{
		"older":         {func(m *installed.Machine) { m.Order(4, nil) }, "older than 5", fault.ExitRefused},
		"rewritten":     {func(m *installed.Machine) { m.Order(5, map[string]any{"run_deadline_seconds": 9}) }, "different content", fault.ExitRefused},
		"forged":        {func(m *installed.Machine) { m.Forge(6) }, "signature", fault.ExitRefused},
		"other machine": {func(m *installed.Machine) { m.Order(6, map[string]any{"machine": "ws2"}) }, "ws2", fault.ExitRefused},
		"rubbish":       {func(m *installed.Machine) { m.Server.Put(orders.Key, []byte("{")) }, "not a signed", fault.ExitRefused},
		"gone":          {func(m *installed.Machine) { m.Server.Delete(orders.Key) }, "no orders", fault.ExitFailed},
		"no such zone":  {func(m *installed.Machine) { m.Order(6, map[string]any{"timezone": "Mars/Base"}) }, "time zone", fault.ExitFailed},
		"another restic": {func(m *installed.Machine) {
			m.Order(6, map[string]any{"restic": map[string]any{"version": "1", "sha256": strings.Repeat("0", 64)}})
		}, "restic 1 cannot be downloaded", fault.ExitFailed},
		"no restic": {func(m *installed.Machine) {
			m.Order(6, nil)
			_ = os.Remove(m.Paths.Restic())
		}, "restic 0.18.1 cannot be downloaded", fault.ExitFailed},
		"denied": {func(m *installed.Machine) {
			m.Server.FailWith(func(string, string) string { return "AccessDenied" })
		}, "access denied", fault.ExitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			machine, scheduler := installed.New(t, nil), &inMemoryScheduler{}
			machine.Order(5, nil)
			applied(t, machine, scheduler, false)
			test.spoil(machine)
			before, job := contents(t, machine.Paths.Root), scheduler.job
			_, err := Apply(t.Context(), Settings{Paths: machine.Paths, Scheduler: scheduler, Version: "1.2.3"}, false)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if exit, hint := fault.Describe(err); exit != test.exit || hint == "" {
				t.Fatalf("exit %d, hint %q", exit, hint)
			}
			if contents(t, machine.Paths.Root) != before || scheduler.job != job {
				t.Fatal("something was changed")
			}
		})
	}
}

func TestOrdersOfAnEarlierIdentityDoNotCount(t *testing.T) {
	machine, scheduler := installed.New(t, nil), &inMemoryScheduler{}
	machine.Applied(9, map[string]any{"machine": "old"})
	machine.Order(1, nil)
	result := applied(t, machine, scheduler, false)
	if !result.Changed || !strings.Contains(fmt.Sprint(result.Changes), "another identity before") {
		t.Fatalf("%+v", result)
	}
	if err := os.WriteFile(machine.Paths.Applied(), []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if result := applied(t, machine, scheduler, false); !strings.Contains(fmt.Sprint(result.Changes), "damaged") {
		t.Fatalf("%+v", result)
	}
}

func TestASecondApplyIsBusy(t *testing.T) {
	machine := installed.New(t, nil)
	machine.Order(1, nil)
	applied(t, machine, &inMemoryScheduler{}, false)
	release, err := lock.Acquire(machine.Paths.State())
	if err != nil {
		t.Fatal(err)
	}
	_, err = Apply(t.Context(), Settings{Paths: machine.Paths, Scheduler: &inMemoryScheduler{}, Version: "1.2.3"}, false)
	if exit, _ := fault.Describe(err); exit != fault.ExitBusy {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

func TestRemovalIsOrderedOrAskedForAndLeavesTheInstallation(t *testing.T) {
	for name, remove := range map[string]func(*installed.Machine, units.Scheduler, bool) (bool, error){
		"ordered": func(m *installed.Machine, s units.Scheduler, check bool) (bool, error) {
			m.Order(2, map[string]any{"remove": true})
			result, err := Apply(t.Context(), Settings{Paths: m.Paths, Scheduler: s, Version: "1.2.3"}, check)
			return result.Changed, err
		},
		"asked for": func(m *installed.Machine, s units.Scheduler, check bool) (bool, error) {
			removal, err := Remove(m.Paths, s, check)
			return removal.Changed, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			machine, scheduler := installed.New(t, nil), &inMemoryScheduler{}
			before := contents(t, machine.Paths.Root)
			machine.Order(1, nil)
			applied(t, machine, scheduler, false)
			if changed, err := remove(machine, scheduler, true); err != nil || !changed || scheduler.job == nil {
				t.Fatalf("check mode: %v %v", changed, err)
			}
			if changed, err := remove(machine, scheduler, false); err != nil || !changed {
				t.Fatalf("%v %v", changed, err)
			}
			if _, err := os.Stat(machine.Paths.State()); !errors.Is(err, fs.ErrNotExist) || scheduler.job != nil {
				t.Fatal("traces are left")
			}
			if contents(t, machine.Paths.Root) != before {
				t.Fatal("the installation was touched")
			}
			if changed, err := remove(machine, scheduler, false); err != nil || changed {
				t.Fatalf("changed again: %v %v", changed, err)
			}
		})
	}
}

func TestRemovalWaitsForABackupStartedByHand(t *testing.T) {
	machine := installed.New(t, nil)
	machine.Order(1, nil)
	applied(t, machine, &inMemoryScheduler{}, false)
	release, err := lock.Acquire(machine.Paths.Lock())
	if err != nil {
		t.Fatal(err)
	}
	_, err = Remove(machine.Paths, &inMemoryScheduler{}, false)
	if exit, _ := fault.Describe(err); exit != fault.ExitBusy {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}
