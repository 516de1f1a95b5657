package apply

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"coffre.invalid/agent/internal/testkit/installed"
)

// opens is a restic that opens its repository with the password of the test kit alone; broken is one that cannot at all.
const (
	opens  = "#!/bin/sh\ncase $1 in version) echo 'restic 0.18.1 compiled with go' ;; cat) [ \"$RESTIC_PASSWORD\" = '%s' ] || exit 12 ;; esac\n"
	broken = "#!/bin/sh\ncase $1 in version) echo 'restic 0.18.1 compiled with go' ;; cat) exit 1 ;; esac\n"
)

func lookFor(t *testing.T, machine *installed.Machine, key string) (Result, error) {
	t.Helper()
	settings := Settings{Paths: machine.Paths, Scheduler: &inMemoryScheduler{}, Version: "1.2.3", Key: key}
	return Apply(t.Context(), settings, true)
}

func TestALookComparesTheCredentials(t *testing.T) {
	for name, test := range map[string]struct{ key, password, want string }{
		"as delivered":     {"AK", installed.Password, "[job orders: generation 1]"},
		"not asked about":  {"", "another", "[job orders: generation 1]"},
		"another key":      {"OTHER", installed.Password, "[credentials.json: another access key job orders: generation 1]"},
		"another password": {"AK", "another", "[credentials.json: a password that does not open the repository job orders: generation 1]"},
	} {
		t.Run(name, func(t *testing.T) {
			machine := installed.New(t, []byte(fmt.Sprintf(opens, test.password)))
			machine.Order(1, nil)
			found, err := lookFor(t, machine, test.key)
			if err != nil || fmt.Sprint(found.Changes) != test.want {
				t.Fatalf("%v %v", found.Changes, err)
			}
		})
	}
}

func TestARepositoryThatCannotBeOpenedIsNotFine(t *testing.T) {
	machine := installed.New(t, []byte(broken))
	machine.Order(1, nil)
	if found, err := lookFor(t, machine, "AK"); err == nil {
		t.Fatalf("%+v", found)
	}
}

func TestOnlyALookTellsOfWhatOthersAdded(t *testing.T) {
	machine, scheduler := installed.New(t, nil), &inMemoryScheduler{}
	machine.Order(1, nil)
	added := filepath.Join(machine.Paths.Root, "etc/systemd/system/coffre-backup.timer.d/off.conf")
	if err := os.MkdirAll(filepath.Dir(added), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(added, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if done := applied(t, machine, scheduler, false); len(done.Additions) != 0 {
		t.Fatalf("%+v", done)
	}
	found := applied(t, machine, scheduler, true)
	if found.Changed || fmt.Sprint(found.Additions) != "["+added+"]" {
		t.Fatalf("%+v", found)
	}
}
