package delivery_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"filippo.io/age"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/delivery"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/testkit/installed"
)

func newKey(t *testing.T, paths config.Paths) *age.X25519Identity {
	t.Helper()
	key, isNew, err := delivery.EnsureKey(paths)
	if err != nil || !isNew {
		t.Fatal(err)
	}
	return key
}

func TestTheKeyIsPrivateAndStaysTheSame(t *testing.T) {
	machine := installed.New(t, nil)
	if key, err := delivery.ReadKey(machine.Paths); err != nil || key != nil {
		t.Fatal(err)
	}
	key := newKey(t, machine.Paths)
	again, isNew, err := delivery.EnsureKey(machine.Paths)
	if err != nil || isNew || again.String() != key.String() {
		t.Fatal(err)
	}
	if facts, err := os.Stat(machine.Paths.DeliveryKey()); err != nil || facts.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", facts, err)
	}
	if err := os.Chmod(machine.Paths.DeliveryKey(), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := delivery.ReadKey(machine.Paths); err == nil || !strings.Contains(err.Error(), "may be read by others") {
		t.Fatal(err)
	}
	if err := os.WriteFile(machine.Paths.DeliveryKey(), []byte("AGE-SECRET-KEY-1BROKEN"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(machine.Paths.DeliveryKey(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := delivery.ReadKey(machine.Paths); err == nil || strings.Contains(err.Error(), "BROKEN") {
		t.Fatal(err)
	}
}

func TestAFingerprintIsTheBeginningOfTheDigest(t *testing.T) {
	// printf %s age1example | sha256sum
	if found := delivery.Fingerprint("age1example"); found != "e374-2525-5c92-f8d2" {
		t.Fatal(found)
	}
}

func TestOnlyWhatSmileoSignedForThisMachineCounts(t *testing.T) {
	machine := installed.New(t, nil)
	own := newKey(t, machine.Paths).Recipient().String()
	parts := machine.Parts(nil)
	deliver := func(changes map[string]any) []byte { return machine.Deliver(1, own, parts, changes) }
	if found, err := delivery.Verify(deliver(nil), machine.Target()); err != nil || found.Number != 1 || found.PublicKey != own {
		t.Fatalf("%+v %v", found, err)
	}
	var forged []byte
	machine.As("x", func() { forged = deliver(nil) })
	for name, test := range map[string]struct {
		body []byte
		want string
	}{
		"another key":       {forged, "no signature"},
		"orders":            {machine.Sign(1, nil), "does not understand"},
		"another purpose":   {deliver(map[string]any{"purpose": "orders"}), "no delivery"},
		"a newer version":   {deliver(map[string]any{"version": 2}), "version 2"},
		"another machine's": {deliver(map[string]any{"machine": "ws2"}), "for t1/ws2"},
		"another tenant's":  {deliver(map[string]any{"tenant_id": "t2"}), "for t2/ws1"},
		"number 0":          {deliver(map[string]any{"number": 0}), "number 0"},
		"an unknown field":  {deliver(map[string]any{"more": 1}), "does not understand"},
		"no age key":        {deliver(map[string]any{"public_key": "ssh-ed25519 A"}), "invalid public key"},
		"no invitation":     {deliver(map[string]any{"invitation": "../../x"}), "invalid invitation"},
		"rubbish":           {[]byte("\x00\xff"), "not a signed document"},
		"nothing":           {nil, "not a signed document"},
	} {
		_, err := delivery.Verify(test.body, machine.Target())
		if exit, _ := fault.Describe(err); exit != fault.ExitRefused || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatLoadWouldRefuseIsNotOpened(t *testing.T) {
	machine := installed.New(t, nil)
	key := newKey(t, machine.Paths)
	own := key.Recipient().String()
	good := machine.Parts(nil)
	with := func(name string, value any) map[string]any {
		parts := map[string]any{}
		for each, body := range good {
			parts[each] = body
		}
		parts[name] = value
		return parts
	}
	other, _ := age.GenerateX25519Identity()
	for name, test := range map[string]struct {
		publicKey string
		parts     map[string]any
		want      string
	}{
		"another's":          {other.Recipient().String(), good, delivery.Fingerprint(own)},
		"no authority":       {own, with("certificates", []byte("none")), "no certificate"},
		"no JSON":            {own, with("credentials", []byte("sekrit")), "not the expected JSON"},
		"no password":        {own, with("credentials", []byte(`{"access_key_id":"A","secret_access_key":"sekrit"}`)), "missing"},
		"another machine's":  {own, machine.Parts(map[string]any{"machine": "ws2"}), "is for t1/ws2"},
		"an open line":       {own, machine.Parts(map[string]any{"endpoint": "http://h"}), "not an https"},
		"other authorities":  {own, machine.Parts(map[string]any{"ca_file": "/tmp/ca.pem"}), "ca_file"},
		"no signing key":     {own, machine.Parts(map[string]any{"signing_public_key": "AAAA"}), "32 bytes"},
		"a negative number":  {own, with("reports_after", -1), "negative"},
		"an odd version":     {own, with("agent", delivery.Program{Version: "1.0; rm", SHA256: program.SHA256, SizeBytes: 1}), "odd version"},
		"an odd digest":      {own, with("agent", delivery.Program{Version: "1.0.0", SHA256: "../x", SizeBytes: 1}), "odd SHA-256"},
		"an odd size":        {own, with("agent", delivery.Program{Version: "1.0.0", SHA256: program.SHA256, SizeBytes: 1 << 40}), "odd size"},
		"a field from later": {own, with("more", 1), "not the expected JSON"},
	} {
		found, err := delivery.Verify(machine.Deliver(1, test.publicKey, test.parts, nil), machine.Target())
		if err != nil {
			t.Fatal(err)
		}
		_, err = found.Unseal(machine.Paths, key)
		if exit, _ := fault.Describe(err); exit != fault.ExitRefused || !strings.Contains(err.Error(), test.want) ||
			strings.Contains(err.Error(), "sekrit") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingOlderIsNewsAndNothingElseOfTheSameNumber(t *testing.T) {
	record := delivery.Record{Number: 5, SHA256: "a"}
	for _, test := range []struct {
		number int64
		sha256 string
		isNews bool
		want   string
	}{{6, "b", true, ""}, {5, "a", false, ""}, {4, "a", false, "older than 5"}, {5, "b", false, "different content"}} {
		isNews, err := delivery.Delivery{Number: test.number, SHA256: test.sha256}.IsNews(record)
		if isNews != test.isNews || (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%d %s: %v %v", test.number, test.sha256, isNews, err)
		}
	}
}

// program is one that a delivery names.
var program = delivery.Program{Version: "1.2.3", SHA256: strings.Repeat("a1", 32), SizeBytes: 1000}

func TestAKilledInstallIsCompletedWhereverItWasCut(t *testing.T) {
	for cut := range 8 {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			machine := installed.New(t, nil)
			key := newKey(t, machine.Paths)
			before := configuration(t, machine.Paths)
			parts := machine.Parts(map[string]any{"endpoint": "https://new.example.fr", "least_generation": 7})
			parts["credentials"] = []byte(`{"access_key_id":"B","secret_access_key":"C","repository_password":"D"}`)
			parts["check_ins_after"] = 9
			parts["agent"] = program
			machine.Configure(nil)
			body := machine.Deliver(3, key.Recipient().String(), parts, nil)
			found, err := delivery.Verify(body, machine.Target())
			if err != nil {
				t.Fatal(err)
			}
			opened, err := found.Unseal(machine.Paths, key)
			if err != nil {
				t.Fatal(err)
			}
			steps := delivery.Steps(found, machine.Paths, body, opened)
			if len(steps) != 7 {
				t.Fatal(len(steps))
			}
			for _, step := range steps[:min(cut, 7)] {
				if err := step(); err != nil {
					t.Fatal(err)
				}
			}
			if err := delivery.Complete(machine.Paths); err != nil {
				t.Fatal(err)
			}
			after := configuration(t, machine.Paths)
			if cut == 0 {
				if after != before {
					t.Fatal(after)
				}
				return
			}
			if after != fmt.Sprintf("%s%s%s", parts["settings"], parts["credentials"], parts["certificates"]) {
				t.Fatal(after)
			}
			record, note := delivery.ReadRecord(machine.Paths)
			if note != "" || record.Number != 3 || record.CheckInsAfter != 9 || record.SHA256 != found.SHA256 {
				t.Fatalf("%+v %s", record, note)
			}
			if _, err := os.Stat(machine.Paths.Delivering()); !errors.Is(err, fs.ErrNotExist) {
				t.Fatal("the delivery is left")
			}
			if named, err := delivery.ReadProgram(machine.Paths); err != nil || named == nil || *named != program {
				t.Fatalf("%v %v", named, err)
			}
			if machine, _, err := config.Load(machine.Paths); err != nil || machine.LeastGeneration != 7 {
				t.Fatal(err)
			}
			for path, mode := range map[string]fs.FileMode{
				machine.Paths.Machine(): 0o600, machine.Paths.Credentials(): 0o600, machine.Paths.Authorities(): 0o644,
				machine.Paths.Delivered(): 0o600, machine.Paths.DeliveredProgram(): 0o600,
			} {
				if facts, err := os.Stat(path); err != nil || facts.Mode() != mode {
					t.Errorf("%s: %v %v", path, facts.Mode(), err)
				}
			}
		})
	}
}

func TestWhatCannotBeCompletedIsDroppedAndNamed(t *testing.T) {
	machine := installed.New(t, nil)
	key := newKey(t, machine.Paths)
	body := machine.Deliver(1, key.Recipient().String(), machine.Parts(nil), nil)
	if err := os.WriteFile(machine.Paths.Delivering(), body, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(machine.Paths.DeliveryKey()); err != nil {
		t.Fatal(err)
	}
	if err := delivery.Complete(machine.Paths); err == nil || !strings.Contains(err.Error(), "delivery.key is missing") {
		t.Fatal(err)
	}
	if err := delivery.Complete(machine.Paths); err != nil {
		t.Fatal(err)
	}
}

func configuration(t *testing.T, paths config.Paths) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{paths.Machine(), paths.Credentials(), paths.Authorities()} {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(body)
	}
	return all.String()
}

// FuzzVerify reads anything as control/delivery.json. Nothing passes that the pinned key did not sign.
func FuzzVerify(f *testing.F) {
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", ed25519.SeedSize)))
	target := delivery.Target{TenantID: "t1", Machine: "ws1", Key: key.Public().(ed25519.PublicKey)}
	seal := func(payload []byte) []byte {
		body, _ := json.Marshal(map[string]any{"payload": payload, "signatures": [][]byte{ed25519.Sign(key, payload)}})
		return body
	}
	own, _ := age.GenerateX25519Identity()
	good := fmt.Sprintf(`{"purpose":"delivery","version":1,"tenant_id":"t1","machine":"ws1","number":1,"invitation":"",`+
		`"public_key":%q,"sealed":"AAAA"}`, own.Recipient())
	f.Add([]byte(good), true)
	f.Add(seal([]byte(good)), false)
	f.Add([]byte(`{"payload":"e30=","signatures":["AAAA"]}`), false)
	paths := config.Paths{Root: f.TempDir()}
	f.Fuzz(func(t *testing.T, body []byte, isSigned bool) {
		if isSigned {
			body = seal(body)
		}
		found, err := delivery.Verify(body, target)
		if err != nil {
			return
		}
		if found.Number < 1 || !isByKey(body, target.Key) {
			t.Fatalf("accepted: %s", body)
		}
		if _, err := found.Unseal(paths, own); err == nil {
			t.Fatal("opened what nobody sealed")
		}
	})
}

func isByKey(body []byte, key ed25519.PublicKey) bool {
	var sealed struct{ Payload, Signatures any }
	if json.Unmarshal(body, &sealed) != nil {
		return false
	}
	payload, _ := base64.StdEncoding.DecodeString(fmt.Sprint(sealed.Payload))
	signatures, _ := sealed.Signatures.([]any)
	for _, each := range signatures {
		signature, _ := base64.StdEncoding.DecodeString(fmt.Sprint(each))
		if len(signature) == ed25519.SignatureSize && ed25519.Verify(key, payload, signature) {
			return true
		}
	}
	return false
}

// The files are Coffre's own, of version 1: agents of all versions to come read them.
func TestADeliveryThatCoffreMadeIsUnderstood(t *testing.T) {
	machine := installed.New(t, nil)
	body, err := os.ReadFile("testdata/delivery-1.json")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile("testdata/delivery-1.key")
	if err != nil {
		t.Fatal(err)
	}
	key, err := age.ParseX25519Identity(strings.TrimSpace(string(secret)))
	if err != nil {
		t.Fatal(err)
	}
	found, err := delivery.Verify(body, machine.Target())
	if err != nil || found.Number != 2 || found.Invitation != installed.InvitationID {
		t.Fatalf("%+v %v", found, err)
	}
	parts, err := found.Unseal(config.Paths{Root: "/"}, key)
	if err != nil || parts.ReportsAfter != 7 || parts.CheckInsAfter != 9 || !strings.Contains(string(parts.Credentials), "AK") {
		t.Fatal(err)
	}
}
