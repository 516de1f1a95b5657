//go:build linux

package cage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"coffre.invalid/agent/internal/files"
)

// look is what the caged program is, here: this test, told by its only argument to say what it sees.
const look = "look"

func TestMain(m *testing.M) {
	Main(os.Args)
	if len(os.Args) == 2 && os.Args[1] == look {
		lookAround()
		return
	}
	os.Exit(m.Run())
}

func plan(t *testing.T, folder string) Plan {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := files.SHA256(program)
	if err != nil {
		t.Fatal(err)
	}
	held, err := files.Folder{}.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	plan, err := Plan{
		Program: program, SHA256: digest, Files: map[string]string{"/etc/one": "/etc/passwd", "/etc/none": "/no/such"},
		Arguments: []string{look},
	}.Of(held)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func runCaged(plan Plan) (string, error) {
	var output bytes.Buffer
	command := &exec.Cmd{Env: []string{"SEEN=yes"}, Stdout: &output, Stderr: &output}
	if err := Start(command, plan); err != nil {
		return "", err
	}
	err := command.Wait()
	return output.String(), err
}

func TestInsideThereIsTheFolderAndNothingElse(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := runCaged(plan(t, folder))
	if err != nil {
		t.Fatalf("%v %s", err, said)
	}
	for _, expected := range []string{
		"names: etc restic target tmp\n", "etc: one\n", "target: mine\n", "environment: SEEN=yes\n",
		"write /etc/x: read-only file system\n", "write /target/made: done\n", "mount: operation not permitted\n",
		"chroot: operation not permitted\n", "unshare: operation not permitted\n", "open_tree: operation not permitted\n",
		"trusted attribute: <nil>\n", "capabilities: 8820001b 0 <nil>\n", "no new privileges: 1 <nil>\n",
		"open folders: \n",
	} {
		if !strings.Contains(said, expected) {
			t.Errorf("%q is not in\n%s", expected, said)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "made")); err != nil {
		t.Error(err)
	}
}

func TestAnotherFolderOrProgramIsNotTaken(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	good := plan(t, folder)
	other := good
	other.SHA256 = strings.Repeat("0", 64)
	if _, err := runCaged(other); err == nil || !strings.Contains(err.Error(), "is not the expected program") {
		t.Error(err)
	}
	for name, swap := range map[string]func() error{
		"a link": func() error { return errors.Join(os.Rename(folder, folder+"2"), os.Symlink(folder+"2", folder)) },
		"another folder": func() error {
			return errors.Join(os.RemoveAll(folder), os.Mkdir(folder, 0o700))
		},
		"nothing": func() error { return os.RemoveAll(folder) },
	} {
		if err := swap(); err != nil {
			t.Fatal(err)
		}
		if _, err := runCaged(good); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
		if err := errors.Join(os.RemoveAll(folder), os.RemoveAll(folder+"2"), os.Mkdir(folder, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
}

// lookAround says what there is in the cage, and what can be done there.
func lookAround() {
	names := func(folder string) string {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return err.Error()
		}
		var found []string
		for _, entry := range entries {
			found = append(found, entry.Name())
		}
		return strings.Join(found, " ")
	}
	fmt.Println("names:", names("/"))
	fmt.Println("etc:", names("/etc"))
	fmt.Println("target:", names("/target"))
	fmt.Println("environment:", strings.Join(os.Environ(), " "))
	for _, path := range []string{"/etc/x", "/restic", "/target/made"} {
		err := os.WriteFile(path, nil, 0o600)
		var failure *os.PathError
		if errors.As(err, &failure) {
			fmt.Printf("write %s: %v\n", path, failure.Err)
			continue
		}
		fmt.Printf("write %s: done\n", path)
	}
	fmt.Println("mount:", unix.Mount("tmpfs", "/target", "tmpfs", 0, ""))
	fmt.Println("chroot:", unix.Chroot("/target"))
	fmt.Println("unshare:", unix.Unshare(unix.CLONE_NEWNS))
	_, err := unix.OpenTree(unix.AT_FDCWD, "/target", unix.OPEN_TREE_CLONE)
	fmt.Println("open_tree:", err)
	fmt.Println("trusted attribute:", unix.Setxattr("/target/made", "trusted.coffre", []byte("1"), 0))
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	err = unix.Capget(&header, &sets[0])
	fmt.Printf("capabilities: %x %x %v\n", sets[0].Effective, sets[1].Effective, err)
	noNewPrivs, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	fmt.Println("no new privileges:", noNewPrivs, err)
	open := []string{}
	for descriptor := range 64 {
		// Go's own poller opens descriptors too, for nothing that is a file.
		if path := unix.Fchdir(descriptor); path == nil {
			open = append(open, strconv.Itoa(descriptor))
		}
	}
	fmt.Println("open folders:", strings.Join(open, " "))
}
