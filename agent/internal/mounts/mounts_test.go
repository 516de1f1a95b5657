package mounts

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// usual is a small server: a container's file systems beneath /run, a chroot with a /proc of its own, a disk in
// /run/media, a session's window under /run/user.
const usual = `
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:5 / /proc rw,nosuid shared:2 - proc proc rw
23 21 0:6 / /sys rw,nosuid shared:3 - sysfs sysfs rw
24 23 0:7 / /sys/kernel/debug rw master:1 propagate_from:2 - debugfs debugfs rw
25 21 0:8 / /dev rw,nosuid - devtmpfs udev rw
26 25 0:9 / /dev/shm rw - tmpfs tmpfs rw
27 25 0:10 / /dev/pts rw - devpts devpts rw
28 21 0:11 / /run rw - tmpfs tmpfs rw
29 28 0:12 / /run/user/1000/gvfs rw - fuse.gvfsd-fuse gvfsd-fuse rw
30 28 8:17 / /run/media/claire/disque\040un rw - ext4 /dev/sdb1 rw
31 21 0:13 / /srv/chroot/proc rw - proc proc rw
32 21 0:14 / /tmp rw - tmpfs tmpfs rw
33 21 0:15 / /srv/ram rw - tmpfs tmpfs rw
34 21 8:33 / /srv/data rw - xfs /dev/sdc1 rw
35 21 0:16 / /home/claire/.cache/doc rw - fuse.portal portal rw
36 21 0:4 net:[4026531992] /var/netns/one rw - nsfs nsfs rw
37 22 0:17 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw
`

func parse(t *testing.T, text string) Table {
	t.Helper()
	table, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func leaveOut(table Table, paths ...string) LeftOut {
	isFolder := func(path string) bool { return path != "/var/netns/one" }
	return table.LeaveOut(paths, isFolder, func(path string) string { return path })
}

func TestWhatIsLeftOutOfTheUsualPlaces(t *testing.T) {
	for name, test := range map[string]struct {
		paths       []string
		first, last []string
	}{
		"the whole machine": {
			[]string{"/"},
			[]string{"/run/*", "/tmp/*"},
			[]string{"/dev/*", "/proc/*", "/srv/chroot/proc/*", "/sys/*", "/var/netns/one", "/home/claire/.cache/doc"},
		},
		"one folder, written oddly": {[]string{"/srv//chroot/"}, nil, []string{"/srv/chroot/proc/*"}},
		"a folder of a real disk":   {[]string{"/srv/data", "/etc"}, nil, nil},
		"memory by its name":        {[]string{"/tmp", "/run/lock"}, nil, nil},
		"memory beside the machine": {
			[]string{"/", "/tmp/work", "/run"},
			[]string{"/tmp/*", "!/tmp/work"},
			[]string{
				"/dev/*", "/proc/*", "/srv/chroot/proc/*", "/sys/*", "/var/netns/one", "/home/claire/.cache/doc",
				"/run/user/1000/gvfs",
			},
		},
		"a disk below memory": {
			[]string{"/", "/run/media/claire/disque un"},
			[]string{"/run/*", "!/run/media/claire/disque un", "/tmp/*"},
			[]string{
				"/dev/*", "/proc/*", "/srv/chroot/proc/*", "/sys/*", "/var/netns/one", "/home/claire/.cache/doc",
				"/run/user/1000/gvfs",
			},
		},
		"that disk alone":              {[]string{"/run/media/claire/disque un"}, nil, nil},
		"what the kernel makes, named": {[]string{"/proc/sys"}, nil, []string{"/proc/*"}},
		"memory below devices":         {[]string{"/dev/shm/x"}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := leaveOut(parse(t, usual), test.paths...)
			if !slices.Equal(got.First, test.first) || !slices.Equal(got.Last, test.last) || got.TooMany != 0 {
				t.Errorf("first %q, last %q", got.First, got.Last)
			}
		})
	}
}

func TestOnlyWhatCanBeSeenCounts(t *testing.T) {
	table := parse(t, `
20 1 8:1 / / rw - ext4 /dev/sda1 rw
21 20 0:5 / /mnt/proc rw - proc proc rw
22 20 8:2 / /mnt rw - ext4 /dev/sdb1 rw
23 20 0:6 / /data rw - proc proc rw
24 23 8:3 / /data rw - ext4 /dev/sdc1 rw
25 20 8:4 / /old rw - ext4 /dev/sdd1 rw
26 25 0:7 / /old rw - proc proc rw
`)
	if got := leaveOut(table, "/"); fmt.Sprint(got.Last) != "[/old/*]" {
		t.Fatalf("%q", got.Last)
	}
	for path, kind := range map[string]string{"/mnt/proc/x": "ext4", "/data": "ext4", "/old/x": "proc", "/etc": "ext4"} {
		if at, found := table.At(path); !found || at.Type != kind {
			t.Errorf("%s lies on %+v", path, at)
		}
	}
}

func TestOddTablesAreReadAsFarAsTheyGo(t *testing.T) {
	table := parse(t, `
no mount at all
1 2 3
x 1 8:1 / / rw - ext4 /dev/sda1 rw
20 20 8:1 / / rw - ext4 /dev/sda1 rw
21 20 0:5 / /od\134d\011\012 rw - proc proc rw
22 20 0:6 / relative rw - proc proc rw
23 20 0:7 / /none rw -
24 24 0:8 / /loop rw - proc proc rw
`)
	if got := leaveOut(table, "/"); len(got.Last) != 1 || got.Last[0] != "/od\\d\t\n/*" {
		t.Fatalf("%q", got.Last)
	}
	if got := leaveOut(Table{}, "/"); len(got.First)+len(got.Last) != 0 {
		t.Fatalf("%+v", got)
	}
}

func TestPatternsAreBoundedAndWhatMayNeverEndComesFirst(t *testing.T) {
	var text strings.Builder
	text.WriteString("20 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
	for index := range 3000 {
		fmt.Fprintf(&text, "%d 20 0:5 / /home/u/%d rw - fuse.portal portal rw\n", 100+index, index)
	}
	text.WriteString("9000 20 0:5 / /proc rw - proc proc rw\n")
	got := leaveOut(parse(t, text.String()), "/")
	if got.Last[0] != "/proc/*" || len(got.Last) != patternsLimit || got.TooMany != 3001-patternsLimit {
		t.Fatalf("%q… %d, %d too many", got.Last[0], len(got.Last), got.TooMany)
	}
}

func TestThisMachinesOwnProcIsLeftOut(t *testing.T) {
	table, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	got := table.LeaveOut([]string{"/"}, func(path string) bool {
		facts, err := os.Lstat(path)
		return err == nil && facts.IsDir()
	}, filepath.Clean)
	if !slices.Contains(got.Last, "/proc/*") {
		t.Fatalf("%q", got.Last)
	}
	if at, found := table.At("/proc/self/status"); !found || at.Type != "proc" {
		t.Fatalf("%+v", at)
	}
}

func TestAFolderIsNamedByWhatItIsAndNotByWhereItIsSeen(t *testing.T) {
	table, err := Parse(strings.NewReader(`24 1 254:1 / / rw shared:1 - ext4 /dev/vda1 rw
25 24 0:22 / /proc rw - proc proc rw
30 24 254:17 / /srv/disk rw shared:2 master:1 - ext4 /dev/vdb1 rw
31 24 254:1 /other /srv/bind rw - ext4 /dev/vda1 rw
32 24 0:40 / /srv/with\040space rw - tmpfs tmpfs rw
33 24 0:41 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
34 30 0:42 / /srv/disk/inner rw - nfs4 server:/x rw
35 24 0:43 / /srv/auto rw - autofs systemd-1 rw
36 35 0:44 / /srv/auto rw - nfs4 server:/y rw
`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/srv/disk/a": "254:17:/a", "/srv/diskette": "254:1:/srv/diskette", "/srv/bind/a": "254:1:/other/a",
		"/srv/with space": "0:40:/", "/": "254:1:/", "/srv/auto": "0:44:/", "/srv/disk/inner/b": "0:42:/b",
	} {
		if got := table.Identity(path); got != want {
			t.Errorf("%s: %s, not %s", path, got, want)
		}
	}
	want := []string{"/srv/auto", "/srv/bind", "/srv/disk", "/srv/disk/inner", "/srv/with space"}
	if got := table.LastingIn("/"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if !table.Has("/srv/disk") || table.Has("/srv") || !table.IsKnown() || (Table{}).IsKnown() {
		t.Error("a mount point is not known")
	}
}
