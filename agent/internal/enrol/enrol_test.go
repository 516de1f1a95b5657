//go:build unix

package enrol

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/delivery"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/lock"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/testkit/installed"
	"coffre.invalid/agent/internal/units"
)

// scheduler keeps the one job it was given.
type scheduler struct{ job *units.Job }

func (s *scheduler) Ensure(job units.Job, check bool) ([]string, error) {
	s.job = &job
	return nil, nil
}
func (s *scheduler) Remove(bool) ([]string, error) { return nil, nil }
func (s *scheduler) Outside(...string) error       { return nil }

// bench is a bare machine, and SMILÉO at the other end of its storage.
type bench struct {
	*installed.Machine
	t         *testing.T
	settings  Settings
	scheduler *scheduler
	output    *bytes.Buffer
	parts     map[string]any
	// isWriteOnce says that the host honours If-None-Match.
	isWriteOnce bool
}

func newBench(t *testing.T) *bench {
	t.Helper()
	machine := installed.New(t, nil)
	program := installed.Says("0.18.1", "published")
	machine.Order(1, map[string]any{"restic": map[string]any{"version": "0.18.1", "sha256": machine.Publish(program, "")}})
	bench := &bench{
		Machine: machine, t: t, scheduler: &scheduler{}, output: &bytes.Buffer{}, parts: machine.Parts(nil), isWriteOnce: true,
	}
	for _, folder := range []string{"etc", "usr", "var"} {
		if err := os.RemoveAll(filepath.Join(machine.Paths.Root, folder)); err != nil {
			t.Fatal(err)
		}
	}
	executable := filepath.Join(t.TempDir(), "coffre-agent-download")
	if err := os.WriteFile(executable, []byte("the agent"), 0o700); err != nil {
		t.Fatal(err)
	}
	bench.settings = Settings{
		Paths: machine.Paths, Scheduler: bench.scheduler, Version: "1.2.3", Executable: executable, Wait: 5 * time.Second,
		Pause: time.Millisecond, Output: bench.output,
	}
	machine.Server.FailWith(bench.claimOnce)
	return bench
}

func (b *bench) claimOnce(method, key string) string {
	if method == "PUT" && key == installed.ClaimKey && b.isWriteOnce && b.Server.Get(key) != nil {
		return "PreconditionFailed"
	}
	return ""
}

func (b *bench) run(ctx context.Context, changes map[string]any) error {
	settings := b.settings
	settings.Input = bytes.NewReader(b.Invite(changes))
	return Run(ctx, settings)
}

// claimed returns the claim as SMILÉO reads it.
func (b *bench) claimed() claimed {
	b.t.Helper()
	body := b.Server.Get(installed.ClaimKey)
	if len(body) != 4096 {
		b.t.Fatalf("the claim has %d bytes", len(body))
	}
	var sealed claim
	if err := json.Unmarshal(body, &sealed); err != nil {
		b.t.Fatal(err)
	}
	mac := hmac.New(sha256.New, installed.Secret)
	mac.Write(append([]byte("coffre claim 1\n"), sealed.Claim...))
	if sealed.Version != 1 || hex.EncodeToString(mac.Sum(nil)) != sealed.MAC {
		b.t.Fatalf("%+v", sealed)
	}
	var found claimed
	if err := json.Unmarshal(sealed.Claim, &found); err != nil {
		b.t.Fatal(err)
	}
	return found
}

// answer has SMILÉO answer the claim once the machine looks for the answer; leave says what it leaves there.
func (b *bench) answer(leave func(publicKey string) []byte) {
	b.Server.FailWith(func(method, key string) string {
		if method == "GET" && key == delivery.Key && b.Server.Get(installed.ClaimKey) != nil {
			b.Server.Put(delivery.Key, leave(b.claimed().PublicKey))
		}
		return b.claimOnce(method, key)
	})
}

func (b *bench) rightAnswer(publicKey string) []byte {
	return b.Deliver(1, publicKey, b.parts, map[string]any{"invitation": installed.InvitationID})
}

func (b *bench) mustEnrol(changes map[string]any) {
	b.t.Helper()
	if err := b.run(b.t.Context(), changes); err != nil {
		b.t.Fatalf("%v\n%s", err, b.output)
	}
	if b.scheduler.job == nil || b.Server.Get("reports/.applied") == nil {
		b.t.Fatal("no schedule, or no check-in")
	}
}

func refused(t *testing.T, err error, exit int, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("not refused")
	}
	found, hint := fault.Describe(err)
	if found != exit || !strings.Contains(err.Error()+hint, want) {
		t.Fatalf("%d %v; %s", found, err, hint)
	}
}

func TestABareMachineIsEnrolledAsADeploymentWouldLeaveIt(t *testing.T) {
	bench := newBench(t)
	bench.answer(bench.rightAnswer)
	bench.mustEnrol(nil)
	found := bench.claimed()
	if found.Invitation != installed.InvitationID || found.TenantID != "t1" || found.Machine != "ws1" ||
		found.AgentVersion != "1.2.3" || found.OS == "" || found.Arch == "" || found.Identity.HostName == "" {
		t.Fatalf("%+v", found)
	}
	paths := bench.Paths
	for path, mode := range map[string]fs.FileMode{
		paths.Configuration(): fs.ModeDir | 0o700, paths.ProgramDirectory(): fs.ModeDir | 0o755, paths.State(): fs.ModeDir | 0o700,
		paths.Agent(): 0o755, paths.Machine(): 0o600, paths.Credentials(): 0o600, paths.Authorities(): 0o644,
		paths.DeliveryKey(): 0o600, paths.Delivered(): 0o600,
	} {
		if facts, err := os.Lstat(path); err != nil || facts.Mode() != mode {
			t.Errorf("%s: %v %v", path, facts, err)
		}
	}
	if target, err := os.Readlink(paths.RestoreCommand()); err != nil || target != config.Agent {
		t.Errorf("%s %v", target, err)
	}
	if body, _ := os.ReadFile(paths.Agent()); string(body) != "the agent" {
		t.Errorf("%q", body)
	}
	said := bench.output.String()
	if !strings.Contains(said, delivery.Fingerprint(found.PublicKey)) || !strings.Contains(said, "est en service") {
		t.Error(said)
	}
	bench.mustEnrol(nil) // Once more, by a script that runs at each start.
	if strings.Count(bench.output.String(), "Demande envoyée") != 1 {
		t.Error(bench.output)
	}
}

func TestWhereverItIsEndedTheSameScriptGoesOn(t *testing.T) {
	for name, at := range map[string]string{
		"before the claim": "PUT " + installed.ClaimKey, "before the answer": "GET " + delivery.Key,
		"before the orders": "GET " + orders.Key, "before the check-in": "PUT reports/.applied",
	} {
		t.Run(name, func(t *testing.T) {
			bench := newBench(t)
			ctx, kill := context.WithCancel(t.Context())
			bench.Server.FailWith(func(method, key string) string {
				if method+" "+key == at {
					kill()
				}
				if key == delivery.Key && bench.Server.Get(installed.ClaimKey) != nil && at != "GET "+delivery.Key {
					bench.Server.Put(delivery.Key, bench.rightAnswer(bench.claimed().PublicKey))
				}
				return bench.claimOnce(method, key)
			})
			refused(t, bench.run(ctx, nil), fault.ExitBusy, "Relancez le même script")
			key, err := delivery.ReadKey(bench.Paths)
			if err != nil || key == nil {
				t.Fatal(err)
			}
			bench.answer(bench.rightAnswer)
			bench.mustEnrol(nil)
			if bench.claimed().PublicKey != key.Recipient().String() {
				t.Fatal("another key was claimed")
			}
		})
	}
}

func TestAnAnswerAfterTheRunIsTakenByTheNextEvenWhenTheInvitationHasExpired(t *testing.T) {
	bench := newBench(t)
	bench.settings.Wait = 0
	refused(t, bench.run(t.Context(), nil), fault.ExitBusy, "n'a pas encore répondu")
	bench.answer(bench.rightAnswer)
	bench.mustEnrol(map[string]any{"expires_at": time.Now().Add(-time.Minute)})
}

func TestALaterDeliveryForThisMachineAnswersToo(t *testing.T) {
	bench := newBench(t)
	bench.answer(func(publicKey string) []byte { return bench.Deliver(8, publicKey, bench.parts, nil) })
	bench.mustEnrol(map[string]any{"after": 7})
}

func TestTheSameMachineIsEnrolledAgainByANewInvitation(t *testing.T) {
	bench := newBench(t)
	bench.answer(bench.rightAnswer)
	bench.mustEnrol(nil)
	other := strings.Repeat("f", 32)
	bench.Server.Delete(installed.ClaimKey)
	bench.answer(func(publicKey string) []byte {
		return bench.Deliver(2, publicKey, bench.parts, map[string]any{"invitation": other})
	})
	bench.mustEnrol(map[string]any{"invitation": other, "after": 1})
	if record, _ := delivery.ReadRecord(bench.Paths); record.Number != 2 {
		t.Fatalf("%+v", record)
	}
}

func TestWhatIsNotTheAnswerEndsNothingAndIsNotTaken(t *testing.T) {
	for name, test := range map[string]struct {
		leave func(bench *bench, publicKey string) []byte
		want  string
	}{
		"an old one": {func(bench *bench, publicKey string) []byte {
			return bench.Deliver(1, publicKey, bench.parts, nil)
		}, "n'a pas encore répondu"},
		"another machine's": {func(bench *bench, publicKey string) []byte {
			return bench.Deliver(9, publicKey, bench.parts, map[string]any{"machine": "ws2"})
		}, "pas signée par SMILÉO pour cet ordinateur"},
		"signed by another": {func(bench *bench, publicKey string) (body []byte) {
			bench.As("x", func() { body = bench.Deliver(9, publicKey, bench.parts, nil) })
			return body
		}, "pas signée par SMILÉO"},
		"of an older key": {func(bench *bench, _ string) []byte {
			return bench.Deliver(9, newStranger(), bench.parts, nil)
		}, "n'a pas encore répondu"},
		"endless": {func(*bench, string) []byte { return make([]byte, 8<<20) }, "inutilisable"},
		"rubbish": {func(*bench, string) []byte { return []byte("<html>") }, "pas signée"},
	} {
		t.Run(name, func(t *testing.T) {
			bench := newBench(t)
			bench.settings.Wait = 300 * time.Millisecond
			bench.answer(func(publicKey string) []byte { return test.leave(bench, publicKey) })
			refused(t, bench.run(t.Context(), map[string]any{"after": 1}), fault.ExitBusy, test.want)
			for _, path := range []string{bench.Paths.Machine(), bench.Paths.Agent(), bench.Paths.State()} {
				if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s is there: %v", path, err)
				}
			}
			bench.answer(func(publicKey string) []byte { return bench.Deliver(10, publicKey, bench.parts, nil) })
			bench.mustEnrol(map[string]any{"after": 1})
		})
	}
}

func newStranger() string {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		panic(err)
	}
	return key.Recipient().String()
}

func TestAnInvitationThatAnotherMachineUsedIsNamed(t *testing.T) {
	for _, isWriteOnce := range []bool{true, false} {
		bench, stranger := newBench(t), newStranger()
		bench.isWriteOnce = isWriteOnce
		bench.Server.Put(installed.ClaimKey, []byte("another machine's"))
		bench.Server.Put(delivery.Key, bench.rightAnswer(stranger))
		refused(t, bench.run(t.Context(), nil), fault.ExitRefused, "a servi à un autre ordinateur (empreinte "+
			delivery.Fingerprint(stranger))
		if claim := bench.Server.Get(installed.ClaimKey); (string(claim) == "another machine's") != isWriteOnce {
			t.Errorf("%v: %s", isWriteOnce, claim)
		}
	}
}

func TestWhatCannotGoOnIsRefusedInOneSentence(t *testing.T) {
	for name, test := range map[string]struct {
		changes map[string]any
		prepare func(bench *bench)
		exit    int
		want    string
	}{
		"expired": {map[string]any{"expires_at": time.Now().Add(-time.Minute)}, nil, fault.ExitRefused, "a expiré le"},
		"expired by the server's clock": {nil, func(bench *bench) {
			bench.Server.FailWith(func(string, string) string { return "AccessDenied" })
		}, fault.ExitRefused, "a expiré ou a été retirée"},
		"another machine's agent": {nil, func(bench *bench) {
			bench.Configure(map[string]any{"machine": "ws2"})
		}, fault.ExitRefused, "a déjà l'agent de « ws2 » (client t1)"},
		"another tenant's agent": {nil, func(bench *bench) {
			bench.Configure(map[string]any{"tenant_id": "t2"})
		}, fault.ExitRefused, "a déjà l'agent de « ws1 » (client t2)"},
		"a run beside it": {nil, func(bench *bench) {
			if err := os.MkdirAll(bench.Paths.Configuration(), 0o700); err != nil {
				bench.t.Fatal(err)
			}
			release, err := lock.Acquire(bench.Paths.Configuration())
			if err != nil {
				bench.t.Fatal(err)
			}
			bench.t.Cleanup(func() { _ = release() })
		}, fault.ExitBusy, "déjà en cours"},
		"a foreign authority": {map[string]any{"certificates": foreignAuthority(t)}, nil, fault.ExitBusy, "rien n'a été échangé"},
		"no storage": {map[string]any{"claim_url": "https://127.0.0.1:1/x?X-Amz-Signature=" + installed.Signature}, func(bench *bench) {
			bench.settings.Wait = 100 * time.Millisecond
		}, fault.ExitBusy, "injoignable"},
		"no program":     {nil, func(bench *bench) { bench.settings.Executable += "-gone" }, fault.ExitFailed, "n'a pas pu être installé"},
		"another's tale": {map[string]any{"version": 2}, nil, fault.ExitRefused, "autre version"},
		"no secret":      {map[string]any{"secret": "AAAA"}, nil, fault.ExitRefused, "une clé est incorrecte"},
		"no base64":      {map[string]any{"secret": "?"}, nil, fault.ExitRefused, "document attendu"},
		"an open line":   {map[string]any{"claim_url": "http://h/x"}, nil, fault.ExitRefused, "une adresse"},
		"another place":  {map[string]any{"answer_url": "file:///etc/passwd"}, nil, fault.ExitRefused, "une adresse"},
		"an odd name":    {map[string]any{"machine": "../x"}, nil, fault.ExitRefused, "le nom de l'ordinateur"},
		"an odd number":  {map[string]any{"invitation": "xyz"}, nil, fault.ExitRefused, "identifiant"},
		"no authority":   {map[string]any{"certificates": ""}, nil, fault.ExitRefused, "certificat"},
	} {
		t.Run(name, func(t *testing.T) {
			bench := newBench(t)
			if test.prepare != nil {
				test.prepare(bench)
			}
			err := bench.run(t.Context(), test.changes)
			refused(t, err, test.exit, test.want)
			if keys := bench.Server.Keys("control/enrolment/"); len(keys) > 0 {
				t.Errorf("claimed: %v", keys)
			}
		})
	}
}

func foreignAuthority(t *testing.T) string {
	t.Helper()
	body, err := os.ReadFile("testdata/foreign.pem")
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestAnInvitationThatIsCutOrLongIsDamaged(t *testing.T) {
	whole := newBench(t).Invite(nil)
	// Windows PowerShell may put a byte order mark before it, and a line end behind.
	marked := append([]byte("\xef\xbb\xbf"), append(whole, "\r\n"...)...)
	if _, err := ReadInvitation(bytes.NewReader(marked)); err != nil {
		t.Fatal(err)
	}
	for _, body := range [][]byte{nil, []byte(" \n"), whole[:len(whole)/2], bytes.Repeat([]byte("x"), invitationLimitBytes+1)} {
		_, err := ReadInvitation(bytes.NewReader(body))
		refused(t, err, fault.ExitRefused, "abîmée ou incomplète")
	}
}

func TestNothingThatIsSaidOrLeftHoldsASecret(t *testing.T) {
	bench := newBench(t)
	var said strings.Builder
	note := func(err error) {
		_, hint := fault.Describe(err)
		fmt.Fprintf(&said, "%v %+v %#v %s\n", err, err, err, hint)
	}
	bench.settings.Wait = 50 * time.Millisecond
	for _, code := range []string{"SlowDown", "AccessDenied", "Strange", ""} {
		bench.Server.FailWith(func(string, string) string { return code })
		note(bench.run(t.Context(), nil))
	}
	for _, url := range []string{"https://127.0.0.1:1/", "https://no.such.host.invalid/", "https://h:99999/", "https://%zz/", "ftp://h/"} {
		note(bench.run(t.Context(), map[string]any{"claim_url": url + "?X-Amz-Signature=" + installed.Signature}))
	}
	bench.settings.Wait = 5 * time.Second
	bench.answer(bench.rightAnswer)
	bench.mustEnrol(nil)
	invitation, err := ReadInvitation(bytes.NewReader(bench.Invite(nil)))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&said, "%v %+v %#v %s", invitation, invitation, invitation, bench.output)
	key, err := delivery.ReadKey(bench.Paths)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{installed.Signature, string(installed.Secret), "U1NTU1NT", key.String(), installed.Password}
	for _, secret := range secrets {
		if strings.Contains(said.String(), secret) {
			t.Errorf("%s is in %s", secret, said.String())
		}
	}
	err = filepath.WalkDir(bench.Paths.Root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		body, err := os.ReadFile(path)
		for _, secret := range secrets[:3] {
			if bytes.Contains(body, []byte(secret)) {
				t.Errorf("%s is in %s", secret, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
