package listing

import (
	"errors"
	"strings"
	"testing"
)

// entry is "kind path"; the name is what follows the last slash, or stands behind " = ".
func take(check *Check, lines ...string) error {
	for _, line := range lines {
		kind, path, _ := strings.Cut(line, " ")
		path, name, given := strings.Cut(path, " = ")
		if !given {
			name = path[strings.LastIndexByte(path, '/')+1:]
		}
		if err := check.Take(path, name, kind); err != nil {
			return err
		}
	}
	return nil
}

func TestWhatHonestMachinesHaveIsTaken(t *testing.T) {
	lines := []string{
		"dir /etc", "dir /etc/ssh", "file /etc/ssh/a", "symlink /etc/ssh/b", "file /etc/ssh.conf", "dir /home",
		"dir /home/claire", "file /home/claire/-rf", "file /home/claire/A", "fifo /home/claire/a", "file /home/claire/a\nb",
		"file /home/claire/a\\..\\b", "file /home/claire/été", "dir /homes", "file /homes/...", "file /homes/..a",
	}
	check := New(Linux)
	if err := take(check, lines...); err != nil || check.IsUndecided() {
		t.Fatalf("%v %v", err, check.IsUndecided())
	}
	if err := take(NewExact(Linux), lines...); err != nil {
		t.Fatal(err)
	}
	deep := New(Linux)
	path := ""
	for range 2000 {
		path += "/a"
		if err := take(deep, "dir "+path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatAnAttackerForgesIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		lines []string
		want  Fault
	}{
		"file, link and folder of one name": {[]string{"file /x", "symlink /x", "dir /x", "file /x/y"}, Twice},
		"a folder and then a link":          {[]string{"dir /x", "file /x/y", "symlink /x"}, Twice},
		"two folders of one name":           {[]string{"dir /x", "socket /x/p", "dir /x", "file /x/p"}, Twice},
		"deep below":                        {[]string{"dir /a", "dir /a/b", "fifo /a/b/c", "symlink /a/b/c"}, Twice},
		"not sorted, as restic never says":  {[]string{"file /b", "file /a"}, Twice},
		"what is in a file":                 {[]string{"file /a", "file /a/b"}, Orphan},
		"what is in a link":                 {[]string{"symlink /a", "dir /a/b"}, Orphan},
		"what is in a folder left already":  {[]string{"dir /a", "dir /b", "file /a/c"}, Orphan},
		"a path that is not its name's":     {[]string{"file /etc/passwd = x"}, Orphan},
		"a name with a slash":               {[]string{"file /a/b = a/b"}, BadName},
		"a name that goes up":               {[]string{"dir /a", "file / = .."}, BadName},
		"the folder itself":                 {[]string{"file /. = ."}, BadName},
		"no name":                           {[]string{"dir / = "}, BadName},
		"a name that ends early":            {[]string{"file /a\x00b"}, BadName},
		"unknown type":                      {[]string{"door /a"}, BadType},
		"no type":                           {[]string{" /a"}, BadType},
		"a name of 5 kB":                    {[]string{"file /" + strings.Repeat("n", 5000)}, TooDeep},
	} {
		for kind, check := range map[string]*Check{"shown": New(Linux), "exact": NewExact(Linux)} {
			var fault *FaultError
			if err := take(check, test.lines...); !errors.As(err, &fault) || fault.Fault != test.want {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
	check, path := New(Linux), ""
	var err error
	for count := 0; err == nil && count < 5000; count++ {
		path += "/a"
		err = take(check, "dir "+path)
	}
	var fault *FaultError
	if !errors.As(err, &fault) || fault.Fault != TooDeep {
		t.Fatal(err)
	}
}

func TestNamesThatJSONShowsAlikeAreDecidedByTheirBytes(t *testing.T) {
	shown := New(Linux)
	if err := take(shown, "file /caf\ufffd", "file /caf\ufffd", "dir /d\ufffd", "file /d\ufffd/x", "dir /d\ufffd", "file /d\ufffd/x"); err != nil || !shown.IsUndecided() {
		t.Fatalf("%v %v", err, shown.IsUndecided())
	}
	if err := take(NewExact(Linux), "file /caf\xe8", "file /caf\xe9", "dir /d\xe8", "file /d\xe8/x", "dir /d\xe9", "file /d\xe9/x"); err != nil {
		t.Fatal(err)
	}
	var fault *FaultError
	if err := take(NewExact(Linux), "file /caf\xe9", "symlink /caf\xe9"); !errors.As(err, &fault) || fault.Fault != Twice {
		t.Fatal(err)
	}
	// A byte that is no UTF-8 sorts elsewhere than what JSON shows for it.
	mixed := New(Linux)
	if err := take(mixed, "file /a\ufffdz", "file /a\ufffd", "file /b"); err != nil || !mixed.IsUndecided() {
		t.Fatalf("%v %v", err, mixed.IsUndecided())
	}
}

func TestALinkThatTheSystemTakesForAnotherNameIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		system System
		lines  []string
		fine   bool
	}{
		"case on macOS":                {MacOS, []string{"symlink /ESCAPE", "dir /escape"}, false},
		"case on Windows, apart":       {Windows, []string{"dir /A", "file /B", "symlink /a"}, false},
		"composed and not, on macOS":   {MacOS, []string{"symlink /e\u0301", "dir /\u00e9"}, false},
		"Windows' own short name":      {Windows, []string{"dir /VERYLO~1", "symlink /verylongname"}, false},
		"files of a case-aware disk":   {MacOS, []string{"file /README", "file /readme"}, true},
		"Linux tells them apart":       {Linux, []string{"symlink /ESCAPE", "dir /escape"}, true},
		"a stream of another file":     {Windows, []string{"file /a:b"}, false},
		"a backslash, which is no '/'": {Windows, []string{`file /..\a`}, false},
	} {
		if err := take(New(test.system), test.lines...); (err == nil) != test.fine {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALineIsAnEntryOrTheSnapshotThatWasAskedFor(t *testing.T) {
	entry, isEntry, err := Read([]byte(`{"name":"a","type":"file","path":"/a","size":5,"struct_type":"node"}`), "x")
	if err != nil || !isEntry || entry.Path != "/a" || entry.Size != 5 {
		t.Fatalf("%+v %v %v", entry, isEntry, err)
	}
	if _, isEntry, err := Read([]byte(`{"id":"x","struct_type":"snapshot"}`), "x"); isEntry || err != nil {
		t.Fatalf("%v %v", isEntry, err)
	}
	for _, line := range []string{`{"id":"y","struct_type":"snapshot"}`, `{"name":`, `null`, `{}`, `[]`, `{"struct_type":"node","path":7}`} {
		var fault *FaultError
		if _, _, err := Read([]byte(line), "x"); !errors.As(err, &fault) {
			t.Errorf("%s: %v", line, err)
		}
	}
}
