package restore

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coffre.invalid/agent/internal/cage"
	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/testkit/installed"
	"coffre.invalid/agent/internal/testkit/realrestic"
)

// backedUp is a machine with one backup, made by the real restic, of a folder with a file of an odd name in it.
func backedUp(t *testing.T) *installed.Machine {
	t.Helper()
	path := realrestic.Find(t)
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	machine := installed.New(t, program)
	write(t, filepath.Join(machine.Data, "été [1]*?.txt"), "bonjour")
	write(t, filepath.Join(machine.Data, "caf\xe9\x1b[31m"), "latin")
	machine.Applied(1, nil)
	for _, arguments := range [][]string{{"init"}, {"backup", machine.Data}} {
		if output, err := resticOf(machine, arguments...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v", output, err)
		}
	}
	return machine
}

// resticOf is a call of restic with everything that an attacker with root on the machine has.
func resticOf(machine *installed.Machine, arguments ...string) *exec.Cmd {
	command := exec.Command(machine.Paths.Restic(), append(arguments, "--quiet", "--no-cache", "--cacert", machine.Server.CAFile)...)
	command.Env = []string{
		"RESTIC_REPOSITORY=" + machine.Repository(), "RESTIC_PASSWORD=" + installed.Password, "AWS_ACCESS_KEY_ID=AK",
		"AWS_SECRET_ACCESS_KEY=SK",
	}
	return command
}

func TestMain(m *testing.M) {
	cage.Main(os.Args)
	os.Exit(m.Run())
}

func write(t *testing.T, path, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
}

// call obeys a command line as root in Paris, and returns what was printed.
func call(t *testing.T, machine *installed.Machine, arguments ...string) (exit int, said, complained string) {
	t.Helper()
	return callWith(t.Context(), machine, arguments...)
}

func callWith(ctx context.Context, machine *installed.Machine, arguments ...string) (exit int, said, complained string) {
	var output, log bytes.Buffer
	exit = Main(ctx, arguments, Settings{
		Paths: machine.Paths, Environment: os.Environ(), Output: &output, Log: &log,
		Zone: time.FixedZone("Paris", 3600),
	})
	return exit, output.String(), log.String()
}

func TestOwnBackupsAreListedShownAndRestored(t *testing.T) {
	machine := backedUp(t)
	exit, said, _ := call(t, machine, "liste")
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if exit != 0 || len(lines) != 2 || !strings.Contains(lines[1], " h ") || !strings.Contains(lines[1], machine.Data) {
		t.Fatalf("%d\n%s", exit, said)
	}
	id := lines[1][:8]
	_, said, _ = call(t, machine, "contenu", id, machine.Data)
	if !strings.Contains(said, machine.Data+"/été [1]*?.txt") || strings.Contains(said, "\x1b") {
		t.Fatal(said)
	}
	target := filepath.Join(t.TempDir(), "retour")
	wanted := machine.Data + "/été [1]*?.txt"
	exit, said, _ = call(t, machine, "restaurer", id[:4], "--chemin", wanted, "--vers", target)
	body, err := os.ReadFile(filepath.Join(target, wanted))
	if exit != 0 || err != nil || string(body) != "bonjour" || !strings.Contains(said, "restaurée dans "+target) {
		t.Fatalf("%d %s %v", exit, said, err)
	}
	whole := t.TempDir()
	exit, _, said = call(t, machine, "restaurer", "--vers", whole, "dernière")
	if _, err := os.Stat(filepath.Join(whole, machine.Data, "caf\xe9\x1b[31m")); exit != 0 || err != nil {
		t.Fatalf("%s %v", said, err)
	}
}

func TestNothingIsWrittenOver(t *testing.T) {
	machine := backedUp(t)
	target := t.TempDir()
	write(t, filepath.Join(target, "mine"), "mine")
	for _, place := range []string{target, filepath.Join(target, "mine")} {
		exit, _, said := call(t, machine, "restaurer", "derniere", "--vers", place)
		if exit != fault.ExitRefused || !strings.Contains(said, "dossier nouveau ou vide") {
			t.Errorf("%s: %d %s", place, exit, said)
		}
	}
	if left, err := os.ReadDir(target); err != nil || len(left) != 1 {
		t.Fatalf("%v %v", left, err)
	}
}

func TestWhatIsNotThereIsSaidAndNothingIsMade(t *testing.T) {
	machine := backedUp(t)
	target := filepath.Join(t.TempDir(), "retour")
	for expected, arguments := range map[string][]string{
		"aucune sauvegarde ne commence par « ffffffffff »": {"restaurer", "ffffffffff", "--vers", target},
		"ne contient pas « /nulle/part »":                  {"restaurer", "derniere", "--vers", target, "--chemin", "/nulle/part"},
		"ne contient pas « /nulle »":                       {"contenu", "derniere", "/nulle"},
		"doit commencer par /":                             {"contenu", "derniere", "home"},
		"il manque --vers DOSSIER":                         {"restaurer", "derniere"},
		"commande inconnue : « effacer »":                  {"effacer"},
		"option inconnue ou incomplète : -force":           {"liste", "--force"},
		"option inconnue ou incomplète : -root":            {"liste", "--root", "/tmp"},
		"« liste » ne prend pas d'argument":                {"liste", "tout"},
	} {
		exit, _, said := call(t, machine, arguments...)
		if exit != fault.ExitUsage || !strings.Contains(said, expected) {
			t.Errorf("%v: %d %s", arguments, exit, said)
		}
	}
	if _, err := os.Stat(target); !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

func TestWhatThePlatformAnswersIsSaidInFrenchAtOnce(t *testing.T) {
	machine := installed.New(t, nil)
	for code, expected := range map[string]string{
		"AccessDenied":         "la sauvegarde est suspendue ou bloquée, contactez SMILÉO",
		"UserSuspended":        "la sauvegarde est suspendue ou bloquée, contactez SMILÉO",
		"NoSuchKey":            "aucune sauvegarde",
		"RequestTimeTooSkewed": "l'horloge de cette machine",
	} {
		machine.Server.FailWith(func(string, string) string { return code })
		if exit, _, said := call(t, machine, "liste"); exit == 0 || !strings.Contains(said, expected) {
			t.Errorf("%s: %s", code, said)
		}
	}
	machine.Server.Close()
	began := time.Now()
	exit, _, said := call(t, machine, "liste")
	if exit != fault.ExitFailed || !strings.Contains(said, "injoignable") || time.Since(began) > 2*patience {
		t.Fatalf("%s after %v", said, time.Since(began))
	}
}

func TestWhatResticSaysIsExplained(t *testing.T) {
	for complaint, expected := range map[string]string{
		`{"message":"write /x: no space left on device"}`:                  "il n'y a plus de place sur le disque",
		`client.GetObject: Access Denied`:                                  "suspendue ou bloquée",
		`{"message_type":"exit_error","message":"Fatal: pack is damaged"}`: "restic a échoué : pack is damaged",
	} {
		if err := explainRestic(1, complaint); !strings.Contains(err.Error(), expected) {
			t.Errorf("%s: %v", complaint, err)
		}
	}
	tooLong := `{"message_type":"error","error":{"message":"lstat /target/d/f: file name too long"},"during":"restore","item":"/d/f"}` +
		"\n" + `{"message_type":"exit_error","code":1,"message":"Fatal: There were 2 errors\n"}`
	if err := explainRestic(1, tooLong); !strings.Contains(err.Error(), "ne peut pas contenir (2 erreurs)") {
		t.Error(err)
	}
	damaged := strings.ReplaceAll(tooLong, "lstat /target/d/f: file name too long", "decrypting blob <data/aa> from 0564b5ba failed: x")
	if err := explainRestic(1, damaged); !strings.Contains(err.Error(), "est endommagée") {
		t.Error(err)
	}
	if err := explainRestic(restic.ExitWrongPassword, ""); !strings.Contains(err.Error(), "mot de passe") {
		t.Error(err)
	}
}

func TestNoSecretIsAnArgument(t *testing.T) {
	machine := installed.New(t, []byte("#!/bin/sh\necho \"$*\" >&2\nenv >\"$(dirname \"$0\")/seen\"\nexit 1\n"))
	machine.Applied(1, nil)
	machine.Server.Put("restic/config", []byte("x"))
	_, _, said := call(t, machine, "liste")
	if strings.Contains(said, installed.Password) || strings.Contains(said, "secret-access-key") {
		t.Fatal(said)
	}
	seen, err := os.ReadFile(filepath.Join(filepath.Dir(machine.Paths.Restic()), "seen"))
	if err != nil || !strings.Contains(string(seen), "RESTIC_PASSWORD="+installed.Password) {
		t.Fatalf("%s %v", seen, err)
	}
}

func TestAnInterruptedRestoreEndsItsRestic(t *testing.T) {
	machine := installed.New(t, []byte("#!/bin/sh\ntrap 'exit 130' TERM\nwhile :; do sleep 0.1; done\n"))
	machine.Applied(1, nil)
	machine.Server.Put("restic/config", []byte("x"))
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	exit, _, said := callWith(ctx, machine, "liste")
	if exit != fault.ExitFailed || !strings.Contains(said, "interrompu") || time.Since(began) > restic.EndGrace {
		t.Fatalf("%d %s after %v", exit, said, time.Since(began))
	}
}

func TestAProgramThatTheCageRefusesIsToldInFrench(t *testing.T) {
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	replaced := &repository{binary: "/bin/true", sha256: strings.Repeat("0", 64), caFile: "/etc/passwd"}
	_, err = replaced.restore(t.Context(), Snapshot{}, folder, "", io.Discard)
	if exit, hint := fault.Describe(err); exit != fault.ExitFailed || hint != askSmileo ||
		!strings.HasPrefix(err.Error(), "restic ne démarre pas sur cette machine (") {
		t.Fatalf("%v %s", err, hint)
	}
}

func TestOnlyRootIsObeyed(t *testing.T) {
	var log bytes.Buffer
	exit := Main(t.Context(), []string{"liste"}, Settings{UserID: 1000, Output: io.Discard, Log: &log})
	if exit != fault.ExitRefused || !strings.Contains(log.String(), "sudo sauvegarde-restaurer liste") {
		t.Fatalf("%d %s", exit, log.String())
	}
	var output bytes.Buffer
	if exit := Main(t.Context(), nil, Settings{UserID: 1000, Output: &output}); exit != 0 || output.String() != usage {
		t.Fatalf("%d %s", exit, output.String())
	}
}

func TestAMachineWithoutAnAgentIsTold(t *testing.T) {
	var log bytes.Buffer
	exit := Main(t.Context(), []string{"liste"}, Settings{
		Paths: config.Paths{Root: t.TempDir()}, Output: io.Discard, Log: &log,
	})
	if exit != fault.ExitFailed || !strings.Contains(log.String(), "n'est pas bien installé") {
		t.Fatalf("%d %s", exit, log.String())
	}
}

func TestTheCommandIsKnownByItsNameOrItsFirstWord(t *testing.T) {
	for _, line := range [][]string{{"/usr/local/bin/" + Name, "liste"}, {"/usr/local/lib/coffre/coffre-agent", Name, "liste"}} {
		if arguments, called := Called(line); !called || len(arguments) != 1 {
			t.Errorf("%v: %v %v", line, arguments, called)
		}
	}
	if _, called := Called([]string{"coffre-agent", "run"}); called {
		t.Error("the agent's own command is taken for this one")
	}
}

func TestDatesAndSizesAreFrench(t *testing.T) {
	for expected, moment := range map[string]time.Time{
		"1er mars 2026 à 9 h 05": time.Date(2026, 3, 1, 9, 5, 0, 0, time.UTC),
		"24 août 2026 à 14 h 30": time.Date(2026, 8, 24, 14, 30, 59, 0, time.UTC),
	} {
		if got := formatDate(moment); got != expected {
			t.Error(got)
		}
	}
	for bytes, expected := range map[uint64]string{0: "0 o", 999: "999 o", 1500: "1,5 ko", 999_960: "1,0 Mo", 2_000_000_000: "2,0 Go"} {
		if got := formatSize(bytes); got != expected {
			t.Errorf("%d: %s", bytes, got)
		}
	}
}
