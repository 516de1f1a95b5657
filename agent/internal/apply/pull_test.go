package apply

import (
	"encoding/json"
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
	"coffre.invalid/agent/internal/programs"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/testkit/installed"
	"coffre.invalid/agent/internal/testkit/s3double"
)

// settled is a machine that has applied generation 1.
func settled(t *testing.T) (*installed.Machine, *inMemoryScheduler, Settings) {
	t.Helper()
	machine, scheduler := installed.New(t, nil), &inMemoryScheduler{}
	machine.Order(1, nil)
	applied(t, machine, scheduler, false)
	return machine, scheduler, Settings{Paths: machine.Paths, Scheduler: scheduler, Version: "1.2.3"}
}

func pull(t *testing.T, settings Settings) Pulled {
	t.Helper()
	pulled, err := Pull(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	return pulled
}

func generation(t *testing.T, machine *installed.Machine) int64 {
	t.Helper()
	body, err := os.ReadFile(machine.Paths.Applied())
	if err != nil {
		t.Fatal(err)
	}
	document, err := orders.ReadApplied(body)
	if err != nil {
		t.Fatal(err)
	}
	return document.Orders.Generation
}

func checkedIn(t *testing.T, machine *installed.Machine) checkIn {
	t.Helper()
	var found checkIn
	if err := json.Unmarshal(machine.Unseal(CheckInKey), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func resticOf(version, sha256 string) map[string]any {
	return map[string]any{"restic": map[string]any{"version": version, "sha256": sha256}}
}

func TestAnApplyTellsTheStorageWhatIsInForceNow(t *testing.T) {
	machine, scheduler, _ := settled(t)
	found := checkedIn(t, machine)
	if found.Version != 1 || found.TenantID != "t1" || found.Machine != "ws1" || found.GenerationApplied != 1 ||
		found.AccessKeyID != "AK" || found.AgentVersion != "1.2.3" || found.SigningPublicKey == "" || found.At.IsZero() {
		t.Fatalf("%+v", found)
	}
	machine.Server.Delete(CheckInKey)
	applied(t, machine, scheduler, true)
	if machine.Server.Get(CheckInKey) != nil {
		t.Fatal("check mode wrote to the storage")
	}
	machine.Server.FailWith(func(method, _ string) string {
		if method == "PUT" {
			return "QuotaExceeded"
		}
		return ""
	})
	if result := applied(t, machine, scheduler, false); result.Changed || !strings.Contains(result.Note, "quota exceeded") {
		t.Fatalf("%+v", result)
	}
}

func TestANewerGenerationIsPulledOnceAndAnnounced(t *testing.T) {
	machine, scheduler, settings := settled(t)
	before := scheduler.job
	if pulled := pull(t, settings); pulled != (Pulled{}) || scheduler.job != before {
		t.Fatalf("%+v", pulled)
	}
	machine.Order(2, map[string]any{"timezone": "Asia/Tokyo"})
	if pulled := pull(t, settings); pulled.Generation != 2 || generation(t, machine) != 2 || scheduler.job == before {
		t.Fatalf("%+v", pulled)
	}
	if found := checkedIn(t, machine); found.GenerationApplied != 2 {
		t.Fatalf("%+v", found)
	}
	if pulled := pull(t, settings); pulled != (Pulled{}) {
		t.Fatalf("%+v", pulled)
	}
}

func TestAnotherResticIsFetchedByItsHashAndTheLastGoodOneStays(t *testing.T) {
	machine, _, settings := settled(t)
	var digests []string
	for number := 2; number <= 4; number++ {
		version := fmt.Sprintf("0.%d.0", number)
		digests = append(digests, machine.Publish(installed.Says(version, "fetched"), ""))
		machine.Order(number, resticOf(version, digests[number-2]))
		pull(t, settings)
	}
	for index, digest := range digests {
		_, err := os.Stat(machine.Paths.Program(digest))
		if kept := err == nil; kept != (index > 0) {
			t.Errorf("program %d of %d: %v", index+1, len(digests), err)
		}
	}
	path, err := programs.Find(machine.Paths, orders.Restic{Version: "0.4.0", SHA256: digests[2]})
	if err != nil || path != machine.Paths.Program(digests[2]) {
		t.Fatalf("%s %v", path, err)
	}
	// A second apply by the deployment finds nothing to do, and a program that somebody damages comes back.
	if result := applied(t, machine, settings.Scheduler.(*inMemoryScheduler), false); result.Changed {
		t.Fatalf("%+v", result)
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o700); err != nil {
		t.Fatal(err)
	}
	pull(t, settings)
	if _, err := programs.Find(machine.Paths, orders.Restic{Version: "0.4.0", SHA256: digests[2]}); err != nil {
		t.Fatal(err)
	}
}

func TestAnotherResticIsFetchedFromTheBucketThatTheConfigurationNames(t *testing.T) {
	machine, _, settings := settled(t)
	bucket := s3double.Programs + "-123456789012-eu-west-3"
	machine.Configure(map[string]any{"programs_bucket": bucket})
	program := installed.Says("0.19.0", "fetched")
	digest := machine.Publish(program, "")
	machine.Server.Delete(s3double.Programs + "/" + programs.Key(digest))
	machine.Server.Put(bucket+"/"+programs.Key(digest), program)
	machine.Order(2, resticOf("0.19.0", digest))
	pull(t, settings)
	wanted := orders.Restic{Version: "0.19.0", SHA256: digest}
	if path, err := programs.Find(machine.Paths, wanted); err != nil || path != machine.Paths.Program(digest) {
		t.Fatalf("%s %v", path, err)
	}
}

func TestAGenerationThatFailsLeavesTheLastGoodOneAndIsTriedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		order func(t *testing.T, machine *installed.Machine, scheduler *inMemoryScheduler)
		want  string
	}{
		"not published": {func(_ *testing.T, m *installed.Machine, _ *inMemoryScheduler) {
			m.Order(2, resticOf("0.19.0", strings.Repeat("0", 64)))
		}, "restic 0.19.0 cannot be downloaded from the platform"},
		"another program under its name": {func(_ *testing.T, m *installed.Machine, _ *inMemoryScheduler) {
			m.Publish(installed.Says("0.19.0", "evil"), strings.Repeat("1", 64))
			m.Order(2, resticOf("0.19.0", strings.Repeat("1", 64)))
		}, "the platform's restic 0.19.0 is another program"},
		"does not run": {func(_ *testing.T, m *installed.Machine, _ *inMemoryScheduler) {
			m.Order(2, resticOf("0.19.0", m.Publish([]byte("\x7fELF rubbish"), "")))
		}, "restic 0.19.0 does not run on this machine"},
		"fails": {func(_ *testing.T, m *installed.Machine, _ *inMemoryScheduler) {
			m.Order(2, resticOf("0.19.0", m.Publish([]byte("#!/bin/sh\nexit 9\n"), "")))
		}, "restic 0.19.0 does not run on this machine: exit status 9"},
		"another version": {func(_ *testing.T, m *installed.Machine, _ *inMemoryScheduler) {
			m.Order(2, resticOf("0.19.0", m.Publish(installed.Says("0.17.3", ""), "")))
		}, `ordered as restic 0.19.0 says that it is "restic 0.17.3`},
		"another version installed": {func(t *testing.T, m *installed.Machine, _ *inMemoryScheduler) {
			digest := m.Publish(installed.Says("0.18.1", "installed"), "")
			m.Order(2, resticOf("0.19.0", digest))
		}, "says that it is"},
		"unknown zone": {func(_ *testing.T, m *installed.Machine, _ *inMemoryScheduler) {
			m.Order(2, map[string]any{"timezone": "Mars/Base"})
		}, "time zone Mars/Base"},
		"units refused": {func(_ *testing.T, m *installed.Machine, s *inMemoryScheduler) {
			m.Order(2, map[string]any{"timezone": "Asia/Tokyo"})
			s.refuse = "Asia/Tokyo"
		}, "bad unit"},
	} {
		t.Run(name, func(t *testing.T) {
			machine, scheduler, settings := settled(t)
			before := *scheduler.job
			test.order(t, machine, scheduler)
			for range 2 {
				pulled, err := Pull(t.Context(), settings)
				if err == nil || !strings.Contains(err.Error(), test.want) || pulled.Generation != 0 {
					t.Fatalf("%+v %v, want %q", pulled, err, test.want)
				}
				if generation(t, machine) != 1 || string(scheduler.job.Timer) != string(before.Timer) {
					t.Fatal("the last good generation is not in force")
				}
				failure, err := FindFailure(machine.Paths)
				if err != nil || failure == nil || failure.Generation != 2 || !strings.Contains(failure.Reason, test.want) {
					t.Fatalf("%+v %v", failure, err)
				}
			}
			machine.Order(3, nil)
			if pulled := pull(t, settings); pulled.Generation != 3 {
				t.Fatalf("%+v", pulled)
			}
			if failure, err := FindFailure(machine.Paths); failure != nil || err != nil {
				t.Fatalf("%+v %v", failure, err)
			}
		})
	}
}

func TestAReplacedProgramComesBackWhenTheGenerationThatNeedsItNotFails(t *testing.T) {
	machine, _, settings := settled(t)
	old := machine.Publish(installed.Says("0.18.1", "installed"), "")
	// The deployment has replaced the installed program already, and its orders fail here.
	if err := os.WriteFile(machine.Paths.Restic(), installed.Says("0.19.0", "new"), 0o755); err != nil {
		t.Fatal(err)
	}
	machine.Order(2, map[string]any{"timezone": "Mars/Base"})
	if _, err := Pull(t.Context(), settings); err == nil {
		t.Fatal("no error")
	}
	if path, err := programs.Find(machine.Paths, orders.Restic{Version: "0.18.1", SHA256: old}); err != nil {
		t.Fatalf("%s %v", path, err)
	}
}

func TestWhatMayNotBeObeyedIsPulledByNobody(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*installed.Machine)
		want  string
	}{
		"older":         {func(m *installed.Machine) { m.Applied(5, nil); m.Order(4, nil) }, "older than 5"},
		"forged":        {func(m *installed.Machine) { m.Forge(6) }, "no signature"},
		"other machine": {func(m *installed.Machine) { m.Order(6, map[string]any{"machine": "ws2"}) }, "ws2"},
		"forged removal": {func(m *installed.Machine) {
			m.Order(6, map[string]any{"remove": true, "tenant_id": "t2"})
		}, "t2/ws1"},
		"gone": {func(m *installed.Machine) { m.Server.Delete(orders.Key) }, "no orders"},
		"older than deployed, the state lost": {func(m *installed.Machine) {
			m.Configure(map[string]any{"least_generation": 3})
			_ = os.RemoveAll(m.Paths.State())
			_ = os.Mkdir(m.Paths.State(), 0o700)
		}, "older than 3, the lowest"},
		"an old removal, the state lost": {func(m *installed.Machine) {
			m.Configure(map[string]any{"least_generation": 3})
			m.Order(2, map[string]any{"remove": true})
			_ = os.RemoveAll(m.Paths.State())
			_ = os.Mkdir(m.Paths.State(), 0o700)
		}, "older than 3, the lowest"},
		"expired": {func(m *installed.Machine) {
			m.IssuedAt = m.IssuedAt.AddDate(0, 0, -91)
			m.Order(6, nil)
		}, "expired on"},
	} {
		t.Run(name, func(t *testing.T) {
			machine, scheduler, settings := settled(t)
			test.spoil(machine)
			before, job := contents(t, machine.Paths.Root), scheduler.job
			if _, err := Pull(t.Context(), settings); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if contents(t, machine.Paths.Root) != before || scheduler.job != job || len(scheduler.outside) != 0 {
				t.Fatal("something was changed")
			}
		})
	}
}

func TestAPullBesideAnApplyIsBusy(t *testing.T) {
	machine, _, settings := settled(t)
	release, err := lock.Acquire(machine.Paths.State())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = release() }() // The directory goes with the test.
	machine.Order(2, nil)
	if _, err := Pull(t.Context(), settings); err == nil || generation(t, machine) != 1 {
		t.Fatal(err)
	}
}

func TestAPulledRemovalIsAnnouncedThenDoneFromOutside(t *testing.T) {
	machine, scheduler, settings := settled(t)
	machine.Order(2, map[string]any{"remove": true})
	pulled := pull(t, settings)
	if !pulled.Removing || fmt.Sprint(scheduler.outside) != "[[remove --all]]" {
		t.Fatalf("%+v %v", pulled, scheduler.outside)
	}
	if found := checkedIn(t, machine); !found.Removed || found.GenerationApplied != 2 {
		t.Fatalf("%+v", found)
	}
	if exit, _ := fault.Describe(IsRemoving(machine.Paths)); exit != fault.ExitRefused {
		t.Fatal("a backup would begin now")
	}
	// Killed here, with its secrets gone already: the next run goes on.
	if err := os.RemoveAll(machine.Paths.Configuration()); err != nil {
		t.Fatal(err)
	}
	if pulled := pull(t, settings); !pulled.Removing || len(scheduler.outside) != 2 {
		t.Fatalf("%+v", pulled)
	}
	if err := errors.Join(
		os.MkdirAll(filepath.Dir(machine.Paths.RestoreCommand()), 0o755),
		os.Symlink("/nowhere", machine.Paths.RestoreCommand()),
	); err != nil {
		t.Fatal(err)
	}
	announced, err := RemoveAll(machine.Paths, scheduler, true)
	if err != nil || !announced.Changed {
		t.Fatalf("%+v %v", announced, err)
	}
	removal, err := RemoveAll(machine.Paths, scheduler, false)
	if err != nil || fmt.Sprint(removal) != fmt.Sprint(announced) {
		t.Fatalf("%+v %v", removal, err)
	}
	for _, path := range []string{
		machine.Paths.Configuration(), machine.Paths.State(), machine.Paths.ProgramDirectory(), machine.Paths.RestoreCommand(),
	} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
	if again, err := RemoveAll(machine.Paths, scheduler, false); err != nil || again.Changed || scheduler.job != nil {
		t.Fatalf("%+v %v", again, err)
	}
}

func TestAMachineThatForgotItsNumbersIsToldOnceWhereToGoOn(t *testing.T) {
	machine, scheduler, _ := settled(t)
	deploy := func(check bool) Result {
		t.Helper()
		settings := Settings{
			Paths: machine.Paths, Scheduler: scheduler, Version: "1.2.3", Seen: Seen{Reports: 41, CheckIns: 9},
		}
		result, err := Apply(t.Context(), settings, check)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	before := checkedIn(t, machine).Number
	if told := deploy(true); fmt.Sprint(told.Changes) != "[reports: continue after number 41]" {
		t.Fatalf("%+v", told)
	}
	if report.ReadFloor(machine.Paths.ReportFloor()) != 0 || checkedIn(t, machine).Number != before {
		t.Fatal("check mode changed something")
	}
	if told := deploy(false); !told.Changed || checkedIn(t, machine).Number != 10 {
		t.Fatalf("%+v %+v", told, checkedIn(t, machine))
	}
	if told := deploy(false); told.Changed || checkedIn(t, machine).Number != 11 {
		t.Fatalf("%+v %+v", told, checkedIn(t, machine))
	}
	if report.ReadFloor(machine.Paths.ReportFloor()) != 41 {
		t.Fatal("the number is not remembered")
	}
}
