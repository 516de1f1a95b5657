package restic

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// run is one line of what restic 0.18.1 said of a repository that was really damaged.
type run struct {
	Object   string   `json:"object"`
	Way      string   `json:"way"`
	Command  string   `json:"command"`
	ExitCode int      `json:"exit_code"`
	Stderr   []string `json:"stderr"`
}

func readRuns(t *testing.T) []run {
	t.Helper()
	file, err := os.Open("../../../tests/cases/damaged-repositories/said.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // Nothing was written.
	var runs []run
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var each run
		if err := json.Unmarshal(lines.Bytes(), &each); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, each)
	}
	if len(runs) < 100 {
		t.Fatalf("%d runs", len(runs))
	}
	return runs
}

func TestWhatIsDamagedIsWhatIsBlamed(t *testing.T) {
	parts := map[string]Part{"config": Config, "keys": Key, "index": Index, "snapshots": SnapshotFile, "data": Pack}
	for _, each := range readRuns(t) {
		t.Run(each.Object+" "+each.Way+", "+each.Command, func(t *testing.T) {
			transcript := &Transcript{}
			for _, line := range each.Stderr {
				transcript.Complaint([]byte(line))
			}
			found, reason := transcript.Damage(), transcript.Reason()
			if other := FindDamage(strings.Join(each.Stderr, "\n")); other != found {
				t.Errorf("%v line by line, %v at once", found, other)
			}
			gone := each.Way == "gone"
			want := Damage{parts[each.Object], gone}
			switch {
			case each.Command == "init" && each.Object == "config" && gone:
			case each.Command == "init", each.Object == "snapshots" && gone, NeedsALook(each.ExitCode):
				want = Damage{}
			}
			if found != want {
				t.Errorf("%v, not %v: %q", found, want, reason)
			}
			said := Explain(each.ExitCode, reason)
			if found.Part != Nothing {
				said = ExplainDamage(found, reason)
			}
			for _, frame := range []string{"\n", ".go:", "goroutine", "github.com/"} {
				if strings.Contains(said, frame) {
					t.Errorf("%q has %q", said, frame)
				}
			}
		})
	}
}

func TestWhatTheExitCodeLeavesOpenTheBucketTells(t *testing.T) {
	for _, test := range []struct {
		code                           int
		hasConfig, hasKeys, hasBackups bool
		want                           Damage
	}{
		{ExitNoRepository, false, false, false, Damage{}},
		{ExitNoRepository, false, true, false, Damage{}},
		{ExitNoRepository, false, true, true, Damage{Config, true}},
		{ExitWrongPassword, true, true, true, Damage{}},
		{ExitWrongPassword, true, false, true, Damage{Key, true}},
		{1, false, false, false, Damage{}},
	} {
		if got := JudgeRemains(test.code, test.hasConfig, test.hasKeys, test.hasBackups); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

func TestWhatIsNoDamageIsNotCalledSo(t *testing.T) {
	for _, line := range []string{
		`Load(<data/0564b5ba0a>, 250, 723) failed: Get "https://s3.example/b": dial tcp: connect: connection refused`,
		`{"message_type":"exit_error","code":1,"message":"Fatal: unable to open config file: Stat: Access Denied."}`,
		`{"message_type":"error","error":{"message":"write /t/LoadRaw(<index/0564b5ba0a>): no space left on device"},"during":"restore","item":"/LoadRaw(<index/0564b5ba0a>)"}`,
	} {
		if found := damageIn([]byte(line)); found.Part != Nothing {
			t.Errorf("%v: %s", found, line)
		}
	}
}
