package restic

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

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

// StandardWatch probes at restic's first retry and after 20 s without progress, and gives restic 5 s to end after it gave
// up, which takes it a fraction of one.
func StandardWatch(probe func(context.Context) Verdict) Watch {
	return Watch{
		StallAfter: 20 * time.Second, ProbeEvery: 5 * time.Second, EndGrace: EndGrace, GaveUpGrace: 5 * time.Second,
		Probe: probe,
	}
}

// BackUp starts a backup, feeds the transcript with what restic says, watches, and returns when restic is gone. An error
// means that it could not be started or followed.
func BackUp(ctx context.Context, call Call, transcript *Transcript, watch Watch) (Outcome, error) {
	if ctx.Err() != nil {
		return Outcome{Ended: ByContext}, nil
	}
	watched := &watched{
		transcript: transcript, watch: watch, retried: make(chan struct{}, 1), lost: make(chan struct{}, 1),
	}
	call.Output = lines(func(line []byte) { transcript.Output(line, time.Now()) })
	call.Complaints = lines(watched.complain)
	transcript.lastProgressAt = time.Now()
	process, err := Start(call)
	if err != nil {
		return Outcome{}, fmt.Errorf("start restic: %w", err)
	}
	watched.process = process
	outcome, err := watched.follow(ctx)
	if err != nil {
		return Outcome{}, fmt.Errorf("follow restic: %w", err)
	}
	return outcome, nil
}

// watched is a backup under way.
type watched struct {
	process    *Process
	transcript *Transcript
	watch      Watch
	retried    chan struct{}
	lost       chan struct{}
}

func (w *watched) complain(line []byte) {
	switch w.transcript.Complaint(line) {
	case retries:
		wake(w.retried)
	case gaveUp:
		wake(w.lost)
	}
}

func wake(sleeper chan struct{}) {
	select {
	case sleeper <- struct{}{}:
	default: // One wake-up is enough.
	}
}

// follow returns when restic is gone, having ended it when the context or a probe says so, or when it stands still after
// it gave up: a restic whose last pack is refused may wait for its own uploader, which is gone (seen in 0.18.1, at one
// refusal of some fifty).
func (w *watched) follow(ctx context.Context) (Outcome, error) {
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
		go func() { verdicts <- w.watch.Probe(probing) }()
	}
	for {
		select {
		case <-w.process.gone:
			return w.process.outcome(ByItself)
		case <-ctx.Done():
			return w.end(ByContext)
		case <-w.retried:
			if w.transcript.SawQuotaExceeded() {
				return w.end(ByQuota)
			}
			probe(w.watch.ProbeEvery)
		case <-w.lost:
			if overdue == nil {
				overdue = time.After(w.watch.GaveUpGrace)
			}
		case <-overdue:
			return w.endAsFailed()
		case <-ticker.C:
			if _, _, movedAt := w.transcript.Progress(); time.Since(movedAt) >= w.watch.StallAfter {
				probe(w.watch.StallAfter)
			}
		case verdict := <-verdicts:
			busy = false
			if verdict != KeepGoing {
				return w.end(map[Verdict]Ended{WallReached: ByQuota, Denied: ByDenial}[verdict])
			}
		}
	}
}

func (w *watched) end(ended Ended) (Outcome, error) {
	w.process.end(w.watch.EndGrace)
	return w.process.outcome(ended)
}

// endAsFailed ends a restic that stands still: it has said itself that its backup is not stored.
func (w *watched) endAsFailed() (Outcome, error) {
	code := ExitFailed
	_, err := w.end(ByItself)
	return Outcome{Ended: ByItself, ExitCode: &code}, err
}

// lineLimit is the longest line kept: a status line names files, and a path may be 4 KiB.
const lineLimit = 1 << 20

// lines is a stream of which take gets each line.
func lines(take func([]byte)) Stream {
	return Stream{Read: func(stream io.Reader) error { return eachLine(stream, take) }}
}

// eachLine calls take with every line until the stream ends; the rest of an overlong line is dropped.
func eachLine(stream io.Reader, take func([]byte)) error {
	reader := bufio.NewReaderSize(stream, 64<<10)
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
