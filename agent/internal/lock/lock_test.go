//go:build unix

package lock

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestASecondHolderIsRefusedUntilTheFirstReleases(t *testing.T) {
	for name, path := range map[string]string{"file": filepath.Join(t.TempDir(), "lock"), "directory": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			release, err := Acquire(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Acquire(path); !errors.Is(err, ErrHeld) {
				t.Fatalf("second holder: %v", err)
			}
			if err := release(); err != nil {
				t.Fatal(err)
			}
			again, err := Acquire(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := again(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAFolderThatDoesNotExistIsNoHolder(t *testing.T) {
	if _, err := Acquire(filepath.Join(t.TempDir(), "missing", "lock")); err == nil || errors.Is(err, ErrHeld) {
		t.Fatal(err)
	}
}
