// Package realrestic finds the restic program that tests run. Its output is what the agent must understand, so no test
// makes do without it.
package realrestic

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Version is the release whose output the tests expect.
const Version = "0.18.1"

// Find returns the program's absolute path: that of the environment variable RESTIC, else the one on PATH. The test
// fails when there is none or when it is another release.
func Find(t *testing.T) string {
	t.Helper()
	path := os.Getenv("RESTIC")
	if path == "" {
		found, err := exec.LookPath("restic")
		if err != nil {
			t.Fatal("no restic on PATH and no RESTIC in the environment: run make setup")
		}
		path = found
	}
	output, err := exec.Command(path, "version").Output()
	if err != nil || !strings.HasPrefix(string(output), "restic "+Version+" ") {
		t.Fatalf("%s is not restic %s: %s %v", path, Version, output, err)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}
