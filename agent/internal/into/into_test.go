//go:build linux

package into

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coffre.invalid/agent/internal/cage"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/restic"
)

// In the cage this test is restic; as "agent" it is the command itself.
func TestMain(m *testing.M) {
	cage.Main(os.Args)
	if os.Args[0] == "restic" {
		os.Exit(playRestic())
	}
	if len(os.Args) > 1 && os.Args[1] == Name {
		os.Exit(Main(interrupted(), os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// playRestic does to its target what its last word says, and tells what it was given.
func playRestic() int {
	var target string
	for _, argument := range os.Args {
		if after, found := strings.CutPrefix(argument, "--target="); found {
			target = after
		}
	}
	fmt.Println(strings.Join(os.Args[1:], "|"), os.Getenv("RESTIC_PASSWORD"), os.Getenv("TMPDIR"))
	switch os.Args[len(os.Args)-1] {
	case "fails":
		return 1
	case "waits":
		time.Sleep(time.Minute)
	case "escapes":
		_ = os.Symlink("/etc", filepath.Join(target, "out"))
		fmt.Println("passwd:", os.WriteFile(filepath.Join(target, "out/passwd"), nil, 0o600))
	}
	if err := os.WriteFile(filepath.Join(target, "restored"), []byte("x"), 0o600); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func call(t *testing.T, folder, mark, last string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := files.SHA256(program)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, Name, folder, mark, program, digest, "/etc/passwd", "restore", "--sparse",
		"--target="+folder, last)
	command.Env = []string{"RESTIC_PASSWORD=password"}
	return command
}

func run(t *testing.T, folder, mark, last string) (int, string) {
	t.Helper()
	command := call(t, folder, mark, last)
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(output)
}

func listed(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return strings.Join(names, " ")
}

func TestARestoreGoesIntoItsFolderAlone(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "là bas/x")
	code, said := run(t, folder, "snap /", "id")
	if code != 0 || said != "--cacert=/authorities.pem|restore|--sparse|--target=/target|id password /tmp\n" {
		t.Fatalf("%d %s", code, said)
	}
	if names := listed(t, folder); names != "restored" {
		t.Fatal(names)
	}
	facts, err := os.Stat(folder)
	if err != nil || facts.Mode().Perm() != 0o700 {
		t.Fatalf("%v %v", facts, err)
	}
	before, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	_, said = run(t, filepath.Join(t.TempDir(), "new"), "snap /", "escapes")
	after, err := os.ReadFile("/etc/passwd")
	if err != nil || string(after) != string(before) || !strings.Contains(said, "passwd: open") {
		t.Fatalf("%s %v", said, err)
	}
}

func TestNothingIsWrittenOverNorThroughALink(t *testing.T) {
	base := t.TempDir()
	for _, problem := range []error{
		os.Mkdir(filepath.Join(base, "full"), 0o700), os.WriteFile(filepath.Join(base, "full/x"), nil, 0o600),
		os.Symlink(base, filepath.Join(base, "link")), os.Mkdir(filepath.Join(base, "marked"), 0o700),
		os.Symlink("/etc/passwd", filepath.Join(base, "marked", marker)),
	} {
		if problem != nil {
			t.Fatal(problem)
		}
	}
	for folder, expected := range map[string]int{
		"full": exitTaken, "full/x": exitTaken, "link": exitTaken, "link/new": exitTaken, "marked": exitTaken,
	} {
		if code, said := run(t, filepath.Join(base, folder), "snap /", "id"); code != expected {
			t.Errorf("%s: %d %s", folder, code, said)
		}
	}
	if code, said := run(t, "/proc/x", "snap /", "id"); code != exitFolder {
		t.Errorf("%d %s", code, said)
	}
	if code, said := run(t, filepath.Join(base, "full"), "snap /", "id"); !strings.HasSuffix(said, "full is not empty\n") {
		t.Errorf("%d %s", code, said)
	}
}

func TestItGoesOnWithItsOwnUnfinishedWorkAndNoOther(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new")
	if code, said := run(t, folder, "snap1 /", "fails"); code != 1 {
		t.Fatalf("%d %s", code, said)
	}
	if code, said := run(t, folder, "snap2 /", "id"); code != exitOther || said != "snap1 /\n" {
		t.Fatalf("%d %s", code, said)
	}
	if code, said := run(t, folder, "snap1 /", "id"); code != 0 {
		t.Fatalf("%d %s", code, said)
	}
	if names := listed(t, folder); names != "restored" {
		t.Fatal(names)
	}
}

func TestItEndsResticWhenItIsToldToEnd(t *testing.T) {
	command := call(t, filepath.Join(t.TempDir(), "new"), "snap /", "waits")
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := output.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err = command.Wait()
	if code := command.ProcessState.ExitCode(); code != exitTerminated || time.Since(began) > restic.EndGrace {
		t.Fatalf("%d %v after %v", code, err, time.Since(began))
	}
}

func TestResticEndsWithAnAgentThatIsKilled(t *testing.T) {
	command := call(t, filepath.Join(t.TempDir(), "new"), "snap /", "waits")
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := output.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// The pipe is restic's, too: it ends when both are gone.
	if _, err := io.ReadAll(output); err != nil || time.Since(began) > restic.EndGrace {
		t.Fatalf("%v after %v", err, time.Since(began))
	}
	if err := command.Wait(); err == nil {
		t.Fatal("it was not killed")
	}
}

func interrupted() context.Context {
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt)
	return ctx
}
