package identity

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

const realUUID = "4c4c4544-0042-3510-8052-b4c04f4b3732"

func TestOnlyANumberOfItsOwnIsUnique(t *testing.T) {
	for text, want := range map[string]string{
		realUUID:                               "4c4c4544004235108052b4c04f4b3732",
		strings.ToUpper(realUUID) + "\n":       "4c4c4544004235108052b4c04f4b3732",
		"b1946ac92492d2347c6235b4d2611184":     "b1946ac92492d2347c6235b4d2611184",
		"":                                     "",
		"uninitialized":                        "",
		"00000000-0000-0000-0000-000000000000": "",
		"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF": "",
		"fefefefe-fefe-fefe-fefe-fefefefefefe": "",
		"03000200-0400-0500-0006-000700080009": "",
		realUUID + "0":                         "",
	} {
		if got := unique(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestADigestTellsValuesKindsAndTenantsApart(t *testing.T) {
	seen := map[string]string{}
	for _, of := range [][3]string{{"a", "machine", "t1"}, {"b", "machine", "t1"}, {"a", "hardware", "t1"}, {"a", "machine", "t2"}} {
		got := digest(of[0], of[1], of[2])
		if len(got) != 32 || seen[got] != "" || strings.Contains(got, realUUID) {
			t.Errorf("%v: %q, as %q", of, got, seen[got])
		}
		seen[got] = of[0]
	}
	if digest("", "machine", "t1") != "" {
		t.Error("what is not known has a digest")
	}
}

func TestATagFollowsInstallationAndHardwareAndNothingElse(t *testing.T) {
	one := Identity{MachineID: "m", HardwareID: "h", BootID: "b", HostName: "n"}
	same := Identity{MachineID: "m", HardwareID: "h", BootID: "c", HostName: "o"}
	if one.Tag() != same.Tag() || len(one.Tag()) != len(TagPrefix)+16 {
		t.Errorf("%q %q", one.Tag(), same.Tag())
	}
	if one.Tag() != TagPrefix+"f486254828902a1a" {
		t.Errorf("%q is not the mark that SMILÉO looks for", one.Tag())
	}
	for _, other := range []Identity{{MachineID: "x", HardwareID: "h"}, {MachineID: "m", HardwareID: "x"}, {MachineID: "m"}} {
		if other.Tag() == one.Tag() {
			t.Errorf("%+v has the tag of another", other)
		}
	}
	if tag := (Identity{BootID: "b", HostName: "n"}).Tag(); tag != "" {
		t.Errorf("a boot makes a tag: %q", tag)
	}
}

func structure(kind byte, formatted []byte, texts string) []byte {
	head := []byte{kind, byte(4 + len(formatted)), 0, 0}
	return bytes.Join([][]byte{head, formatted, []byte(texts + "\x00\x00")}, nil)
}

func TestTheUUIDIsFoundAmongTheStructuresOfFirmware(t *testing.T) {
	number, err := hex.DecodeString(strings.ReplaceAll(realUUID, "-", ""))
	if err != nil {
		t.Fatal(err)
	}
	bios := structure(0, make([]byte, 20), "a maker\x00a version")
	system := structure(1, append([]byte{1, 2, 3, 4}, number...), "a maker")
	whole := bytes.Join([][]byte{bios, system, structure(127, nil, "")}, nil)
	if got := unique(systemUUID(whole)); got != unique(realUUID) {
		t.Errorf("%q", got)
	}
	for name, table := range map[string][]byte{
		"empty": nil, "no system": bios, "cut": whole[:len(bios)+10], "no end": whole[:len(bios)-2],
		"length nought": {0, 0, 0, 0, 1, 2}, "old form without": structure(1, make([]byte, 4), "x"),
	} {
		if got := systemUUID(table); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
