package run

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/gate"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/testkit/installed"
	"coffre.invalid/agent/internal/testkit/realrestic"
)

// withRestic is a machine with the real restic and an empty repository.
func withRestic(t *testing.T) *installed.Machine {
	t.Helper()
	path := realrestic.Find(t)
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	machine := installed.New(t, program)
	create := exec.Command(path, "init", "--quiet", "--no-cache", "--cacert", machine.Server.CAFile)
	create.Env = []string{
		"RESTIC_REPOSITORY=" + machine.Repository(), "RESTIC_PASSWORD=" + installed.Password, "AWS_ACCESS_KEY_ID=AK",
		"AWS_SECRET_ACCESS_KEY=SK",
	}
	if output, err := create.CombinedOutput(); err != nil {
		t.Fatalf("%s %v", output, err)
	}
	return machine
}

// withProgram is a machine whose restic is a script: for what is decided before or around it.
func withProgram(t *testing.T, script string) *installed.Machine {
	t.Helper()
	return installed.New(t, []byte("#!/bin/sh\n"+script+"\n"))
}

// saves says that it saved a file of the last path that it was given.
const saves = `for last; do :; done
echo '{"message_type":"verbose_status","action":"new","item":"'"$last"'/a","duration":0,"data_size":1}'
echo '{"message_type":"summary","snapshot_id":"1111111111111111","total_files_processed":1}'`

func settings(machine *installed.Machine, log *bytes.Buffer) Settings {
	settings := Settings{
		Paths: machine.Paths, Version: "1.2.3", Environment: os.Environ(), InvocationID: strings.Repeat("ab", 16),
		StoragePatience: time.Second, Log: log,
		MaintenancePatience: 200 * time.Millisecond, MaintenancePause: 10 * time.Millisecond,
	}
	if machine.Server.Get("restic/config") == nil { // Its restic is a script.
		settings.ReadBack = func(string) report.Integrity { return report.Whole }
	}
	return settings
}

func backUp(t *testing.T, machine *installed.Machine) (report.Report, int) {
	t.Helper()
	return backUpUntil(t, t.Context(), machine)
}

func backUpUntil(t *testing.T, ctx context.Context, machine *installed.Machine) (report.Report, int) {
	t.Helper()
	var log bytes.Buffer
	outcome, err := Run(ctx, settings(machine, &log))
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	got := outcome.Report
	body, err := os.ReadFile(machine.Paths.LastReport())
	if err != nil {
		t.Fatal(err)
	}
	var kept report.Report
	if err := json.Unmarshal(body, &kept); err != nil || kept.RunID != got.RunID || kept.Result != got.Result {
		t.Fatalf("last-report.json is another: %s %v", body, err)
	}
	return got, outcome.Exit
}

func expect(t *testing.T, got report.Report, exit int, result report.Result, wantExit int, words string) {
	t.Helper()
	if got.Result != result || exit != wantExit || !strings.Contains(got.Message, words) {
		t.Fatalf("%s (exit %d): %q; want %s (%d): %q", got.Result, exit, got.Message, result, wantExit, words)
	}
}

func pending(t *testing.T, machine *installed.Machine) int {
	t.Helper()
	entries, err := os.ReadDir(machine.Paths.Pending())
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func delivered(machine *installed.Machine) []string { return machine.Server.Keys(report.Prefix + "0") }

func TestASuccessfulRunIsReportedWithSamples(t *testing.T) {
	machine := withRestic(t)
	machine.Applied(4, nil)
	time.Sleep(50 * time.Millisecond) // The files must be older than the run for more than the kernel's clock grain.
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "")
	if got.SnapshotID == nil || len(*got.SnapshotID) != 64 || got.FilesProcessed != 3 || got.BytesAdded == 0 ||
		got.ResticExitCode == nil || *got.ResticExitCode != 0 || got.GenerationApplied != 4 || got.GenerationSeen != 4 ||
		got.AgentVersion != "1.2.3" || got.RunID != strings.Repeat("ab", 16) || got.ClockOffsetSeconds == nil ||
		got.Identity == nil || got.Identity.HostName == "" {
		t.Fatalf("%+v", got)
	}
	if len(got.Samples) != 3 {
		t.Fatalf("samples %+v", got.Samples)
	}
	for _, sample := range got.Samples {
		body, err := os.ReadFile(sample.Path)
		digest := sha256.Sum256(body)
		if err != nil || hex.EncodeToString(digest[:]) != sample.SHA256 || int64(len(body)) != sample.SizeBytes {
			t.Fatalf("%+v", sample)
		}
	}
	if keys := delivered(machine); len(keys) != 1 || keys[0] != machine.ReportKey(got) || pending(t, machine) != 0 {
		t.Fatalf("%v", keys)
	}
	if snapshots := machine.Server.Keys("restic/snapshots/"); len(snapshots) != 1 ||
		snapshots[0] != "restic/snapshots/"+*got.SnapshotID {
		t.Fatalf("%v", snapshots)
	}
}

func TestARunThatStoredMuchSaysHowFast(t *testing.T) {
	machine := withRestic(t)
	content := make([]byte, 20<<20)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(machine.Data, "film"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	machine.Applied(4, nil)
	began := time.Now()
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "")
	if rate := got.UploadBytesPerSecond; rate == nil || *rate < int64(float64(20<<20)/time.Since(began).Seconds()) {
		t.Fatalf("%v of %d in %s", rate, got.BytesAdded, time.Since(began))
	}
	again, exit := backUp(t, machine)
	expect(t, again, exit, report.Success, 0, "")
	if again.UploadBytesPerSecond != nil {
		t.Fatalf("a run that stored %d tells nothing of the line: %d", again.BytesAdded, *again.UploadBytesPerSecond)
	}
}

func TestWhatTheKernelMakesUpIsNotRead(t *testing.T) {
	machine := withRestic(t)
	// restic would wait in /proc for ever: in kmsg for the kernel's next message, in pagemap for terabytes of nothing. The
	// plan takes back whatever it can, which does not help.
	plan := map[string]any{"paths": []string{machine.Data, "/proc"}, "exclude": []string{"*.tmp", "!**"}, "schedule": everyDay}
	machine.Applied(1, map[string]any{"plan": plan, "run_deadline_seconds": 30})
	got, _ := backUp(t, machine)
	if got.SnapshotID == nil || got.FilesProcessed != 3 || got.UnreadableCount != 0 {
		t.Fatalf("%s: %q, %d files", got.Result, got.Message, got.FilesProcessed)
	}
}

func TestResticsWordsAboutThePlanReachTheReportWhole(t *testing.T) {
	machine := withRestic(t)
	plan := map[string]any{"paths": []string{machine.Data}, "exclude": []string{"*.[bak", "[a-]"}, "schedule": everyDay}
	machine.Applied(1, map[string]any{"plan": plan})
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Failed, 1, "invalid pattern(s) provided: *.[bak; [a-]")
}

func TestAMissingPathIsPartialAndNamed(t *testing.T) {
	machine := withRestic(t)
	plan := map[string]any{"paths": []string{machine.Data, "/nowhere/at/all"}, "exclude": []string{}, "schedule": everyDay}
	machine.Applied(1, map[string]any{"plan": plan})
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Partial, 3, "paths of the plan: /nowhere/at/all missing")
	if got.SnapshotID == nil || *got.ResticExitCode != 0 || got.Integrity != report.Whole || len(got.Paths) != 2 ||
		got.Paths[0].State != report.PathMissing || got.Paths[1].State != report.PathSaved || got.Paths[1].Files != 3 {
		t.Fatalf("%+v", got)
	}
}

var everyDay = []any{map[string]any{"days": []string{"Mon"}, "at": "12:30"}}

func TestTheWallDuringABackupEndsItInSeconds(t *testing.T) {
	machine := withRestic(t)
	machine.Applied(1, nil)
	// A pack does not fit any more; small objects, reports among them, still do.
	machine.Server.FailWith(func(method, key string) string {
		if method == http.MethodPut && strings.HasPrefix(key, "restic/data/") {
			return "QuotaExceeded"
		}
		return ""
	})
	started := time.Now()
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Quota, 4, "quota is reached")
	if took := time.Since(started); took > 30*time.Second || got.SnapshotID != nil || len(delivered(machine)) != 1 {
		t.Fatalf("%v %+v", took, got)
	}
	if locks := machine.Server.Keys("restic/locks/"); len(locks) != 0 {
		t.Fatalf("restic was not given time to unlock: %v", locks)
	}
}

func TestAGateClosedDuringABackupIsTheReason(t *testing.T) {
	for reason, want := range map[string]report.Result{"quota": report.Quota, "hold": report.Failed, "": report.Failed} {
		t.Run("reason "+reason, func(t *testing.T) {
			machine := withRestic(t)
			machine.Applied(1, nil)
			machine.Server.FailWith(func(method, key string) string {
				if method == http.MethodPut && strings.HasPrefix(key, "restic/data/") {
					if reason != "" {
						machine.Server.Put(gate.Key, []byte(`{"closed":true,"reason":"`+reason+`"}`))
					}
					return "AccessDenied"
				}
				return ""
			})
			got, exit := backUp(t, machine)
			if reason == "" {
				expect(t, got, exit, want, 1, "Access Denied")
			} else {
				expect(t, got, exit, want, 4, "the storage accepts no backups of this machine: ")
			}
		})
	}
}

func TestAReasonThatComesAfterTheDenialIsTheReason(t *testing.T) {
	machine := withRestic(t)
	machine.Applied(1, nil)
	looks := 0
	denied := false
	machine.Server.FailWith(func(method, key string) string {
		if method == http.MethodPut && strings.HasPrefix(key, "restic/data/") {
			denied = true
			return "AccessDenied"
		}
		if denied && method == http.MethodGet && key == gate.Key {
			looks++
			if looks == 2 {
				machine.Server.Put(gate.Key, []byte(`{"closed":true,"reason":"suspended"}`))
			}
		}
		return ""
	})
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Failed, 4, "the storage accepts no backups of this machine: suspended")
}

func TestAResticThatStandsStillBehindAGateClosedMeanwhileIsEnded(t *testing.T) {
	machine := withProgram(t, "echo 'Save(<data/c9cc0e8bd5>) returned error, retrying after 1s: Access Denied.' >&2; exec sleep 600")
	machine.Applied(1, nil)
	probes := 0
	machine.Server.FailWith(func(method, key string) string {
		if method == http.MethodPut && key == probeKey {
			if probes++; probes == 2 {
				machine.Server.Put(gate.Key, []byte(`{"closed":true,"reason":"quota"}`))
			}
		}
		return ""
	})
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Quota, 4, "the storage accepts no backups of this machine: ")
}

func TestAClosedGateKeepsResticFromStarting(t *testing.T) {
	for reason, want := range map[string]report.Result{"quota": report.Quota, "suspended": report.Failed, "filling": report.Failed} {
		marker := filepath.Join(t.TempDir(), "started")
		machine := withProgram(t, "touch "+marker)
		machine.Applied(1, nil)
		machine.Server.Put(gate.Key, []byte(`{"closed":true,"reason":"`+reason+`","since":"2026-01-01T00:00:00Z"}`))
		got, exit := backUp(t, machine)
		expect(t, got, exit, want, 4, "since 2026-01-01")
		if _, err := os.Stat(marker); err == nil || got.ResticExitCode != nil || len(delivered(machine)) != 1 {
			t.Fatalf("%+v", got)
		}
	}
}

func TestARunWaitsWhileOldBackupsAreRemovedAndThenSaves(t *testing.T) {
	machine := withProgram(t, saves)
	machine.Applied(1, nil)
	machine.Server.Put(gate.Key, []byte(`{"closed":true,"reason":"maintenance"}`))
	looks := 0
	machine.Server.FailWith(func(method, key string) string {
		if method == http.MethodGet && key == gate.Key {
			if looks++; looks == 3 {
				machine.Server.Put(gate.Key, []byte(`{"closed":false,"reason":""}`))
			}
		}
		return ""
	})
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "")
	if looks < 3 {
		t.Fatal(looks)
	}
}

func TestARunGivesUpWhenTheMaintenanceDoesNotEnd(t *testing.T) {
	machine := withProgram(t, saves)
	machine.Applied(1, nil)
	machine.Server.Put(gate.Key, []byte(`{"closed":true,"reason":"maintenance","since":"2026-01-01T00:00:00Z"}`))
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Failed, 4, "removes old backups")
}

func TestTheWallBeforeABackupLeavesTheReportOnTheMachine(t *testing.T) {
	machine := withProgram(t, saves)
	machine.Applied(1, nil)
	machine.Server.FailWith(func(method, _ string) string {
		if method == http.MethodPut {
			return "QuotaExceeded"
		}
		return ""
	})
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Quota, 4, "quota is reached")
	if len(delivered(machine)) != 0 || pending(t, machine) != 1 || got.ResticExitCode != nil {
		t.Fatalf("%+v", got)
	}
	machine.Server.FailWith(nil)
	got, exit = backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "")
	if len(delivered(machine)) != 2 || pending(t, machine) != 0 {
		t.Fatal("the waiting report was not delivered")
	}
}

func TestOrdersOnTheStorageAreNotedNotObeyed(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*installed.Machine)
		seen   int64
		words  string
	}{
		"newer":     {func(m *installed.Machine) { m.Order(8, nil) }, 8, ""},
		"forged":    {func(m *installed.Machine) { m.Forge(8) }, 5, "no signature was made with the key that this machine trusts; generation 5 stays in force"},
		"replayed":  {func(m *installed.Machine) { m.Order(3, nil) }, 5, "older than 5"},
		"malformed": {func(m *installed.Machine) { m.Server.Put(orders.Key, []byte("?")) }, 5, "not a signed document"},
		"gone":      {func(m *installed.Machine) { m.Server.Delete(orders.Key) }, 5, "holds no orders"},
		"odd gate":  {func(m *installed.Machine) { m.Server.Put(gate.Key, []byte("?")) }, 5, "gate.json is malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			machine := withProgram(t, saves)
			machine.Applied(5, nil)
			test.change(machine)
			got, exit := backUp(t, machine)
			expect(t, got, exit, report.Success, 0, test.words)
			if got.GenerationApplied != 5 || got.GenerationSeen != test.seen || (test.words == "") != (got.Message == "") {
				t.Fatalf("%+v", got)
			}
		})
	}
}

func TestExpiredOrdersThatWereAppliedStayInForce(t *testing.T) {
	machine := withProgram(t, saves)
	machine.IssuedAt = machine.IssuedAt.AddDate(-3, 0, 0)
	machine.Applied(5, nil)
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "")
	if got.Message != "" || got.OrdersSeenAt == nil || time.Since(*got.OrdersSeenAt) > time.Minute {
		t.Fatalf("%+v", got)
	}
}

// Whoever keeps the orders back, or shows some that may not be obeyed, cannot make the last reading younger.
func TestTheReportSaysWhenOrdersWereSeenLast(t *testing.T) {
	machine := withProgram(t, saves)
	machine.Applied(5, nil)
	if got, _ := backUp(t, machine); got.OrdersSeenAt == nil {
		t.Fatalf("%+v", got)
	}
	before := time.Now().UTC().AddDate(0, 0, -3).Truncate(time.Second)
	body := fmt.Sprintf(`{"generation":5,"at":%q}`, before.Format(time.RFC3339))
	if err := os.WriteFile(machine.Paths.Seen(), []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, hide := range map[string]func(){
		"withheld": func() { machine.Server.Delete(orders.Key) },
		"forged":   func() { machine.Forge(8) },
		"replayed": func() { machine.Order(3, nil) },
	} {
		hide()
		if got, _ := backUp(t, machine); got.OrdersSeenAt == nil || !got.OrdersSeenAt.Equal(before) {
			t.Fatalf("%s: %+v", name, got.OrdersSeenAt)
		}
	}
	machine.Order(5, nil)
	if got, _ := backUp(t, machine); time.Since(*got.OrdersSeenAt) > time.Minute {
		t.Fatalf("%+v", got.OrdersSeenAt)
	}
}

func TestARunThatCannotStartSaysWhy(t *testing.T) {
	for name, test := range map[string]struct {
		spoil     func(*installed.Machine)
		words     string
		delivered int
	}{
		"never applied": {func(m *installed.Machine) { _ = os.Remove(m.Paths.Applied()) }, "no applied orders", 1},
		"damaged":       {func(m *installed.Machine) { _ = os.WriteFile(m.Paths.Applied(), nil, 0o600) }, "damaged", 1},
		"restic replaced": {func(m *installed.Machine) {
			_ = os.WriteFile(m.Paths.Restic(), []byte("other"), 0o755)
		}, "is not the ordered restic 0.18.1", 1},
		"suspended": {func(m *installed.Machine) {
			m.Server.FailWith(func(string, string) string { return "UserSuspended" })
		}, "refuses this machine", 0},
		"clock off": {func(m *installed.Machine) {
			m.Server.SetClock(-20 * time.Minute)
			m.Server.FailWith(func(string, string) string { return "RequestTimeTooSkewed" })
		}, "clock differs by 1200 s", 0},
		"server errors": {func(m *installed.Machine) {
			m.Server.FailWith(func(string, string) string { return "SlowDown" })
		}, "no answer for 1 s", 0},
		"nobody there": {func(m *installed.Machine) { m.Configure(map[string]any{"endpoint": "https://127.0.0.1:1"}) }, "no answer for 1 s", 0},
		"plan of nothing": {func(m *installed.Machine) {
			_ = os.RemoveAll(m.Data)
		}, "none of the plan's paths exists", 1},
	} {
		t.Run(name, func(t *testing.T) {
			machine := withProgram(t, "echo restic must not start >&2; exit 1")
			machine.Applied(1, nil)
			test.spoil(machine)
			started := time.Now()
			got, exit := backUp(t, machine)
			expect(t, got, exit, report.Failed, 1, test.words)
			if len(delivered(machine)) != test.delivered || pending(t, machine) != 1-test.delivered ||
				got.SnapshotID != nil || time.Since(started) > 10*time.Second {
				t.Fatalf("%v %+v", delivered(machine), got)
			}
		})
	}
}

func TestDeadlineAndSignalEndTheRun(t *testing.T) {
	machine := withProgram(t, "exec sleep 60")
	machine.Applied(1, map[string]any{"run_deadline_seconds": 1})
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Failed, 1, "deadline: the run had not ended after 1 s")
	machine.Applied(2, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(500*time.Millisecond, func() { cancel(ErrInterrupted) })
	got, exit = backUpUntil(t, ctx, machine)
	expect(t, got, exit, report.Failed, 1, "interrupted")
	if keys := delivered(machine); len(keys) != 2 || pending(t, machine) != 0 {
		t.Fatalf("an ended run is not reported: %v", keys)
	}
}

func TestASecondRunIsBusy(t *testing.T) {
	machine := withProgram(t, "sleep 1.5; "+saves)
	machine.Applied(1, nil)
	var first atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		outcome, err := Run(t.Context(), settings(machine, &bytes.Buffer{}))
		first.Store(outcome.Exit == 0 && err == nil)
	}()
	time.Sleep(700 * time.Millisecond)
	_, err := Run(t.Context(), settings(machine, &bytes.Buffer{}))
	if exit, _ := fault.Describe(err); exit != fault.ExitBusy {
		t.Fatalf("%d %v", exit, err)
	}
	<-done
	if !first.Load() {
		t.Fatal("the first run was disturbed")
	}
}

func TestSecretsAreInNeitherReportNorLog(t *testing.T) {
	machine := withProgram(t, `echo "{\"message_type\":\"exit_error\",\"code\":1,\"message\":\"Fatal: $RESTIC_PASSWORD $AWS_SECRET_ACCESS_KEY\"}" >&2; exit 1`)
	machine.Applied(1, nil)
	var log bytes.Buffer
	outcome, err := Run(t.Context(), settings(machine, &log))
	if err != nil {
		t.Fatal(err)
	}
	got := outcome.Report
	body := string(machine.Unseal(machine.ReportKey(got))) + log.String()
	if strings.Contains(body, installed.Password) || strings.Contains(body, "secret-access-key") {
		t.Fatal(body)
	}
	if got.Message != "restic ended with code 1: *** ***" {
		t.Fatal(got.Message)
	}
}

func TestAReportThatCannotBeKeptIsStillPut(t *testing.T) {
	machine := withProgram(t, saves)
	machine.Applied(1, nil)
	if err := os.WriteFile(machine.Paths.Pending(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), settings(machine, &bytes.Buffer{}))
	if err == nil || !strings.Contains(err.Error(), "save the report") || len(delivered(machine)) != 1 {
		t.Fatalf("%v %v", err, delivered(machine))
	}
}

func TestAGenerationThatFailedIsInTheReportOfTheBackupMadeAllTheSame(t *testing.T) {
	machine := withProgram(t, saves)
	machine.Applied(5, nil)
	for _, failure := range []struct {
		generation int64
		told       bool
	}{{6, true}, {5, false}} {
		body := fmt.Sprintf(`{"generation":%d,"reason":"no such zone, says secret-access-key"}`, failure.generation)
		if err := os.WriteFile(machine.Paths.Failed(), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		got, exit := backUp(t, machine)
		expect(t, got, exit, report.Success, 0, "")
		if told := got.FailedGeneration != nil; told != failure.told || got.AccessKeyID != "AK" {
			t.Fatalf("%+v", got)
		}
		if failure.told && (*got.FailedGeneration != 6 || got.FailedGenerationReason != "no such zone, says ***" ||
			!strings.Contains(got.Message, "generation 5 stays in force")) {
			t.Fatalf("%+v", got)
		}
	}
	if err := os.WriteFile(machine.Paths.Failed(), []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "is damaged")
}

func TestADeliveryThatWasNotTakenIsInTheReportOfTheBackupMadeAllTheSame(t *testing.T) {
	machine := withProgram(t, saves)
	machine.Applied(5, nil)
	body := `{"number":3,"reason":"number 3 is older than 4, says secret-access-key"}`
	if err := os.WriteFile(machine.Paths.Undelivered(), []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "the last delivery could not be taken, the configuration stays as it was: "+
		"number 3 is older than 4, says ***")
	if err := os.WriteFile(machine.Paths.Undelivered(), []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, exit = backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "undelivered.json is damaged")
}

func TestNoBackupBeginsOnAMachineThatLosesItsAgent(t *testing.T) {
	machine := withProgram(t, saves)
	machine.Applied(5, nil)
	if err := os.WriteFile(machine.Paths.Removing(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), settings(machine, &bytes.Buffer{}))
	if exit, _ := fault.Describe(err); exit != fault.ExitRefused || err == nil || len(delivered(machine)) != 0 {
		t.Fatalf("%d %v", exit, err)
	}
}

// stores has the storage hold an object for the snapshot that the program of these tests says it made.
func stores(machine *installed.Machine) {
	machine.Server.Put("restic/snapshots/1111111111111111", []byte("x"))
}

func TestWhatAMachineSaysIsReadBySmileoAloneAndNumbered(t *testing.T) {
	machine := withProgram(t, saves+"; stat /nowhere/of/the/customer >&2; exit 3")
	machine.Applied(1, nil)
	stores(machine)
	for number := range int64(3) {
		got, _ := backUp(t, machine)
		key := machine.ReportKey(got)
		var said report.Report
		if err := json.Unmarshal(machine.Unseal(key), &said); err != nil || said.RunID != got.RunID {
			t.Fatalf("%v %+v", err, said)
		}
		if got.Number != number+1 || said.Number != number+1 {
			t.Fatalf("report %d has the number %d", number+1, got.Number)
		}
		for _, word := range []string{got.RunID, `"ws1"`, "success", "partial", `"path"`, machine.Data} {
			if strings.Contains(string(machine.Server.Get(key)), word) {
				t.Fatalf("%q stands in clear: %s", word, machine.Server.Get(key))
			}
		}
	}
}

func TestASnapshotThatVanishedIsReported(t *testing.T) {
	machine := withProgram(t, saves)
	machine.Applied(1, nil)
	stores(machine)
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "")
	first := got.StartedAt
	if got, _ := backUp(t, machine); got.MissingSnapshotID != nil {
		t.Fatalf("%+v", got)
	}
	machine.Server.Delete("restic/snapshots/1111111111111111")
	got, exit = backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "the last snapshot of this machine, 11111111 of")
	if got.MissingSnapshotID == nil || *got.MissingSnapshotID != "1111111111111111" || got.MissingSnapshotAt.Before(first) {
		t.Fatalf("%+v", got)
	}
	// A machine that is shut out may not look: that is no snapshot gone.
	machine.Server.FailWith(func(_, key string) string {
		if strings.HasPrefix(key, "restic/") {
			return "AccessDenied"
		}
		return ""
	})
	if got, _ := backUp(t, machine); got.MissingSnapshotID != nil {
		t.Fatalf("%+v", got)
	}
}

func TestAMachineThatCannotRememberStillBacksUpAndUsesNoNumberTwice(t *testing.T) {
	machine := withProgram(t, saves)
	machine.Applied(1, nil)
	stores(machine)
	if got, _ := backUp(t, machine); got.Number != 1 {
		t.Fatal(got.Number)
	}
	// A folder in its place cannot be replaced by a file: whatever keeps the history from being written.
	history, err := os.ReadFile(machine.Paths.History())
	if err != nil {
		t.Fatal(err)
	}
	blocked := filepath.Join(machine.Paths.History(), "x")
	if err := errors.Join(os.Remove(machine.Paths.History()), os.MkdirAll(blocked, 0o700)); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	outcome, err := Run(t.Context(), settings(machine, &log))
	got := outcome.Report
	if err == nil || got.Number != 0 || got.Result != report.Success || len(delivered(machine)) != 2 {
		t.Fatalf("%v %+v %v", err, got, delivered(machine))
	}
	if err := os.RemoveAll(machine.Paths.History()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(machine.Paths.History(), history, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := backUp(t, machine); got.Number != 2 {
		t.Fatal(got.Number)
	}
}
