//go:build unix

package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func put(t *testing.T, path, body string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(body), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestAnOwnFileIsReadThroughNoLinkAndFromNobodyElse(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(path string) error
		want  Danger
	}{
		"a link in its place": {func(path string) error {
			return errors.Join(os.Rename(path, path+"2"), os.Symlink(path+"2", path))
		}, IsLink},
		"a link for its folder": {func(path string) error {
			folder := filepath.Dir(path)
			return errors.Join(os.Rename(folder, folder+"2"), os.Symlink(folder+"2", folder))
		}, IsLink},
		"a link further up": {func(path string) error {
			folder := filepath.Dir(filepath.Dir(path))
			return errors.Join(os.Rename(folder, folder+"2"), os.Symlink(filepath.Base(folder)+"2", folder))
		}, IsLink},
		"a file that others write":   {func(path string) error { return os.Chmod(path, 0o602) }, Writable},
		"a folder that a group does": {func(path string) error { return os.Chmod(filepath.Dir(path), 0o770) }, Writable},
		"somebody else's file":       {func(path string) error { return os.Chown(path, 12345, 0) }, Foreign},
		"somebody else's folder":     {func(path string) error { return os.Chown(filepath.Dir(path), 12345, 0) }, Foreign},
		"a pipe": {func(path string) error {
			return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600))
		}, NotRegular},
		"a file of 5 GiB": {func(path string) error { return os.Truncate(path, 5<<30) }, TooLarge},
		"a file where a folder is": {func(path string) error {
			folder := filepath.Dir(path)
			return errors.Join(os.RemoveAll(folder), os.WriteFile(folder, nil, 0o600))
		}, NotFolder},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "etc/coffre/agent.json")
			put(t, path, "mine")
			if body, err := ReadOwn(path); err != nil || string(body) != "mine" {
				t.Fatalf("%s %v", body, err)
			}
			if err := test.spoil(path); err != nil {
				t.Skipf("only root can try that: %v", err)
			}
			var unsafe *UnsafeError
			if _, err := ReadOwn(path); !errors.As(err, &unsafe) || unsafe.Danger != test.want {
				t.Fatalf("%v", err)
			}
		})
	}
	if _, err := ReadOwn(filepath.Join(t.TempDir(), "no/such")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestAFolderIsMadeAndHeldWhateverBecomesOfItsName(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "a/b")
	folder, err := Folder{Trusted: true, Make: true}.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	if facts, err := os.Stat(filepath.Join(base, "a")); err != nil || facts.Mode().Perm() != 0o700 {
		t.Fatalf("%v %v", facts, err)
	}
	if err := errors.Join(os.Rename(path, path+"2"), os.Symlink("/etc", path)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkdirat(int(folder.Fd()), "inside", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "2/inside"); err != nil {
		t.Fatal(err)
	}
	if _, err := (Folder{Make: true}).Open(path); err == nil || !strings.Contains(err.Error(), "is a link") {
		t.Fatal(err)
	}
	if _, err := (Folder{}).Open("relative"); err == nil {
		t.Fatal("a relative path was opened")
	}
}
