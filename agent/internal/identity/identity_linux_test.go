package identity

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	machine = "etc/machine-id"
	uuidOf  = "sys/class/dmi/id/product_uuid"
	bootOf  = "proc/sys/kernel/random/boot_id"
	first   = "proc/1/stat"
)

// usual is a machine with everything, started a while ago.
var usual = map[string]string{
	machine: "b1946ac92492d2347c6235b4d2611184\n", uuidOf: realUUID + "\n", bootOf: "7e57d004-2b97-0e7a-b45f-5387367791cd\n",
	first: "1 (sys) temd ) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12 1 2 3\n",
}

func machineWith(t *testing.T, changes map[string]string) Identity {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{}
	for path, body := range usual {
		files[path] = body
	}
	for path, body := range changes {
		files[path] = body
	}
	for path, body := range files {
		if body == "" {
			continue
		}
		whole := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(whole), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(whole, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Read(root, "t1")
}

func TestWhatChangesWithWhat(t *testing.T) {
	before := machineWith(t, nil)
	if before.MachineID == "" || before.HardwareID == "" || before.BootID == "" || before.BootedAt == nil {
		t.Fatalf("%+v", before)
	}
	if time.Since(*before.BootedAt) < 0 {
		t.Errorf("booted at %v", before.BootedAt)
	}
	const otherUUID = "11111111-2222-3333-4444-555555555555"
	type same struct{ machine, hardware, boot bool }
	for name, test := range map[string]struct {
		changes map[string]string
		want    same
	}{
		"nothing":                {nil, same{true, true, true}},
		"a reboot":               {map[string]string{bootOf: otherUUID}, same{true, true, false}},
		"a container's restart":  {map[string]string{first: "1 (init) S 0 1 1 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 99 1"}, same{true, true, false}},
		"a new mainboard":        {map[string]string{uuidOf: otherUUID, bootOf: otherUUID}, same{true, false, false}},
		"another installation":   {map[string]string{machine: "0123456789abcdef0123456789abcdef", bootOf: otherUUID}, same{false, true, false}},
		"another line after it":  {map[string]string{machine: usual[machine] + "x\n"}, same{true, true, true}},
		"the file's end missing": {map[string]string{machine: "b1946ac92492d2347c6235b4d2611184"}, same{true, true, true}},
	} {
		after := machineWith(t, test.changes)
		got := same{after.MachineID == before.MachineID, after.HardwareID == before.HardwareID, after.BootID == before.BootID}
		if got != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestWhatIsNotKnownSaysNothing(t *testing.T) {
	for name, test := range map[string]struct {
		changes map[string]string
		of      func(Identity) string
	}{
		"no machine-id":           {map[string]string{machine: ""}, func(i Identity) string { return i.MachineID }},
		"one to be made":          {map[string]string{machine: "uninitialized\n"}, func(i Identity) string { return i.MachineID }},
		"no DMI":                  {map[string]string{uuidOf: ""}, func(i Identity) string { return i.HardwareID }},
		"a maker's placeholder":   {map[string]string{uuidOf: "03000200-0400-0500-0006-000700080009"}, func(i Identity) string { return i.HardwareID }},
		"in a systemd container":  {map[string]string{"run/systemd/container": "lxc"}, func(i Identity) string { return i.HardwareID }},
		"in a Docker container":   {map[string]string{".dockerenv": "x"}, func(i Identity) string { return i.HardwareID }},
		"one for this start only": {map[string]string{"proc/self/mountinfo": "44 40 0:25 /m /etc/machine-id ro - tmpfs tmpfs rw\n"}, func(i Identity) string { return i.MachineID }},
		"no boot id":              {map[string]string{bootOf: ""}, func(i Identity) string { return i.BootID }},
		"no first process":        {map[string]string{first: ""}, func(i Identity) string { return i.BootID }},
		"a first process of none": {map[string]string{first: "1 (init) S 0"}, func(i Identity) string { return i.BootID }},
	} {
		if got := test.of(machineWith(t, test.changes)); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
	bare := machineWith(t, map[string]string{machine: "", uuidOf: "", bootOf: "", first: ""})
	if bare.MachineID+bare.HardwareID+bare.BootID+bare.Tag() != "" || bare.BootedAt != nil {
		t.Errorf("%+v", bare)
	}
}

func TestABoardWithoutDMIHasASerialNumber(t *testing.T) {
	const serial = "sys/firmware/devicetree/base/serial-number"
	for body, known := range map[string]bool{"10000000a1b2c3d4\x00": true, "0000000000000000\x00": false, "1234\x00": false} {
		if got := machineWith(t, map[string]string{uuidOf: "", serial: body}); (got.HardwareID != "") != known {
			t.Errorf("%q: %q", body, got.HardwareID)
		}
	}
}

func TestThisMachineIsTheSameTwice(t *testing.T) {
	one, two := Read("/", "t1"), Read("/", "t1")
	if one.Tag() != two.Tag() || one.BootID != two.BootID || one.HostName == "" || one.BootID == "" {
		t.Errorf("%+v %+v", one, two)
	}
	if age := time.Since(*one.BootedAt); age < 0 || age > 20*365*24*time.Hour {
		t.Errorf("booted %v ago", age)
	}
}
