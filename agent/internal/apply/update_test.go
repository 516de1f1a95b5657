//go:build unix

package apply

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coffre.invalid/agent/internal/delivery"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/testkit/installed"
)

// agentOf is a program that says this version; pull is what it does then.
func agentOf(version, pull string) []byte {
	return fmt.Appendf(nil, "#!/bin/sh\ncase $1 in\nversion) echo '{\"version\":%q}' ;;\npull) %s ;;\nesac\n", version, pull)
}

// putAgent leaves a delivery that names this program, which lies on the platform.
func putAgent(machine *installed.Machine, publicKey string, number int, version string, program []byte) (sha256 string) {
	sha256 = machine.Publish(program, "")
	parts := machine.Parts(nil)
	parts["agent"] = delivery.Program{Version: version, SHA256: sha256, SizeBytes: int64(len(program))}
	machine.Server.Put(delivery.Key, machine.Deliver(number, publicKey, parts, nil))
	return sha256
}

func installedAgent(t *testing.T, machine *installed.Machine) string {
	t.Helper()
	found, err := files.SHA256(machine.Paths.Agent())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// withAgent is an enrolled machine with a program, of the version that Pull runs as.
func withAgent(t *testing.T) (*installed.Machine, Settings, string) {
	t.Helper()
	machine, settings, own := enrolled(t)
	settings.Version = "1.0.0"
	if err := os.MkdirAll(filepath.Dir(machine.Paths.Agent()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(machine.Paths.Agent(), agentOf("1.0.0", ":"), 0o755); err != nil {
		t.Fatal(err)
	}
	return machine, settings, own
}

func TestADeliveryBringsTheAgentAndAReplayedOneNeverAnEarlierVersion(t *testing.T) {
	machine, settings, own := withAgent(t)
	before := installedAgent(t, machine)
	putAgent(machine, own, 1, "1.0.0", agentOf("1.0.0", ":"))
	older := machine.Server.Get(delivery.Key)
	wanted := putAgent(machine, own, 2, "1.1.0", agentOf("1.1.0", ":"))
	if pulled := pull(t, settings); pulled != (Pulled{Delivery: 2, Agent: "1.1.0"}) || installedAgent(t, machine) != wanted {
		t.Fatalf("%+v", pulled)
	}
	// What was said before the new one took its place is of the one before.
	if found := checkedIn(t, machine); found.AgentSHA256 != before || found.AgentVersion != "1.0.0" {
		t.Fatalf("%+v", found)
	}
	settings.Version, settings.Invocation = "1.1.0", "start-2"
	if pulled := pull(t, settings); pulled != (Pulled{}) {
		t.Fatalf("%+v", pulled)
	}
	if found := checkedIn(t, machine); found.AgentSHA256 != wanted || found.AgentVersion != "1.1.0" {
		t.Fatalf("%+v", found)
	}
	if err := os.Remove(machine.Paths.Trial()); err != nil {
		t.Fatal(err)
	}
	machine.Server.Put(delivery.Key, older)
	if pulled := pull(t, settings); !strings.Contains(pulled.Note, "older than 2") || installedAgent(t, machine) != wanted {
		t.Fatalf("%+v", pulled)
	}
	// Not even by a machine that has lost its memory of deliveries.
	if err := os.Remove(machine.Paths.Delivered()); err != nil {
		t.Fatal(err)
	}
	pulled := pull(t, settings)
	if !strings.Contains(pulled.Note, "older than the present 1.1.0") || installedAgent(t, machine) != wanted {
		t.Fatalf("%+v", pulled)
	}
}

func TestWhoFellBackSaysSo(t *testing.T) {
	machine, settings, own := withAgent(t)
	before := installedAgent(t, machine)
	putAgent(machine, own, 1, "1.1.0", agentOf("1.1.0", "exit 1"))
	pulled := pull(t, settings)
	if pulled.Agent != "" || !strings.Contains(pulled.Note, "agent 1.0.0 is in its place again") ||
		installedAgent(t, machine) != before {
		t.Fatalf("%+v", pulled)
	}
	if found := checkedIn(t, machine); found.AgentSHA256 != before || found.AgentVersion != "1.0.0" {
		t.Fatalf("%+v", found)
	}
	wanted := putAgent(machine, own, 2, "1.2.0", agentOf("1.2.0", ":"))
	settings.Invocation, settings.IsBackupNext = "start-2", true
	if pull(t, settings); installedAgent(t, machine) != wanted {
		t.Fatal("not in place")
	}
	// The next start, by the new program: the backup before did not come to its end.
	settings.Version, settings.Invocation = "1.2.0", "start-3"
	pulled = pull(t, settings)
	if !strings.Contains(pulled.Note, "did not come to its end") || installedAgent(t, machine) != before {
		t.Fatalf("%+v", pulled)
	}
	if found := checkedIn(t, machine); found.AgentSHA256 != before || found.AgentVersion != "1.0.0" {
		t.Fatalf("%+v", found)
	}
}
