//go:build unix

package update

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/delivery"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/lock"
	"coffre.invalid/agent/internal/storage"
	"coffre.invalid/agent/internal/testkit/installed"
	"coffre.invalid/agent/internal/testkit/s3double"
)

const (
	present = "1.0.0"
	next    = "1.1.0"
)

// agent is a program that says this version and otherwise does these cases of a shell.
func agent(version, cases string) []byte {
	return fmt.Appendf(nil, "#!/bin/sh\ncase $1 in\nversion) echo '{\"version\":%q}' ;;\n%s\nesac\n", version, cases)
}

// bench is a machine with a present agent, and a delivery that names another.
type bench struct {
	*installed.Machine
	t        *testing.T
	settings Settings
	before   string
	wanted   string
}

func newBench(t *testing.T, program []byte, changes func(*delivery.Program)) *bench {
	t.Helper()
	machine := installed.New(t, nil)
	bench := &bench{Machine: machine, t: t}
	if err := errors.Join(files.EnsurePrivateDirectory(machine.Paths.State()),
		files.WriteAtomic(machine.Paths.Agent(), agent(present, ""), programMode)); err != nil {
		t.Fatal(err)
	}
	found, credentials, err := config.Load(machine.Paths)
	if err != nil {
		t.Fatal(err)
	}
	bench.settings = Settings{
		Paths: machine.Paths, TenantID: found.TenantID, Version: present,
		Storage: storage.OfMachine(found, credentials, s3double.Programs),
	}
	bench.before = bench.installed()
	bench.deliver(program, changes)
	return bench
}

func (b *bench) deliver(program []byte, changes func(*delivery.Program)) {
	b.t.Helper()
	b.wanted = b.Publish(program, "")
	named := delivery.Program{Version: next, SHA256: b.wanted, SizeBytes: int64(len(program))}
	if changes != nil {
		changes(&named)
	}
	if err := write(b.Paths.DeliveredProgram(), named); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) installed() string { return b.digest(b.Paths.Agent()) }

func (b *bench) digest(path string) string {
	b.t.Helper()
	found, err := files.SHA256(path)
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

func (b *bench) mustUpdate() {
	b.t.Helper()
	done, err := Ensure(b.t.Context(), b.settings)
	if err != nil || done != (Updated{Version: next}) || b.installed() != b.wanted {
		b.t.Fatalf("%+v %v", done, err)
	}
}

func (b *bench) mustBegin(invocation string, want Begun) {
	b.t.Helper()
	found, err := Begin(b.Paths, b.settings.TenantID, invocation)
	found.Note = ""
	if err != nil || found != want {
		b.t.Fatalf("%+v %v", found, err)
	}
}

func (b *bench) mustBeGone(paths ...string) {
	b.t.Helper()
	for _, path := range paths {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			b.t.Errorf("%s is there: %v", path, err)
		}
	}
}

func TestANewProgramTakesItsPlaceAndTheOneBeforeIsKept(t *testing.T) {
	bench := newBench(t, agent(next, ""), nil)
	bench.settings.Invocation, bench.settings.IsBackupNext = "start-1", true
	bench.mustUpdate()
	for path, want := range map[string]string{bench.Paths.Agent(): bench.wanted, bench.Paths.PreviousAgent(): bench.before} {
		if facts, err := os.Lstat(path); err != nil || facts.Mode() != programMode || bench.digest(path) != want {
			t.Errorf("%s: %v %v", path, facts, err)
		}
	}
	bench.mustBeGone(bench.Paths.NextAgent())
	if err := Finish(bench.Paths, "start-1", nil); err != nil {
		t.Fatal(err)
	}
	bench.mustBeGone(bench.Paths.Trial(), bench.Paths.NotUpdated())
	bench.mustBegin("start-2", Begun{})
	if done, err := Ensure(t.Context(), bench.settings); err != nil || done != (Updated{}) {
		t.Fatalf("%+v %v", done, err)
	}
}

func TestAProgramThatIsNotTheNamedOneNeverTakesThePlace(t *testing.T) {
	good := agent(next, "")
	for name, test := range map[string]struct {
		program []byte
		changes func(*delivery.Program)
		prepare func(*bench)
		want    string
	}{
		"a wrong hash": {good, nil, func(b *bench) {
			b.Server.Put(s3double.Programs+"/restic/"+b.wanted, []byte(strings.Repeat("x", len(good))))
		}, "is another program"},
		"a short object": {good, nil, func(b *bench) {
			b.Server.Put(s3double.Programs+"/restic/"+b.wanted, good[:len(good)/2])
		}, "is another program"},
		"a transfer that breaks": {good, nil, func(b *bench) { b.cutTransfers(good) }, "cannot be downloaded"},
		"more than it has":       {good, func(p *delivery.Program) { p.SizeBytes-- }, nil, "larger than"},
		"none there": {good, nil, func(b *bench) {
			b.Server.Delete(s3double.Programs + "/restic/" + b.wanted)
		}, "cannot be downloaded"},
		"another version":  {agent("1.2.0", ""), nil, nil, `says that it is "1.2.0"`},
		"no program":       {[]byte("no program"), nil, nil, "does not run"},
		"an older version": {agent("0.9.0", ""), func(p *delivery.Program) { p.Version = "0.9.0" }, nil, "older than the present 1.0.0"},
		"one that cannot check the orders": {
			agent(next, "apply) echo 'no such field' >&2; exit 1 ;;"), nil, nil, "no such field",
		},
		"a full disk": {agent(next, strings.Repeat("# x\n", 2<<20)), nil, (*bench).fillDisk, "file too large"},
	} {
		t.Run(name, func(t *testing.T) {
			bench := newBench(t, test.program, test.changes)
			if test.prepare != nil {
				test.prepare(bench)
			}
			done, err := Ensure(t.Context(), bench.settings)
			if done != (Updated{}) || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%+v %v", done, err)
			}
			if bench.installed() != bench.before {
				t.Fatal("it took the place")
			}
			bench.mustBeGone(bench.Paths.Trial())
			if failure, err := FindFailure(bench.Paths); err != nil || failure == nil ||
				!strings.Contains(failure.Reason, test.want) || failure.Tries != 0 {
				t.Fatalf("%+v %v", failure, err)
			}
			bench.deliver(agent(next, "# mended"), nil)
			bench.mustUpdate()
		})
	}
}

// cutTransfers has the storage break off in the middle of the first program that is asked for.
func (b *bench) cutTransfers(program []byte) {
	whole, isFirst := b.Server.Config.Handler, true
	b.Server.Config.Handler = http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if !isFirst || !strings.HasSuffix(request.URL.Path, b.wanted) {
			whole.ServeHTTP(writer, request)
			return
		}
		isFirst = false
		writer.Header().Set("Content-Length", fmt.Sprint(len(program)))
		writer.Header().Set("Last-Modified", "Mon, 30 Nov 2026 08:00:00 GMT")
		_, _ = writer.Write(program[:len(program)/2]) // What the client gets is judged there.
		panic(http.ErrAbortHandler)
	})
}

// fillDisk lets no file grow above 4 MiB, as on a disk without room.
func (b *bench) fillDisk() {
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		b.t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4 << 20, Max: before.Max}); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			b.t.Fatal(err)
		}
	})
}

func TestAnUpdateThatIsKilledAnywhereIsBroughtToItsEnd(t *testing.T) {
	for kept := range 8 {
		t.Run(fmt.Sprint(kept, " steps"), func(t *testing.T) {
			bench := newBench(t, agent(next, ""), nil)
			wanted, err := delivery.ReadProgram(bench.Paths)
			if err != nil {
				t.Fatal(err)
			}
			steps := update{bench.settings, *wanted, bench.before}.steps(t.Context())
			if len(steps) != 7 {
				t.Fatalf("%d steps", len(steps))
			}
			for _, step := range steps[:min(kept, 7)] {
				if err := step(); err != nil {
					t.Fatal(err)
				}
			}
			if kept == 0 { // A download that was cut short leaves this.
				left := files.TemporaryName(bench.Paths.NextAgent())
				if err := os.WriteFile(left, []byte("half"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if kept == 7 { // Killed in its first pull: the next start is its first run.
				bench.settings.Version = next
				bench.mustBegin("start-1", Begun{OnTrial: true})
			} else {
				if bench.installed() != bench.before {
					t.Fatal("it took the place early")
				}
				bench.settings.Invocation, bench.settings.IsBackupNext = "start-1", true
				bench.mustBegin("start-1", Begun{})
				bench.mustUpdate()
			}
			if err := Finish(bench.Paths, "start-1", nil); err != nil {
				t.Fatal(err)
			}
			if bench.installed() != bench.wanted || bench.digest(bench.Paths.PreviousAgent()) != bench.before {
				t.Fatal("not in place")
			}
			bench.mustBeGone(bench.Paths.Trial())
		})
	}
}

func TestOneWhoseFirstPullFailsGivesThePlaceBackAndIsTriedThreeTimes(t *testing.T) {
	bench := newBench(t, agent(next, "pull) echo 'lost its way' >&2; exit 1 ;;"), nil)
	for try := range maxTries {
		done, err := Ensure(t.Context(), bench.settings)
		if !done.HasFallenBack || done.Version != "" || err == nil || !strings.Contains(err.Error(), "lost its way") {
			t.Fatalf("%d: %+v %v", try, done, err)
		}
		if bench.installed() != bench.before {
			t.Fatal("it is in its place")
		}
		bench.mustBeGone(bench.Paths.Trial())
	}
	if done, err := Ensure(t.Context(), bench.settings); err != nil || done != (Updated{}) {
		t.Fatalf("%+v %v", done, err)
	}
	bench.deliver(agent(next, "# mended"), nil)
	bench.mustUpdate()
}

func TestOneWhoseFirstRunDoesNotEndGivesThePlaceBackForGood(t *testing.T) {
	for name, prepare := range map[string]func(*bench){
		"once":                    func(*bench) {},
		"killed as it goes back":  func(b *bench) { b.mustRemember() },
		"killed behind the swap":  func(b *bench) { b.mustRemember(); b.mustSwapBack() },
		"by hand, after the fact": func(b *bench) { b.settings.Invocation = "" },
	} {
		t.Run(name, func(t *testing.T) {
			bench := newBench(t, agent(next, ""), nil)
			bench.settings.Invocation, bench.settings.IsBackupNext = "start-1", true
			bench.mustUpdate()
			prepare(bench)
			invocation := "start-2"
			if bench.settings.Invocation == "" {
				invocation = ""
			}
			want := Begun{Version: present}
			if bench.installed() == bench.before {
				want = Begun{}
			}
			bench.mustBegin(invocation, want)
			if bench.installed() != bench.before {
				t.Fatal("it is in its place")
			}
			bench.mustBeGone(bench.Paths.Trial())
			if done, err := Ensure(t.Context(), bench.settings); err != nil || done != (Updated{}) || bench.installed() != bench.before {
				t.Fatalf("%+v %v", done, err)
			}
			if failure, err := FindFailure(bench.Paths); err != nil || failure.Tries != maxTries || failure.Version != next {
				t.Fatalf("%+v %v", failure, err)
			}
		})
	}
}

func (b *bench) mustRemember() {
	b.t.Helper()
	if err := rememberFailure(b.Paths, next, b.wanted, "its first run did not come to its end", maxTries); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) mustSwapBack() {
	b.t.Helper()
	if err := swap(b.Paths, b.Paths.PreviousAgent()); err != nil {
		b.t.Fatal(err)
	}
}

func TestAFirstRunThatGoesOnOrWasSwitchedOffIsNoFailure(t *testing.T) {
	bench := newBench(t, agent(next, ""), nil)
	bench.settings.Invocation, bench.settings.IsBackupNext = "start-1", true
	bench.mustUpdate()
	release, err := lock.Acquire(bench.Paths.Lock())
	if err != nil {
		t.Fatal(err)
	}
	bench.mustBegin("start-2", Begun{OnTrial: true}) // Its first run is at work.
	if err := release(); err != nil {
		t.Fatal(err)
	}
	var found trial
	if _, err := read(bench.Paths.Trial(), &found); err != nil || found.Begun != "start-1" {
		t.Fatalf("%+v %v", found, err)
	}
	found.BootID = "before it was switched off"
	if err := write(bench.Paths.Trial(), found); err != nil {
		t.Fatal(err)
	}
	bench.mustBegin("start-3", Begun{OnTrial: true})
	// Another run was at work after all: the first one is still to come.
	if err := Finish(bench.Paths, "start-3", fault.Busy("another backup is running", "")); err != nil {
		t.Fatal(err)
	}
	bench.mustBegin("start-4", Begun{OnTrial: true})
	if err := errors.Join(Finish(bench.Paths, "", nil), Finish(bench.Paths, "start-1", nil)); err != nil {
		t.Fatal(err)
	}
	bench.mustBegin("start-4", Begun{OnTrial: true})
	if err := Finish(bench.Paths, "start-4", nil); err != nil {
		t.Fatal(err)
	}
	bench.mustBeGone(bench.Paths.Trial())
	if bench.installed() != bench.wanted {
		t.Fatal("it gave the place back")
	}
}

func TestNothingIsReplacedWhileABackupIsAtWorkOrWithoutADelivery(t *testing.T) {
	bench := newBench(t, agent(next, ""), nil)
	release, err := lock.Acquire(bench.Paths.Lock())
	if err != nil {
		t.Fatal(err)
	}
	if done, err := Ensure(t.Context(), bench.settings); err != nil || done != (Updated{}) || bench.installed() != bench.before {
		t.Fatalf("%+v %v", done, err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(bench.Paths.DeliveredProgram()); err != nil {
		t.Fatal(err)
	}
	if done, err := Ensure(t.Context(), bench.settings); err != nil || done != (Updated{}) || bench.installed() != bench.before {
		t.Fatalf("%+v %v", done, err)
	}
}

func TestAProgramThatSomebodyElseInstalledIsNotOnTrial(t *testing.T) {
	bench := newBench(t, agent(next, ""), nil)
	bench.settings.Invocation, bench.settings.IsBackupNext = "start-1", true
	bench.mustUpdate()
	other := agent("2.0.0", "")
	if err := Install(bench.Paths, other); err != nil {
		t.Fatal(err)
	}
	bench.mustBeGone(bench.Paths.Trial())
	bench.mustBegin("start-2", Begun{})
	if sum := sha256.Sum256(other); bench.installed() != hex.EncodeToString(sum[:]) {
		t.Fatal("it was replaced")
	}
}
