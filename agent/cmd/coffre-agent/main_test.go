package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
)

func TestVersionIsPrintedAsJSON(t *testing.T) {
	var output bytes.Buffer
	if exit, err := execute(t.Context(), config.Paths{}, []string{"version"}, &output, io.Discard); err != nil || exit != 0 {
		t.Fatal(err)
	}
	var found map[string]string
	if err := json.Unmarshal(output.Bytes(), &found); err != nil {
		t.Fatal(err)
	}
	if found["version"] != version || found["os"] == "" || found["arch"] == "" || !strings.HasPrefix(found["go"], "go") {
		t.Fatalf("%v", found)
	}
}

func TestWhatCannotBeObeyedIsWrongUsage(t *testing.T) {
	for _, arguments := range [][]string{nil, {"frobnicate"}, {"run", "--check"}, {"apply", "now"}, {"version", "--check"},
		{"run", "--root", "/tmp"}, {"apply", "--root=/tmp"}} {
		_, err := execute(t.Context(), config.Paths{}, arguments, io.Discard, io.Discard)
		if exit, hint := fault.Describe(err); exit != fault.ExitUsage || hint != usage {
			t.Errorf("%v: %v", arguments, err)
		}
	}
}

func TestAMachineWithoutConfigurationIsTold(t *testing.T) {
	for _, command := range []string{"apply", "run"} {
		_, err := execute(t.Context(), config.Paths{Root: t.TempDir()}, []string{command}, io.Discard, io.Discard)
		if exit, _ := fault.Describe(err); exit != fault.ExitFailed || !strings.Contains(err.Error(), "agent.json") {
			t.Errorf("%s: %v", command, err)
		}
	}
}

func TestRemovalOfNothingChangesNothing(t *testing.T) {
	var output bytes.Buffer
	_, err := execute(t.Context(), config.Paths{Root: t.TempDir()}, []string{"remove"}, &output, io.Discard)
	if err != nil || strings.TrimSpace(output.String()) != `{"changed":false,"changes":[]}` {
		t.Fatalf("%s %v", output.String(), err)
	}
}

func TestEnrolTakesNothingButHowLongItWaits(t *testing.T) {
	for _, arguments := range [][]string{{"now"}, {"--wait", "soon"}, {"--wait", "-1s"}, {"--wait", "48h"}, {"--check"}} {
		err := enrolHere(t.Context(), config.Paths{Root: t.TempDir()}, arguments)
		if exit, hint := fault.Describe(err); exit != fault.ExitUsage || hint != usage {
			t.Errorf("%v: %v", arguments, err)
		}
	}
}
