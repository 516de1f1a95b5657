package orders

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// addSeeds gives the fuzzer the documents in testdata.
func addSeeds(f *testing.F, pattern string) {
	f.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", pattern))
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
}

// FuzzVerify reads anything as control/desired.json. Nothing passes that the pinned key did not sign.
func FuzzVerify(f *testing.F) {
	addSeeds(f, "desired-*.json")
	f.Fuzz(func(t *testing.T, body []byte) {
		document, err := Verify(body, pinned)
		if err != nil {
			return
		}
		var sealed envelope
		if json.Unmarshal(body, &sealed) != nil {
			t.Fatal("not JSON, and accepted")
		}
		for _, signature := range sealed.Signatures {
			if raw, _ := base64.StdEncoding.DecodeString(signature); ed25519.Verify(pinned.Key, document.Payload, raw) {
				return
			}
		}
		t.Fatal("accepted without a signature that holds")
	})
}

// FuzzPayload signs anything. What is understood is for this machine, can be rendered and put into units, and reads back
// from the machine's own copy as the same.
func FuzzPayload(f *testing.F) {
	addSeeds(f, "payload-*.json")
	f.Fuzz(func(t *testing.T, payload []byte) {
		body := seal(payload, seed)
		document, err := Verify(body, pinned)
		if err != nil {
			return
		}
		again, err := ReadApplied(body)
		if err != nil || again.Orders.Generation != document.Orders.Generation || !again.Orders.IsFor(pinned) {
			t.Fatalf("not read back: %v", err)
		}
		if isNew, err := Decide(&document, again, 1, time.Now()); isNew || err != nil {
			t.Fatalf("news to itself: %v %v", isNew, err)
		}
		if document.Orders.Remove {
			return
		}
		if strings.ContainsAny(document.Orders.Timezone, "\n \t%;\"'\\") || document.Orders.Generation < 1 {
			t.Fatalf("%+v", document.Orders)
		}
		for _, path := range document.Orders.Plan.Paths {
			if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
				t.Fatalf("path %q", path)
			}
		}
		for _, entry := range document.Orders.Plan.Schedule {
			if len(entry.At) != 5 || len(entry.Days) == 0 {
				t.Fatalf("%+v", entry)
			}
		}
	})
}
