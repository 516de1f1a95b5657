package restic

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"time"

	"coffre.invalid/agent/internal/cage"
)

// EndGrace is how long restic may take to remove its lock and to end when it is told to.
const EndGrace = 15 * time.Second

// Call is one start of the restic program. Everything secret goes through the environment, never the command line.
type Call struct {
	Binary      string
	Arguments   []string
	Environment []string
	// Cage holds restic, with the program and the arguments of this plan; nil starts Binary outside of any cage.
	Cage *cage.Plan
	// Output and Complaints are restic's standard output and standard error.
	Output, Complaints Stream
}

// Stream says where one of restic's two outputs goes: restic itself writes to File, or Read reads it until it ends. An
// error of Read kills restic.
type Stream struct {
	File *os.File
	Read func(io.Reader) error
}

// Ended says who ended a restic process.
type Ended int

// Ways to end.
const (
	// ByItself: the exit code says how.
	ByItself Ended = iota
	// ByContext: deadline or interruption; the context's cause says which.
	ByContext
	// ByQuota: the watch saw QuotaExceeded.
	ByQuota
	// ByDenial: the watch was refused access.
	ByDenial
)

// Outcome is a finished process. ExitCode is nil when a signal ended it.
type Outcome struct {
	Ended    Ended
	ExitCode *int
}

// Process is a restic that was started. It must be waited for.
type Process struct {
	command *exec.Cmd
	gone    chan struct{}
	failure error
}

// Start starts restic, which the kernel ends with the agent where it can. The error is the system's own, or the cage's
// when there is one: nothing runs then.
func Start(call Call) (*Process, error) {
	process := &Process{command: call.prepare(), gone: make(chan struct{})}
	started := make(chan error, 1)
	go process.live(call, started)
	if err := <-started; err != nil {
		return nil, err
	}
	return process, nil
}

// Wait returns when restic is gone, and ends it when the context is done. An error means that restic could not be
// followed, or is the one of a Stream.
func (p *Process) Wait(ctx context.Context) (Outcome, error) {
	select {
	case <-p.gone:
		return p.outcome(ByItself)
	case <-ctx.Done():
		p.end(EndGrace)
		return p.outcome(ByContext)
	}
}

func (c Call) prepare() *exec.Cmd {
	command := &exec.Cmd{Env: append(slices.Clip(c.Environment), "TMPDIR="+cage.Temporary)}
	if c.Cage == nil {
		command = exec.Command(c.Binary, c.Arguments...)
		command.Env = c.Environment
		command.Dir = string(os.PathSeparator)
	}
	tieToParent(command)
	return command
}

func (c Call) start(command *exec.Cmd) error {
	if c.Cage != nil {
		return cage.Start(command, *c.Cage)
	}
	return command.Start()
}

// live starts restic and waits for it on one thread: the kernel's "end with your parent" means that thread.
func (p *Process) live(call Call, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.gone)
	output, outErr := call.Output.connect(&p.command.Stdout, p.command.StdoutPipe)
	complaints, errErr := call.Complaints.connect(&p.command.Stderr, p.command.StderrPipe)
	err := errors.Join(outErr, errErr)
	if err == nil {
		err = call.start(p.command)
	}
	started <- err
	if err != nil {
		return
	}
	var readers sync.WaitGroup
	var failures [2]error
	readers.Go(func() { failures[0] = p.read(call.Output, output) })
	readers.Go(func() { failures[1] = p.read(call.Complaints, complaints) })
	readers.Wait()
	err = p.command.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	p.failure = errors.Join(failures[0], failures[1], err)
}

// connect returns the pipe that is to be read, nil when restic writes to a file.
func (s Stream) connect(end *io.Writer, pipe func() (io.ReadCloser, error)) (io.Reader, error) {
	if s.Read != nil {
		return pipe()
	}
	if s.File != nil {
		*end = s.File
	}
	return nil, nil
}

// read has a stream read to its end. Once it is refused, restic is killed and the rest is dropped, so that restic does not
// wait for a reader.
func (p *Process) read(stream Stream, pipe io.Reader) error {
	if pipe == nil {
		return nil
	}
	refusal := stream.Read(pipe)
	if refusal != nil {
		// An error means that it is gone already.
		_ = p.command.Process.Kill()
	}
	_, err := io.Copy(io.Discard, pipe)
	if refusal != nil {
		return refusal
	}
	return err
}

// end asks restic to stop, so that it removes its lock, and kills it after grace.
func (p *Process) end(grace time.Duration) {
	askToEnd(p.command.Process)
	select {
	case <-p.gone:
		return
	case <-time.After(grace):
	}
	// An error means that it is gone already, which is what gone waits for.
	_ = p.command.Process.Kill()
	<-p.gone
}

// outcome is of a process that is gone.
func (p *Process) outcome(ended Ended) (Outcome, error) {
	outcome := Outcome{Ended: ended}
	if code := p.command.ProcessState.ExitCode(); code >= 0 {
		outcome.ExitCode = &code
	}
	return outcome, p.failure
}
