package restic

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAFatalErrorIsToldWithAllItsLines(t *testing.T) {
	command := local(t, tree(t))
	command.Exclude = []string{"*.[bak", "*.iso", "[a-]"}
	outcome, transcript, _ := backUp(t, command)
	expectCode(t, outcome, 1)
	want := "--exclude: invalid pattern(s) provided: *.[bak; [a-]"
	if reason := transcript.Reason(); reason != want {
		t.Fatalf("%q", reason)
	}
}

func TestReasonsAreOneLineWithoutCallStacks(t *testing.T) {
	for name, test := range map[string]struct{ lines, want string }{
		"a panic": {
			"panic: runtime error: index out of range [3]\n\ngoroutine 1 [running]:\nmain.f(0x1)\n\t/x/main.go:12 +0x1f\n" +
				"created by main.g in goroutine 7\n\t/x/main.go:9 +0x2\nexit status 2",
			"panic: runtime error: index out of range [3]; exit status 2",
		},
		"an error of a library": {
			"Fatal: unable to save\ngithub.com/restic/restic/internal/x.(*T).Save\n\t/y/x.go:3\nSave\nmain.run\n\t/y/z.go:44\n",
			"unable to save; Save",
		},
		"a list": {"two things:\none\ntwo\nrest:\nthree", "two things: one; two; rest: three"},
		"twice":  {"same\nsame", "same"},
	} {
		t.Run(name, func(t *testing.T) {
			fatal, complaining := &Transcript{}, &Transcript{}
			message, err := json.Marshal(map[string]any{"message_type": "exit_error", "code": 1, "message": test.lines})
			if err != nil {
				t.Fatal(err)
			}
			fatal.Complaint(message)
			if err := eachLine(strings.NewReader(test.lines), func(line []byte) { complaining.Complaint(line) }); err != nil {
				t.Fatal(err)
			}
			if got := fatal.Reason(); got != test.want {
				t.Errorf("fatal %q", got)
			}
			if got := complaining.Reason(); got != test.want {
				t.Errorf("complaints %q", got)
			}
		})
	}
}

func TestReasonsAreBounded(t *testing.T) {
	transcript := &Transcript{}
	for index := range 10_000 {
		transcript.Complaint([]byte(strings.Repeat("x", index%100+1)))
	}
	if lines := strings.Count(transcript.Reason(), "; ") + 1; lines > reasonLines+1 {
		t.Fatal(lines)
	}
}
