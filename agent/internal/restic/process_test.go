package restic

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func start(t *testing.T, call Call) *Process {
	t.Helper()
	process, err := Start(call)
	if err != nil {
		t.Fatal(err)
	}
	return process
}

func TestTheExitCodeIsThatOfTheProgramAndASignalHasNone(t *testing.T) {
	for text, want := range map[string]int{"exit 0": ExitDone, "exit 12": ExitWrongPassword, "kill -9 $$": -1} {
		outcome, err := start(t, spoken(text)).Wait(t.Context())
		got := -1
		if outcome.ExitCode != nil {
			got = *outcome.ExitCode
		}
		if err != nil || outcome.Ended != ByItself || got != want {
			t.Errorf("%s: %+v %v", text, outcome, err)
		}
	}
}

func TestAFileGetsWhatTheProgramWrites(t *testing.T) {
	call := spoken("pwd; echo complaint >&2")
	for name, stream := range map[string]*Stream{"output": &call.Output, "complaints": &call.Complaints} {
		file, err := os.Create(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		stream.File = file
	}
	if _, err := start(t, call).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for want, file := range map[string]*os.File{"/\n": call.Output.File, "complaint\n": call.Complaints.File} {
		body, err := os.ReadFile(file.Name())
		if err := errors.Join(err, file.Close()); err != nil || string(body) != want {
			t.Errorf("%q %v", body, err)
		}
	}
}

func TestARefusedStreamKillsTheProgramAtOnce(t *testing.T) {
	refusal := errors.New("refused")
	call := spoken(`trap "" TERM; while :; do echo line; done`)
	call.Output.Read = func(stream io.Reader) error {
		if _, err := bufio.NewReader(stream).ReadString('\n'); err != nil {
			return err
		}
		return refusal
	}
	began := time.Now()
	outcome, err := start(t, call).Wait(t.Context())
	if !errors.Is(err, refusal) || outcome.ExitCode != nil || time.Since(began) > EndGrace {
		t.Fatalf("%+v %v after %v", outcome, err, time.Since(began))
	}
}

func TestAProgramIsGivenTimeToEndWhenTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	call := spoken(`trap 'exit 130' TERM; echo ready; while :; do sleep 0.05; done`)
	call.Output.Read = func(stream io.Reader) error {
		_, err := bufio.NewReader(stream).ReadString('\n')
		cancel()
		return err
	}
	outcome, err := start(t, call).Wait(ctx)
	if err != nil || outcome.Ended != ByContext || outcome.ExitCode == nil || *outcome.ExitCode != 130 {
		t.Fatalf("%+v %v", outcome, err)
	}
}

func TestWhatCannotBeStartedIsTheSystemsError(t *testing.T) {
	if _, err := Start(Call{Binary: "/nowhere/restic"}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
