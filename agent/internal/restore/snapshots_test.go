package restore

import (
	"testing"
	"time"
)

func TestTheLastBackupIsThisMachinesOwn(t *testing.T) {
	of := func(id string, tags ...string) Snapshot {
		return Snapshot{ID: id + "0000000", Tags: append(tags, "coffre")}
	}
	for name, test := range map[string]struct {
		all  []Snapshot
		tag  string
		want string
	}{
		"alone":                        {[]Snapshot{of("a", "machine-1"), of("b", "machine-1")}, "machine-1", "b"},
		"a copy of its disk is later":  {[]Snapshot{of("a", "machine-1"), of("b", "machine-2")}, "machine-1", "a"},
		"of before there were marks":   {[]Snapshot{of("a"), of("b", "machine-2")}, "machine-1", "a"},
		"on new hardware":              {[]Snapshot{of("a", "machine-1"), of("b", "machine-1")}, "machine-3", "b"},
		"on new hardware that saved":   {[]Snapshot{of("a", "machine-1"), of("b", "machine-3")}, "machine-3", "b"},
		"a machine that knows nothing": {[]Snapshot{of("a"), of("b", "machine-2")}, "", "b"},
	} {
		got, err := choose(test.all, "derniere", test.tag, time.UTC)
		if err != nil || got.ID != test.want+"0000000" {
			t.Errorf("%s: %q %v", name, got.ID, err)
		}
		named, err := choose(test.all, "b", test.tag, time.UTC)
		if err != nil || named.ID != "b0000000" {
			t.Errorf("%s: what is named is not chosen: %q %v", name, named.ID, err)
		}
	}
}
