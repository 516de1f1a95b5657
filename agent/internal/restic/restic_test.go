package restic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"coffre.invalid/agent/internal/mounts"
	"coffre.invalid/agent/internal/testkit/realrestic"
	"coffre.invalid/agent/internal/testkit/s3double"
)

// local is a command for a repository in a directory: the same program and messages as on S3.
func local(t *testing.T, paths ...string) Command {
	t.Helper()
	folder := t.TempDir()
	command := Command{
		Binary: realrestic.Find(t), Repository: filepath.Join(folder, "repository"), Region: "default",
		// restic reads the authority even when it speaks to nobody.
		CAFile: s3double.Start(t).CAFile, CacheDirectory: filepath.Join(folder, "cache"), TemporaryFolder: folder,
		Host: "ws1", Paths: paths, Password: "password", AccessKeyID: "AK", SecretAccessKey: "SK",
	}
	create := exec.Command(command.Binary, "init", "--quiet", "--no-cache")
	create.Env = command.Environment(nil)
	if output, err := create.CombinedOutput(); err != nil {
		t.Fatalf("%s %v", output, err)
	}
	return command
}

func backUp(t *testing.T, command Command) (Outcome, *Transcript, []string) {
	t.Helper()
	var files []string
	transcript := &Transcript{OnFile: func(raw []byte) {
		if name, usable := DecodeItem(raw); usable {
			files = append(files, name)
		}
	}}
	outcome, err := BackUp(t.Context(), command.Call(os.Environ()), transcript,
		StandardWatch(func(context.Context) Verdict { return KeepGoing }))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	return outcome, transcript, files
}

func tree(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "data")
	for name, body := range map[string]string{
		"a": "one", "sub/b": "two", "sub/skip.tmp": "three", `odd/"quoted","duration"/é`: "four", "$HOME/#c": "five",
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func expectCode(t *testing.T, outcome Outcome, want int) {
	t.Helper()
	if outcome.ExitCode == nil {
		t.Fatal("a signal ended it")
	}
	if *outcome.ExitCode != want || outcome.Ended != ByItself {
		t.Fatalf("ended %v with %d, not by itself with %d", outcome.Ended, *outcome.ExitCode, want)
	}
}

func TestAFullBackupNamesItsSnapshotAndEveryFile(t *testing.T) {
	folder := tree(t)
	command := local(t, folder)
	command.Exclude = []string{"*.tmp", "$HOME"}
	outcome, transcript, files := backUp(t, command)
	expectCode(t, outcome, 0)
	summary := transcript.Summary()
	if summary == nil || len(summary.SnapshotID) != 64 || summary.TotalFilesProcessed != 3 ||
		summary.TotalBytesProcessed != 10 || summary.DataAddedPacked == 0 {
		t.Fatalf("%+v", summary)
	}
	want := []string{folder + "/a", folder + `/odd/"quoted","duration"/é`, folder + "/sub/b"}
	if fmt.Sprint(files) != fmt.Sprint(want) {
		t.Fatalf("%q", files)
	}
	_, _, again := backUp(t, command)
	if fmt.Sprint(again) != fmt.Sprint(want) {
		t.Fatalf("unchanged files are not named: %q", again)
	}
}

func TestTheCacheIsLeftOutWhateverThePlanSays(t *testing.T) {
	folder := tree(t)
	command := local(t, folder)
	command.CacheDirectory = filepath.Join(folder, "cache[1]*")
	if err := os.MkdirAll(filepath.Join(command.CacheDirectory, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(command.CacheDirectory, "tmp", "x"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	command.Exclude = []string{"!**"}
	_, _, files := backUp(t, command)
	if len(files) != 5 || strings.Contains(fmt.Sprint(files), "cache") {
		t.Fatalf("%q", files)
	}
}

func TestTheCacheIsLeftOutLastOfAll(t *testing.T) {
	command := Command{
		CacheDirectory: "/c[1]", Exclude: []string{"*.tmp", "!/c"}, Paths: []string{"-v", "/srv"},
		LeftOut: mounts.LeftOut{First: []string{"/tmp/*", "!/tmp/x"}, Last: []string{"/proc/*"}},
	}
	got := fmt.Sprint(command.Arguments())
	if !strings.HasSuffix(got, ` --exclude=/tmp/* --exclude=!/tmp/x --exclude=*.tmp --exclude=!/c --exclude=/proc/* --exclude=/c\[1] -- -v /srv]`) {
		t.Fatal(got)
	}
}

func TestASnapshotIsMarkedWithTheMachineThatTookIt(t *testing.T) {
	for tag, want := range map[string]string{"": "--tag coffre --exclude", "machine-1": "--tag coffre --tag machine-1 --exclude"} {
		command := Command{CacheDirectory: "/c", MachineTag: tag, Paths: []string{"/srv"}}
		if got := fmt.Sprint(command.Arguments()); !strings.Contains(got, want) {
			t.Errorf("%q: %s", tag, got)
		}
	}
}

func TestUnreadableFilesAreCountedAndTheRestIsSaved(t *testing.T) {
	// Root reads every real file, but not its own memory from address 0.
	outcome, transcript, files := backUp(t, local(t, tree(t), "/proc/self/mem", "/nowhere/at/all"))
	expectCode(t, outcome, 3)
	paths, count := transcript.Unreadable()
	if count != 1 || fmt.Sprint(paths) != "[/proc/self/mem]" || transcript.Summary() == nil || len(files) != 5 {
		t.Fatalf("%d %v", count, paths)
	}
	if reason := transcript.Reason(); reason != "at least one source file could not be read" {
		t.Fatal(reason)
	}
}

func TestFailuresHaveTheirCodeAndReason(t *testing.T) {
	good := local(t, tree(t))
	for name, test := range map[string]struct {
		change       func(*Command)
		code         int
		reason, told string
	}{
		"wrong password": {func(c *Command) { c.Password = "other" }, 12, "wrong password", "password"},
		"no repository":  {func(c *Command) { c.Repository += "2" }, 10, "repository does not exist", "no restic repository"},
		"nothing there":  {func(c *Command) { c.Paths = []string{"/nowhere"} }, 1, "all source", "code 1: all source"},
		"no authority":   {func(c *Command) { c.CAFile = "/nowhere" }, 1, "nowhere", "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			command := good
			test.change(&command)
			outcome, transcript, _ := backUp(t, command)
			expectCode(t, outcome, test.code)
			if reason := transcript.Reason(); !strings.Contains(reason, test.reason) || strings.HasPrefix(reason, "Fatal") {
				t.Errorf("reason %q", reason)
			}
			if told := Explain(*outcome.ExitCode, transcript.Reason()); !strings.Contains(told, test.told) {
				t.Errorf("told %q", told)
			}
			if transcript.Summary() != nil {
				t.Error("a failed backup has a summary")
			}
		})
	}
}

func TestALockedRepositoryIsExplained(t *testing.T) {
	if text := Explain(ExitLocked, ""); !strings.Contains(text, "locked") || !strings.Contains(text, "restic unlock") {
		t.Fatal(text)
	}
}

func TestTheEnvironmentIsTheConfiguredOne(t *testing.T) {
	command := Command{Repository: "r", Password: "p", AccessKeyID: "AK", SecretAccessKey: "SK", TemporaryFolder: "/t"}
	got := command.Environment([]string{
		"PATH=/bin", "HTTPS_PROXY=http://proxy", "AWS_PROFILE=x", "AWS_ACCESS_KEY_ID=foreign", "RESTIC_REPOSITORY=foreign",
		"RESTIC_PASSWORD_COMMAND=x", "SSL_CERT_FILE=/x", "TMPDIR=/x", "GODEBUG=x",
	})
	want := []string{
		"PATH=/bin", "HTTPS_PROXY=http://proxy", "RESTIC_REPOSITORY=r", "RESTIC_PASSWORD=p", "AWS_ACCESS_KEY_ID=AK",
		"AWS_SECRET_ACCESS_KEY=SK", "RESTIC_PROGRESS_FPS=1", "TMPDIR=/t",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%q", got)
	}
	for _, argument := range command.Arguments() {
		if strings.Contains(argument, "SK") {
			t.Fatal("a secret on the command line")
		}
	}
}

// spoken is a call of the shell with this text.
func spoken(text string) Call {
	return Call{Binary: "/bin/sh", Arguments: []string{"-c", text}, Environment: os.Environ()}
}

// shell runs a stand-in for a restic that does what the real one does only with a gateway in trouble.
func shell(ctx context.Context, text string, watch Watch) (Outcome, error) {
	return BackUp(ctx, spoken(text), &Transcript{}, watch)
}

const (
	// As restic 0.18.1 writes them against RGW 16.2.15.
	retryQuota   = `echo 'Save(<data/c9cc0e8bd5>) returned error, retrying after 552.33ms: client.PutObject: Error response code QuotaExceeded.' >&2`
	gaveUpSaving = `echo 'Save(<data/1cd9061a74>) failed: client.PutObject: Access Denied.' >&2`
	retryOther   = `echo 'Save(<lock/8ae9e3b0b1>) returned error, retrying after 1.2s: client.PutObject: Error response code UserSuspended.' >&2`
	hang         = "exec sleep 60"
)

func TestOnWindowsASnapshotOfTheVolumeIsReadAndBackslashesEscapeNothing(t *testing.T) {
	command := Command{CacheDirectory: `C:\cache`, TemporaryFolder: `C:\tmp`, Paths: []string{`C:\Users`}, System: "windows"}
	arguments, environment := command.Arguments(), command.Environment(nil)
	for _, want := range []string{"--use-fs-snapshot", `--exclude=C:\cache`} {
		if !slices.Contains(arguments, want) {
			t.Errorf("%q lacks %s", arguments, want)
		}
	}
	if !slices.Contains(environment, `TEMP=C:\tmp`) || !slices.Contains(environment, `TMP=C:\tmp`) {
		t.Errorf("%q", environment)
	}
	command.System = "linux"
	if slices.Contains(command.Arguments(), "--use-fs-snapshot") {
		t.Error("there are no such snapshots on linux")
	}
}

func TestARunThatCannotSucceedIsEndedInSeconds(t *testing.T) {
	for name, test := range map[string]struct {
		text    string
		verdict Verdict
		want    Ended
	}{
		"restic names the quota":         {retryQuota + "\n" + hang, KeepGoing, ByQuota},
		"a retry, and the wall":          {retryOther + "\n" + hang, WallReached, ByQuota},
		"a retry, and a refusal":         {retryOther + "\n" + hang, Denied, ByDenial},
		"silence, and the wall":          {hang, WallReached, ByQuota},
		"it does not end when told to":   {`trap "" TERM` + "\n" + retryQuota + "\nwhile :; do sleep 0.1; done", KeepGoing, ByQuota},
		"it gave up, and stands still":   {gaveUpSaving + "\n" + hang, KeepGoing, ByItself},
		"an outage is restic's own care": {retryOther + "\nexit 0", KeepGoing, ByItself},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			watch := Watch{
				StallAfter: time.Second, ProbeEvery: 100 * time.Millisecond, EndGrace: time.Second, GaveUpGrace: time.Second,
				Probe: func(context.Context) Verdict { return test.verdict },
			}
			started := time.Now()
			outcome, err := shell(t.Context(), test.text, watch)
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(started); outcome.Ended != test.want || took > 5*time.Second {
				t.Fatalf("%v after %v", outcome.Ended, took)
			}
		})
	}
}

func TestAResticThatGaveUpEndsAsAFailureWhoeverEndsIt(t *testing.T) {
	watch := Watch{StallAfter: time.Hour, ProbeEvery: time.Hour, EndGrace: time.Second, GaveUpGrace: time.Second}
	for text, want := range map[string]int{gaveUpSaving + "\n" + hang: 1, gaveUpSaving + "\nexit 3": 3} {
		outcome, err := shell(t.Context(), text, watch)
		if err != nil || outcome.Ended != ByItself || outcome.ExitCode == nil || *outcome.ExitCode != want {
			t.Fatalf("%+v %v; want %d", outcome, err, want)
		}
	}
}

func TestARunThatMovesIsNotProbed(t *testing.T) {
	text := `for i in 1 2 3 4 5; do echo "{\"message_type\":\"status\",\"bytes_done\":$i}"; sleep 0.5; done`
	watch := Watch{
		StallAfter: 1500 * time.Millisecond, ProbeEvery: time.Millisecond, EndGrace: time.Second,
		Probe: func(context.Context) Verdict { return WallReached },
	}
	outcome, err := shell(t.Context(), text, watch)
	if err != nil || outcome.Ended != ByItself {
		t.Fatalf("%v %v", outcome.Ended, err)
	}
}

func TestAnEndedContextEndsTheProgram(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, errors.New("deadline"))
	defer cancel()
	marker := filepath.Join(t.TempDir(), "cleaned")
	text := fmt.Sprintf("trap 'touch %s; exit 1' TERM\nwhile :; do sleep 0.05; done", marker)
	outcome, err := shell(ctx, text, StandardWatch(nil))
	if err != nil || outcome.Ended != ByContext {
		t.Fatalf("%v %v", outcome.Ended, err)
	}
	if _, err := os.Stat(marker); err != nil {
		t.Fatal("it was killed before it could clean up")
	}
}

func TestAMissingProgramIsAnError(t *testing.T) {
	if _, err := BackUp(t.Context(), Call{Binary: "/nowhere/restic"}, &Transcript{}, StandardWatch(nil)); err == nil {
		t.Fatal("started nothing, and said nothing")
	}
}

func TestUnreadablePathsAreNamedUpToTwentyAndCountedOn(t *testing.T) {
	transcript := &Transcript{}
	for index := range 30 {
		transcript.Complaint(fmt.Appendf(nil, `{"message_type":"error","during":"archival","item":"/f%d"}`, index))
		transcript.Complaint(fmt.Appendf(nil, `{"message_type":"error","during":"scan","item":"/f%d"}`, index))
	}
	if paths, count := transcript.Unreadable(); len(paths) != unreadableKept || count != 30 {
		t.Fatalf("%d of %d", len(paths), count)
	}
}

func TestOverlongLinesAreCutNotFatal(t *testing.T) {
	var lines []int
	input := strings.NewReader("a\n" + strings.Repeat("x", 3*lineLimit) + "\n\nlast")
	if err := eachLine(input, func(line []byte) { lines = append(lines, len(line)) }); err != nil {
		t.Fatal(err)
	}
	if len(lines) != 3 || lines[0] != 1 || lines[1] > lineLimit || lines[2] != 4 {
		t.Fatal(lines)
	}
}
