package files

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteAtomicReplacesWhateverHadTheName(t *testing.T) {
	for name, before := range map[string]func(path string) error{
		"nothing":            func(string) error { return nil },
		"a file":             func(path string) error { return os.WriteFile(path, []byte("old"), 0o666) },
		"a link to nowhere":  func(path string) error { return os.Symlink("/dev/null", path) },
		"a killed run's own": func(path string) error { return os.WriteFile(TemporaryName(path), []byte("half"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := before(path); err != nil {
				t.Fatal(err)
			}
			if err := WriteAtomic(path, []byte("new"), 0o646); err != nil {
				t.Fatal(err)
			}
			facts, err := os.Lstat(path)
			if err != nil || facts.Mode() != 0o646 {
				t.Fatalf("%v %v", facts, err)
			}
			if body, _ := os.ReadFile(path); string(body) != "new" {
				t.Fatalf("%q", body)
			}
			if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
				t.Fatalf("left behind: %v", left)
			}
		})
	}
}

func TestAPrivateDirectoryIsTightenedAndALinkRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := EnsurePrivateDirectory(path); err != nil {
		t.Fatal(err)
	}
	if facts, _ := os.Stat(path); facts.Mode() != fs.ModeDir|0o700 {
		t.Fatal(facts.Mode())
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := EnsurePrivateDirectory(link); err == nil {
		t.Fatal("a link was taken for the state directory")
	}
}
