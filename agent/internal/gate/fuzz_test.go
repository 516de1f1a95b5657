package gate

import (
	"os"
	"path/filepath"
	"testing"

	"coffre.invalid/agent/internal/text"
)

// FuzzGate reads anything as control/gate.json. What cannot be read is an open gate: only the policy really stops.
func FuzzGate(f *testing.F) {
	names, err := filepath.Glob("testdata/gate-*.json")
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		gate, err := Parse(body)
		if err != nil && gate != (Gate{}) {
			t.Fatalf("%+v from a document that is malformed: %v", gate, err)
		}
		if sentence := gate.Sentence(); sentence == "" || sentence != text.Line(sentence, 400) {
			t.Fatalf("%q", sentence)
		}
	})
}
