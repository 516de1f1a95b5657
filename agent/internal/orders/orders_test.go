package orders

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coffre.invalid/agent/internal/fault"
)

var (
	seed    = ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", ed25519.SeedSize)))
	pinned  = Identity{TenantID: "t1", Machine: "ws1", Key: seed.Public().(ed25519.PublicKey)}
	correct = map[string]any{
		"version": 1, "tenant_id": "t1", "machine": "ws1", "generation": 3, "issued_at": "2026-01-01T00:00:00Z",
		"timezone": "Europe/Paris", "run_deadline_seconds": 3600, "remove": false,
		"plan": map[string]any{
			"paths": []string{"/srv"}, "exclude": []string{"*.tmp"},
			"schedule": []any{map[string]any{"days": []string{"Mon", "Sun"}, "at": "23:59"}},
		},
		"restic": map[string]any{"version": "0.18.1", "sha256": strings.Repeat("a", 64)},
	}
)

func payload(t *testing.T, changes map[string]any) []byte {
	t.Helper()
	values := map[string]any{}
	for key, value := range correct {
		values[key] = value
	}
	for key, value := range changes {
		values[key] = value
	}
	body, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// envelope is the form of a signed document.
type envelope struct {
	Payload    string   `json:"payload"`
	Signatures []string `json:"signatures"`
}

func seal(payload []byte, keys ...ed25519.PrivateKey) []byte {
	sealed := envelope{Payload: base64.StdEncoding.EncodeToString(payload)}
	for _, key := range keys {
		sealed.Signatures = append(sealed.Signatures, base64.StdEncoding.EncodeToString(ed25519.Sign(key, payload)))
	}
	body, _ := json.Marshal(sealed)
	return body
}

func plan(changes map[string]any) map[string]any {
	values := map[string]any{}
	for key, value := range correct["plan"].(map[string]any) {
		values[key] = value
	}
	for key, value := range changes {
		values[key] = value
	}
	return map[string]any{"plan": values}
}

func TestCorrectOrdersAreUnderstood(t *testing.T) {
	document, err := Verify(seal(payload(t, nil), seed), pinned)
	if err != nil {
		t.Fatal(err)
	}
	got := document.Orders
	if got.Generation != 3 || got.Plan.Paths[0] != "/srv" || got.Plan.Schedule[0].At != "23:59" || got.Remove {
		t.Fatalf("%+v", got)
	}
}

func TestOneOfSeveralSignaturesIsEnough(t *testing.T) {
	other := ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", ed25519.SeedSize)))
	for _, keys := range [][]ed25519.PrivateKey{{seed, other}, {other, seed}, {other, other, other, seed}} {
		if _, err := Verify(seal(payload(t, nil), keys...), pinned); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRemovalNeedsNoPlan(t *testing.T) {
	body := payload(t, map[string]any{"remove": true, "plan": map[string]any{}, "timezone": ""})
	if _, err := Verify(seal(body, seed), pinned); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNotSignedForThisMachineIsRefused(t *testing.T) {
	other := ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", ed25519.SeedSize)))
	good := payload(t, nil)
	tampered := seal(good, seed)
	var sealed envelope
	if err := json.Unmarshal(tampered, &sealed); err != nil {
		t.Fatal(err)
	}
	sealed.Payload = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(good), "/srv", "/etc", 1)))
	tampered, _ = json.Marshal(sealed)
	entry := func(days []string, at string) map[string]any {
		return plan(map[string]any{"schedule": []any{map[string]any{"days": days, "at": at}}})
	}
	for name, test := range map[string]struct {
		body []byte
		want string
	}{
		"empty":             {nil, "not a signed document"},
		"not JSON":          {[]byte("rubbish"), "not a signed document"},
		"unsigned":          {good, "not a signed document"},
		"trailing":          {append(seal(good, seed), "{}"...), "more data after"},
		"no base64":         {[]byte(`{"payload":"%","signatures":[]}`), "not base64"},
		"short signature":   {[]byte(`{"payload":"e30=","signatures":["AAAA"]}`), "64 bytes"},
		"no signature":      {seal(good), "0 signatures"},
		"five signatures":   {seal(good, seed, seed, seed, seed, seed), "5 signatures"},
		"former envelope":   {[]byte(`{"payload":"e30=","signature":"AAAA"}`), "not a signed document"},
		"two foreign keys":  {seal(good, other, other), "no signature was made with"},
		"foreign key":       {seal(good, other), "no signature was made with"},
		"tampered":          {tampered, "no signature was made with"},
		"other tenant":      {seal(payload(t, map[string]any{"tenant_id": "t2"}), seed), "it is for t2/ws1"},
		"other machine":     {seal(payload(t, map[string]any{"machine": "ws2"}), seed), "it is for t1/ws2"},
		"newer version":     {seal(payload(t, map[string]any{"version": 2}), seed), "version 2"},
		"unknown field":     {seal(payload(t, map[string]any{"run_as": "x"}), seed), "run_as"},
		"generation 0":      {seal(payload(t, map[string]any{"generation": 0}), seed), "generation 0"},
		"zone injection":    {seal(payload(t, map[string]any{"timezone": "UTC\nExecStart=/bin/sh"}), seed), "timezone"},
		"no deadline":       {seal(payload(t, map[string]any{"run_deadline_seconds": 0}), seed), "run_deadline"},
		"endless deadline":  {seal(payload(t, map[string]any{"run_deadline_seconds": 9999999}), seed), "run_deadline"},
		"bad digest":        {seal(payload(t, map[string]any{"restic": map[string]any{"version": "1", "sha256": "A"}}), seed), "sha256"},
		"no paths":          {seal(payload(t, plan(map[string]any{"paths": []string{}})), seed), "no paths"},
		"relative path":     {seal(payload(t, plan(map[string]any{"paths": []string{"srv"}})), seed), "not absolute"},
		"empty exclude":     {seal(payload(t, plan(map[string]any{"exclude": []string{""}})), seed), "exclude"},
		"time injection":    {seal(payload(t, entry([]string{"Mon"}, "12:30\nX=1")), seed), "invalid schedule"},
		"no such time":      {seal(payload(t, entry([]string{"Mon"}, "24:00")), seed), "invalid schedule"},
		"no such day":       {seal(payload(t, entry([]string{"Lun"}, "12:00")), seed), "Lun"},
		"no day":            {seal(payload(t, entry(nil, "12:00")), seed), "invalid schedule"},
		"payload of arrays": {seal([]byte("[]"), seed), "does not understand"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Verify(test.body, pinned)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			var refusal *fault.Error
			if !errors.As(err, &refusal) || refusal.Exit != fault.ExitRefused {
				t.Fatalf("%v is no refusal", err)
			}
		})
	}
}

func TestOnlyNewerGenerationsAreNews(t *testing.T) {
	document := func(generation int, deadline int) Document {
		found, err := Verify(seal(payload(t, map[string]any{
			"generation": generation, "run_deadline_seconds": deadline,
		}), seed), pinned)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	applied := document(3, 3600)
	for name, test := range map[string]struct {
		applied *Document
		fetched Document
		isNew   bool
		refused string
	}{
		"first":                         {nil, document(1, 60), true, ""},
		"newer":                         {&applied, document(4, 60), true, ""},
		"the same":                      {&applied, document(3, 3600), false, ""},
		"older is a replay":             {&applied, document(2, 3600), false, "older than 3"},
		"same number, other content":    {&applied, document(3, 60), false, "different content"},
		"older though content is equal": {&applied, document(1, 3600), false, "older"},
	} {
		t.Run(name, func(t *testing.T) {
			isNew, err := Decide(test.applied, test.fetched, 1, issued.AddDate(0, 0, 1))
			if isNew != test.isNew || (err == nil) != (test.refused == "") {
				t.Fatalf("%v %v", isNew, err)
			}
			if err != nil && !strings.Contains(err.Error(), test.refused) {
				t.Fatal(err)
			}
		})
	}
}

var issued = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestWhatIsTooOldIsNeverNewlyApplied(t *testing.T) {
	document := func(generation int, remove bool) Document {
		found, err := Verify(seal(payload(t, map[string]any{"generation": generation, "remove": remove}), seed), pinned)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	three, removal := document(3, false), document(3, true)
	last, over := issued.AddDate(0, 0, 90), issued.AddDate(0, 0, 90).Add(time.Second)
	for name, test := range map[string]struct {
		applied *Document
		fetched Document
		least   int64
		now     time.Time
		isNew   bool
		refused string
	}{
		"a lost state, and the least":              {nil, three, 3, last, true, ""},
		"a lost state, and a replay":               {nil, three, 4, issued, false, "older than 4, the lowest"},
		"a lost state, and an old removal":         {nil, removal, 4, issued, false, "older than 4, the lowest"},
		"applied before the least was written":     {&three, three, 4, issued, false, "older than 4, the lowest"},
		"expired":                                  {nil, three, 1, over, false, "expired on 2026-04-01"},
		"expired, and applied already":             {&three, three, 1, over, false, ""},
		"a removal waits for ever":                 {nil, removal, 3, issued.AddDate(9, 0, 0), true, ""},
		"a clock of the past takes what is signed": {nil, three, 1, issued.AddDate(-20, 0, 0), true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			isNew, err := Decide(test.applied, test.fetched, test.least, test.now)
			if isNew != test.isNew || (err == nil) != (test.refused == "") {
				t.Fatalf("%v %v", isNew, err)
			}
			if err != nil && !strings.Contains(err.Error(), test.refused) {
				t.Fatal(err)
			}
		})
	}
}

// Documents of the version before say when they were issued, and no more: they are taken, and they expire.
func TestOrdersOfTheVersionBeforeAreTakenAndExpire(t *testing.T) {
	body, err := os.ReadFile(filepath.Join("testdata", "desired-signed.json"))
	if err != nil {
		t.Fatal(err)
	}
	document, err := Verify(body, pinned)
	if err != nil {
		t.Fatal(err)
	}
	at := document.Orders.IssuedAt
	if isNew, err := Decide(nil, document, 0, at.AddDate(0, 0, 89)); !isNew || err != nil {
		t.Fatal(isNew, err)
	}
	if _, err := Decide(nil, document, 0, at.AddDate(0, 0, 91)); err == nil {
		t.Fatal("taken after 91 days")
	}
}

func TestAppliedOrdersOutliveTheirSigningKey(t *testing.T) {
	other := ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", ed25519.SeedSize)))
	if _, err := ReadApplied(seal(payload(t, nil), other)); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadApplied([]byte("{")); err == nil {
		t.Fatal("damaged orders were read")
	}
}
