package sources

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coffre.invalid/agent/internal/mounts"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/report"
)

func write(t *testing.T, path, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestALinkIsFollowedToItsEndAndKept(t *testing.T) {
	folder := t.TempDir()
	real := filepath.Join(folder, "disk", "home")
	write(t, filepath.Join(real, "a"), "x")
	home, second := filepath.Join(folder, "home"), filepath.Join(folder, "second")
	link(t, "second", home)
	link(t, real, second)
	gone, circle := filepath.Join(folder, "gone"), filepath.Join(folder, "circle")
	link(t, "/nowhere/at/all", gone)
	link(t, circle, circle)
	found := Resolve([]string{home, real, gone, circle, filepath.Join(folder, "none")})
	for index, want := range []struct {
		real               string
		links              int
		isThere, isRefused bool
	}{
		{real, 2, true, false}, {real, 0, true, false}, {"/nowhere/at/all", 1, false, false},
		{circle, linksLimit, true, true}, {filepath.Join(folder, "none"), 0, false, false},
	} {
		got := found[index]
		if got.Real != want.real || len(got.Links) != want.links || got.IsThere != want.isThere ||
			got.IsRefused != want.isRefused {
			t.Errorf("%s: %+v", got.Path, got)
		}
	}
	wanted := []string{home, second, real, gone, circle}
	if targets := Targets(found); fmt.Sprint(targets) != fmt.Sprint(wanted) {
		t.Errorf("%v", targets)
	}
}

func TestAPlainUsersLinkLeadsOnlyToWhatIsHisOwn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test gives files to other users: run it as root")
	}
	folder := t.TempDir()
	for name, test := range map[string]struct {
		target    int
		isRefused bool
	}{"his own": {1000, false}, "root's": {0, true}, "another's": {1001, true}} {
		target, path := filepath.Join(folder, name), filepath.Join(folder, name+" link")
		write(t, filepath.Join(target, "a"), "x")
		link(t, target, path)
		if err := os.Chown(target, test.target, -1); err != nil {
			t.Fatal(err)
		}
		if err := os.Lchown(path, 1000, -1); err != nil {
			t.Fatal(err)
		}
		if got := resolve(path); got.IsRefused != test.isRefused || (got.Real == path) != test.isRefused {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestFilesAreCountedForEveryPathThatTheyAreIn(t *testing.T) {
	folder := t.TempDir()
	names := []string{"a/one", "a/b/two", `a/b/"three"`, "a b/four", "ab/five", "<six>"}
	for _, name := range names {
		write(t, filepath.Join(folder, name), "12345")
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	counter := NewCounter(t.Context(), []string{in("a"), in("a/b"), in("<six>"), in("ab/"), in("none")}, "linux")
	var of []string
	for _, name := range names {
		of = append(of, strings.TrimPrefix(counter.Add(inJSON(in(name))), folder))
	}
	if fmt.Sprint(of) != "[/a /a/b /a/b  /ab /<six>]" {
		t.Fatalf("%q", of)
	}
	counts := counter.Close()
	for path, files := range map[string]uint64{"a": 3, "a/b": 2, "<six>": 1, "ab": 1, "none": 0} {
		got := counts[in(path)]
		if got.Files != files || got.Bytes == nil || *got.Bytes != 5*files {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestASnapshotNamesAPathInItsOwnWay(t *testing.T) {
	for _, test := range [][3]string{
		{"linux", "/home", "/home"}, {"windows", `C:\Users\Élodie`, "/C/Users/Élodie"}, {"windows", "D:/Data", "/D/Data"},
	} {
		if got := StoredAs(test[1], test[0]); got != test[2] {
			t.Errorf("%s: %s", test[1], got)
		}
	}
}

const table = `24 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
25 24 0:22 / /proc rw - proc proc rw
30 24 254:17 / /srv/disk rw,relatime shared:2 master:1 - ext4 /dev/vdb1 rw
31 24 254:1 /other /srv/bind rw - ext4 /dev/vda1 rw
32 24 0:40 / /srv/with\040space rw - tmpfs tmpfs rw
33 24 0:41 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
34 30 0:42 / /srv/disk/inner rw - nfs4 server:/x rw
35 24 0:43 / /srv/auto rw - autofs systemd-1 rw
36 35 0:44 / /srv/auto rw - nfs4 server:/y rw
broken line
`

// without is the table when something is mounted no more.
func without(points ...string) mounts.Table {
	var left []string
	for _, line := range strings.Split(table, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 5 || !slices.Contains(points, fields[4]) {
			left = append(left, line)
		}
	}
	found, _ := mounts.Parse(strings.NewReader(strings.Join(left, "\n"))) // A reader of text never fails.
	return found
}

func count(files, bytes uint64) Count { return Count{files, &bytes} }

func memory(files, bytes uint64, path, on string, below ...report.MountMemory) *report.PathMemory {
	now := without()
	return &report.PathMemory{
		Number: 3, Files: files, Bytes: bytes, StoredAs: path, Below: below,
		Mount: &report.MountMemory{Point: on, Identity: now.Identity(path)},
	}
}

func TestEachPathIsJudgedByWhatItGaveBefore(t *testing.T) {
	there := Source{Path: "/srv/disk", Real: "/srv/disk", IsThere: true}
	gone := Source{Path: "/srv/disk", Real: "/srv/disk"}
	root := Source{Path: "/srv", Real: "/srv", IsThere: true}
	inner := report.MountMemory{Point: "/srv/disk", Identity: "254:17:/", Files: 300}
	for name, test := range map[string]struct {
		source     Source
		count      Count
		baseline   *report.PathMemory
		mounts     mounts.Table
		hasFiles   bool
		unreadable bool
		want       report.PathState
		mountPoint string
	}{
		"first run":                    {there, count(5, 9), nil, without(), false, false, report.PathSaved, ""},
		"as before":                    {there, count(5, 9), memory(6, 9, "/srv/disk", "/srv/disk"), without(), false, false, report.PathSaved, ""},
		"half of it":                   {there, count(50, 5<<20), memory(100, 10<<20, "/srv/disk", "/srv/disk"), without(), false, false, report.PathSaved, ""},
		"nearly no file":               {there, count(4, 10<<20), memory(50, 10<<20, "/srv/disk", "/srv/disk"), without(), false, false, report.PathShrunk, ""},
		"nearly no byte":               {there, count(50, 1<<10), memory(50, 10<<20, "/srv/disk", "/srv/disk"), without(), false, false, report.PathShrunk, ""},
		"bytes not known":              {there, Count{Files: 50}, memory(50, 10<<20, "/srv/disk", "/srv/disk"), without(), false, false, report.PathSaved, ""},
		"small files rewritten":        {there, count(5, 1), memory(5, 1000, "/srv/disk", "/srv/disk"), without(), false, false, report.PathSaved, ""},
		"empty from the start":         {there, count(0, 0), nil, without(), false, false, report.PathEmpty, ""},
		"emptied":                      {there, count(0, 0), memory(5, 9, "/srv/disk", "/srv/disk"), without(), false, false, report.PathEmpty, ""},
		"empty, which is accepted":     {there, count(0, 0), memory(0, 0, "", ""), without(), false, false, report.PathAccepted, ""},
		"missing, which is accepted":   {gone, count(0, 0), memory(0, 0, "", ""), without(), false, false, report.PathAccepted, ""},
		"no more empty":                {there, count(2, 2), memory(0, 0, "", ""), without(), false, false, report.PathSaved, ""},
		"missing":                      {gone, count(0, 0), nil, without(), false, false, report.PathMissing, ""},
		"excluded":                     {there, count(0, 0), nil, without(), true, false, report.PathExcluded, ""},
		"excluded, accepted as empty":  {there, count(0, 0), memory(0, 0, "", ""), without(), true, false, report.PathExcluded, ""},
		"unreadable":                   {there, count(0, 0), nil, without(), true, true, report.PathUnreadable, ""},
		"not mounted, and empty":       {there, count(0, 0), memory(5, 9, "/srv/disk", "/srv/disk"), without("/srv/disk"), false, false, report.PathUnmounted, "/srv/disk"},
		"not mounted, files under it":  {there, count(5, 9), memory(5, 9, "/srv/disk", "/srv/disk"), without("/srv/disk"), false, false, report.PathUnmounted, "/srv/disk"},
		"not mounted, and missing":     {gone, count(0, 0), memory(5, 9, "/srv/disk", "/srv/disk"), without("/srv/disk"), false, false, report.PathUnmounted, "/srv/disk"},
		"a disk in it is not mounted":  {root, count(162, 9), memory(465, 9, "/srv", "/", inner), without("/srv/disk"), false, false, report.PathUnmounted, "/srv/disk"},
		"its files are elsewhere now":  {root, count(465, 9), memory(465, 9, "/srv", "/", report.MountMemory{Point: "/srv/disk", Identity: "x"}), without("/srv/disk"), false, false, report.PathSaved, ""},
		"no table of mounts":           {there, count(5, 9), memory(5, 9, "/srv/disk", "/srv/disk"), mounts.Table{}, false, false, report.PathSaved, ""},
		"another disk in its place":    {there, count(5, 9), &report.PathMemory{Files: 5, StoredAs: "/srv/disk", Mount: &report.MountMemory{Point: "/srv/disk", Identity: "8:1:/"}}, without(), false, false, report.PathSaved, ""},
		"the same, seen otherwise":     {there, count(5, 9), memory(5, 9, "/srv/disk", "/namespace/only"), without(), false, false, report.PathSaved, ""},
		"a link that leads elsewhere":  {there, count(5, 9), memory(5, 9, "/mnt/old", "/mnt/old"), without(), false, false, report.PathSaved, ""},
		"a link of another user":       {Source{Path: "/srv/disk", Real: "/srv/disk", IsThere: true, IsRefused: true}, count(0, 0), nil, without(), true, false, report.PathLinkRefused, ""},
		"accepted at what it gave now": {there, count(4, 4), memory(4, 4, "", ""), without(), false, false, report.PathSaved, ""},
	} {
		facts := Facts{
			Counts: map[string]Count{test.source.Real: test.count}, Mounts: test.mounts,
			IsUnreadable: func(string) bool { return test.unreadable }, HasFiles: func(string) bool { return test.hasFiles },
			Snapshot: func(path string) string { return path },
		}
		got, kept := Judge(test.source, test.baseline, facts)
		if got.State != test.want || got.MountPoint != test.mountPoint {
			t.Errorf("%s: %+v", name, got)
		}
		if isNew := kept != nil && kept != test.baseline; isNew != (got.State == report.PathSaved) {
			t.Errorf("%s: remembers %+v", name, kept)
		}
	}
}

func TestWhatIsRememberedIsWhereFilesLie(t *testing.T) {
	facts := Facts{
		Counts: map[string]Count{"/srv": count(465, 9), "/srv/disk": count(300, 5), "/srv/with space": count(0, 0)},
		Mounts: without(), Snapshot: func(path string) string { return path },
	}
	source := Source{Path: "/srv", Real: "/srv", IsThere: true}
	_, kept := Judge(source, nil, facts)
	if kept == nil || kept.Mount.Point != "/" || kept.Mount.Identity != "254:1:/srv" || len(kept.Below) != 1 ||
		kept.Below[0] != (report.MountMemory{Point: "/srv/disk", Identity: "254:17:/", Files: 300}) {
		t.Fatalf("%+v", kept)
	}
	places := Places([]Source{source}, without("/srv/disk"), map[string]report.PathMemory{"/srv": *kept})
	if !strings.Contains(fmt.Sprint(places), "/srv/disk ") && !strings.HasSuffix(fmt.Sprint(places), "/srv/disk]") {
		t.Fatalf("what was mounted is not counted any more: %v", places)
	}
}

func TestSmileosWordCountsUntilALaterGoodRun(t *testing.T) {
	word := []orders.Accepted{{Path: "/a", Number: 7, Files: 2, Bytes: 3}}
	for number, want := range map[int64]uint64{6: 2, 7: 100, 8: 100} {
		got := Accept(map[string]report.PathMemory{"/a": {Number: number, Files: 100}}, word)
		if got["/a"].Files != want {
			t.Errorf("%d: %+v", number, got)
		}
	}
	if got := Accept(nil, word)["/a"]; got.Files != 2 || got.Number != 7 || got.Mount != nil {
		t.Errorf("%+v", got)
	}
}
