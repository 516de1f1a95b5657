package restic

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

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

// exitFailed is how restic ends a backup that it could not store.
const exitFailed = 1

// Outcome is a finished process. ExitCode is nil when a signal ended it.
type Outcome struct {
	Ended    Ended
	ExitCode *int
}

// Verdict is what a probe of the storage says about a restic that makes no progress.
type Verdict int

// Verdicts.
const (
	// KeepGoing: the storage takes writes, or cannot be reached: restic's own retries survive an outage.
	KeepGoing Verdict = iota
	// WallReached: nothing can be written.
	WallReached
	// Denied: the machine is refused.
	Denied
)

// Watch says when to suspect that restic waits in vain (it retries for 15 minutes what will never succeed) and how to
// find out: at a retry, at most once every ProbeEvery, and once every StallAfter while nothing moves.
type Watch struct {
	StallAfter time.Duration
	ProbeEvery time.Duration
	EndGrace   time.Duration
	// GaveUpGrace is how long a restic that gave up may take to end by itself.
	GaveUpGrace time.Duration
	Probe       func(context.Context) Verdict
}

// StandardWatch probes at restic's first retry and after 20 s without progress, and gives restic 15 s to remove its
// lock when it is told to end, and 5 s to end after it gave up, which takes it a fraction of one.
func StandardWatch(probe func(context.Context) Verdict) Watch {
	return Watch{
		StallAfter: 20 * time.Second, ProbeEvery: 5 * time.Second, EndGrace: 15 * time.Second,
		GaveUpGrace: 5 * time.Second, Probe: probe,
	}
}

// Run starts the process, feeds the transcript, watches, and returns when the process is gone. An error means that it
// could not be started or followed.
func Run(ctx context.Context, binary string, arguments, environment []string, transcript *Transcript, watch Watch) (
	Outcome, error,
) {
	if ctx.Err() != nil {
		return Outcome{Ended: ByContext}, nil
	}
	process := &process{
		transcript: transcript, retried: make(chan struct{}, 1), lost: make(chan struct{}, 1),
		gone: make(chan struct{}), started: make(chan error, 1),
	}
	process.command = exec.Command(binary, arguments...)
	process.command.Env = environment
	process.command.Dir = string(os.PathSeparator)
	TieToParent(process.command)
	transcript.lastProgressAt = time.Now()
	go process.live()
	if err := <-process.started; err != nil {
		return Outcome{}, fmt.Errorf("start restic: %w", err)
	}
	ended := process.follow(ctx, watch)
	if process.failure != nil {
		return Outcome{}, fmt.Errorf("follow restic: %w", process.failure)
	}
	outcome := Outcome{Ended: ended}
	if process.stoodStill {
		code := exitFailed
		outcome.ExitCode = &code
	} else if code := process.command.ProcessState.ExitCode(); code >= 0 {
		outcome.ExitCode = &code
	}
	return outcome, nil
}

type process struct {
	command    *exec.Cmd
	transcript *Transcript
	retried    chan struct{}
	lost       chan struct{}
	stoodStill bool
	started    chan error
	gone       chan struct{}
	failure    error
}

// live starts the process and waits for it on one thread: the kernel's "end with your parent" means that thread.
func (p *process) live() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.gone)
	output, outErr := p.command.StdoutPipe()
	complaints, errErr := p.command.StderrPipe()
	if err := errors.Join(outErr, errErr); err != nil {
		p.started <- err
		return
	}
	if err := p.command.Start(); err != nil {
		p.started <- err
		return
	}
	p.started <- nil
	var readers sync.WaitGroup
	var failures [2]error
	readers.Go(func() {
		failures[0] = eachLine(output, func(line []byte) { p.transcript.Output(line, time.Now()) })
	})
	readers.Go(func() { failures[1] = eachLine(complaints, p.complain) })
	readers.Wait()
	err := p.command.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	p.failure = errors.Join(failures[0], failures[1], err)
}

func (p *process) complain(line []byte) {
	switch p.transcript.Complaint(line) {
	case retries:
		wake(p.retried)
	case gaveUp:
		wake(p.lost)
	}
}

func wake(sleeper chan struct{}) {
	select {
	case sleeper <- struct{}{}:
	default: // One wake-up is enough.
	}
}

// follow returns when the process is gone, having ended it when the context or a probe says so, or when it stands still
// after it gave up: a restic whose last pack is refused may wait for its own uploader, which is gone (seen in 0.18.1, at
// one refusal of some fifty).
func (p *process) follow(ctx context.Context, watch Watch) Ended {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	probing, stopProbing := context.WithCancel(ctx)
	defer stopProbing()
	verdicts := make(chan Verdict, 1)
	var probedAt time.Time
	busy := false
	var overdue <-chan time.Time
	probe := func(interval time.Duration) {
		if busy || time.Since(probedAt) < interval {
			return
		}
		busy, probedAt = true, time.Now()
		go func() { verdicts <- watch.Probe(probing) }()
	}
	for {
		select {
		case <-p.gone:
			return ByItself
		case <-ctx.Done():
			p.end(watch.EndGrace)
			return ByContext
		case <-p.retried:
			if p.transcript.SawQuotaExceeded() {
				p.end(watch.EndGrace)
				return ByQuota
			}
			probe(watch.ProbeEvery)
		case <-p.lost:
			if overdue == nil {
				overdue = time.After(watch.GaveUpGrace)
			}
		case <-overdue:
			p.stoodStill = true
			p.end(watch.EndGrace)
			return ByItself
		case <-ticker.C:
			if _, _, movedAt := p.transcript.Progress(); time.Since(movedAt) >= watch.StallAfter {
				probe(watch.StallAfter)
			}
		case verdict := <-verdicts:
			busy = false
			if verdict != KeepGoing {
				p.end(watch.EndGrace)
				return map[Verdict]Ended{WallReached: ByQuota, Denied: ByDenial}[verdict]
			}
		}
	}
}

// end asks the process to stop, so that it removes its lock, and kills it after grace.
func (p *process) end(grace time.Duration) {
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

// lineLimit is the longest line kept: a status line names files, and a path may be 4 KiB.
const lineLimit = 1 << 20

// eachLine calls take with every line until the pipe closes; the rest of an overlong line is dropped.
func eachLine(pipe io.Reader, take func([]byte)) error {
	reader := bufio.NewReaderSize(pipe, 64<<10)
	var line []byte
	for {
		part, err := reader.ReadSlice('\n')
		if len(line)+len(part) <= lineLimit {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 {
			take(trimmed)
		}
		line = line[:0]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
