package units

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeSystemctl answers what the tests below ask for and writes down what it was told. What systemd makes of the units
// is tested on machines that run it.
const fakeSystemctl = `#!/bin/sh
cd "$(dirname "$0")" && echo "$*" >> calls
units="root/etc/systemd/system"
case "$1" in
show)
  for unit in coffre-backup.timer coffre-backup.service; do
    [ "$unit" = coffre-backup.service ] && echo
    if [ -e "$units/$unit" ]; then echo LoadState=loaded; else echo LoadState=not-found; fi
    if [ "$unit" = coffre-backup.timer ] && [ -e enabled ]; then echo UnitFileState=enabled; fi
    if [ "$unit" = coffre-backup.timer ] && [ -e active ]; then echo ActiveState=active
    elif [ "$unit" = coffre-backup.service ] && [ -e failed ]; then echo ActiveState=failed
    else echo ActiveState=inactive; fi
    if [ -e stale ]; then echo NeedDaemonReload=yes; else echo NeedDaemonReload=no; fi
  done ;;
daemon-reload) rm -f stale ;;
enable) touch enabled ;;
restart) [ ! -e refuse ] || { echo "bad unit" >&2; exit 1; }; touch active ;;
disable) rm -f enabled active ;;
reset-failed) [ -e failed ] || { echo "Unit $2 not loaded." >&2; exit 1; }; rm failed ;;
esac
`

type world struct {
	t       *testing.T
	folder  string
	systemd Systemd
	job     Job
}

// newWorld has Systemd with the calls of a machine that runs, over a root directory of the test's own.
func newWorld(t *testing.T) world {
	folder := t.TempDir()
	program := filepath.Join(folder, "systemctl")
	units := filepath.Join(folder, "root/etc/systemd/system")
	if err := os.MkdirAll(units, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte(fakeSystemctl), 0o755); err != nil {
		t.Fatal(err)
	}
	job, err := Render(example())
	if err != nil {
		t.Fatal(err)
	}
	return world{t, folder, Systemd{Root: filepath.Join(folder, "root"), Systemctl: program, Run: program, Online: true}, job}
}

func (w world) at(name string) string { return filepath.Join(w.folder, name) }

func (w world) unit(name string) string { return w.at("root/etc/systemd/system/" + name) }

func (w world) ensure(check bool) string {
	w.t.Helper()
	changes, err := w.systemd.Ensure(w.job, check)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(changes, ", ")
}

func (w world) calls() string {
	body, err := os.ReadFile(w.at("calls"))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.Remove(w.at("calls")); err != nil {
		w.t.Fatal(err)
	}
	var changing []string
	for _, call := range strings.Split(strings.TrimSpace(string(body)), "\n") {
		if !strings.HasPrefix(call, "show ") {
			changing = append(changing, call)
		}
	}
	return strings.Join(changing, ", ")
}

const everything = "coffre-backup.service: write, coffre-backup.timer: write, coffre-backup.timer: enable, coffre-backup.timer: start"

func TestUnitsAreRegisteredOnce(t *testing.T) {
	w := newWorld(t)
	if got := w.ensure(true); got != everything {
		t.Fatal(got)
	}
	if _, err := os.Stat(w.unit(timerUnit)); err == nil || w.calls() != "" {
		t.Fatal("check mode changed something")
	}
	if got := w.ensure(false); got != everything {
		t.Fatal(got)
	}
	if got := w.calls(); got != "daemon-reload, enable coffre-backup.timer, restart coffre-backup.timer" {
		t.Fatal(got)
	}
	if got := w.ensure(false); got != "" || w.calls() != "" {
		t.Fatalf("changed again: %s", got)
	}
}

func TestWhatSomebodyChangedIsRepaired(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(w world) error
		want  string
	}{
		"edited":   {func(w world) error { return os.WriteFile(w.unit(timerUnit), []byte("x"), 0o644) }, "coffre-backup.timer: rewrite"},
		"deleted":  {func(w world) error { return os.Remove(w.unit(serviceUnit)) }, "coffre-backup.service: write"},
		"writable": {func(w world) error { return os.Chmod(w.unit(serviceUnit), 0o666) }, "coffre-backup.service: rewrite"},
		"masked": {func(w world) error {
			if err := os.Remove(w.unit(timerUnit)); err != nil {
				return err
			}
			return os.Symlink("/dev/null", w.unit(timerUnit))
		}, "coffre-backup.timer: rewrite"},
		"disabled": {func(w world) error { return os.Remove(w.at("enabled")) }, "coffre-backup.timer: enable"},
		"stopped":  {func(w world) error { return os.Remove(w.at("active")) }, "coffre-backup.timer: start"},
		"killed before the reload": {func(w world) error {
			return os.WriteFile(w.at("stale"), nil, 0o644)
		}, "systemd: reload units"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ensure(false)
			if err := test.spoil(w); err != nil {
				t.Fatal(err)
			}
			if got := w.ensure(false); got != test.want {
				t.Fatalf("%q, not %q", got, test.want)
			}
			if got := w.ensure(false); got != "" {
				t.Fatalf("not repaired: %s", got)
			}
		})
	}
}

func TestARefusalOfSystemdIsToldInItsWords(t *testing.T) {
	w := newWorld(t)
	if err := os.WriteFile(w.at("refuse"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := w.systemd.Ensure(w.job, false)
	if err == nil || !strings.Contains(err.Error(), "systemctl restart coffre-backup.timer: exit status 1: bad unit") {
		t.Fatal(err)
	}
	if err := os.Remove(w.at("refuse")); err != nil {
		t.Fatal(err)
	}
	if got := w.ensure(false); got != "coffre-backup.timer: start" {
		t.Fatal(got)
	}
}

func TestRemovalTakesEveryTraceAndNothingElse(t *testing.T) {
	w := newWorld(t)
	w.ensure(false)
	w.calls()
	stamps, dropIn := w.at("root/var/lib/systemd/timers"), w.unit(timerUnit+".d")
	for _, folder := range []string{stamps, dropIn} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{filepath.Join(stamps, "stamp-"+timerUnit), filepath.Join(dropIn, "own.conf")} {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	announced, err := w.systemd.Remove(true)
	if err != nil || len(announced) != 3 || !w.exists(w.unit(timerUnit)) {
		t.Fatalf("%v %v", announced, err)
	}
	removed, err := w.systemd.Remove(false)
	if err != nil || fmt.Sprint(removed) != fmt.Sprint(announced) {
		t.Fatalf("%v %v", removed, err)
	}
	if got := w.calls(); got != "disable --now coffre-backup.timer, stop coffre-backup.service, daemon-reload" {
		t.Fatal(got)
	}
	if w.exists(stamps) || w.exists(w.unit(serviceUnit)) || !w.exists(filepath.Join(dropIn, "own.conf")) {
		t.Fatal("too little or too much was removed")
	}
	if again, err := w.systemd.Remove(false); err != nil || len(again) != 0 {
		t.Fatalf("%v %v", again, err)
	}
}

func TestAFailedRunIsNotLeftInTheListOfFailedUnits(t *testing.T) {
	w := newWorld(t)
	w.ensure(false)
	w.calls()
	if err := os.WriteFile(w.at("failed"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := w.systemd.Remove(false); err != nil || w.exists(w.at("failed")) {
		t.Fatalf("%v", err)
	}
}

func TestOnlyTheRealRootHasARunningSystemd(t *testing.T) {
	for root, online := range map[string]bool{"/": true, "//": true, t.TempDir(): false} {
		scheduler, err := NewScheduler(root)
		if err != nil || scheduler.(Systemd).Online != online {
			t.Errorf("%s: %+v %v", root, scheduler, err)
		}
	}
}

func TestWithoutARunningSystemdUnitsAreEnabledAsInAnImage(t *testing.T) {
	w := newWorld(t)
	w.systemd.Online = false
	if got := w.ensure(false); got != "coffre-backup.service: write, coffre-backup.timer: write, coffre-backup.timer: enable" {
		t.Fatal(got)
	}
	if got := w.calls(); got != "--root="+w.systemd.Root+" enable coffre-backup.timer" {
		t.Fatal(got)
	}
}

func (w world) exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestFilesOfOthersThatChangeTheJobAreTold(t *testing.T) {
	root := t.TempDir()
	told := []string{
		"etc/systemd/system/coffre-backup.timer.d/off.conf", "etc/systemd/system/coffre-backup.service.d/a.conf",
		"etc/systemd/system.control/coffre-backup.service.d/50-CPUQuota.conf", "run/systemd/system/coffre-.timer.d/x.conf",
		"usr/lib/systemd/system/coffre-.service.d/x.conf", "run/systemd/transient/coffre-backup.timer",
	}
	left := []string{
		"etc/systemd/system/coffre-backup.timer", "etc/systemd/system/coffre-backup.service",
		"etc/systemd/system/service.d/all.conf", "etc/systemd/system/other.timer.d/x.conf",
		"etc/systemd/system/coffre-backup.timer.d/notes.txt",
	}
	for _, name := range append(append([]string{}, told...), left...) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found, err := Additions(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range told {
		if !strings.Contains(strings.Join(found, "\n")+"\n", filepath.Join(root, name)+"\n") {
			t.Errorf("%s is not told", name)
		}
	}
	if len(found) != len(told) {
		t.Errorf("told as well: %v", found)
	}
	if none, err := Additions(t.TempDir()); err != nil || len(none) != 0 {
		t.Errorf("%v %v", none, err)
	}
}
