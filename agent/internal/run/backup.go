package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/mounts"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/samples"
	"coffre.invalid/agent/internal/sources"
	"coffre.invalid/agent/internal/storage"
)

const (
	samplePatience = time.Minute
	logEvery       = time.Minute
)

// task is what a backup is made from. Nothing changes it.
type task struct {
	run
	client  *storage.Client
	orders  orders.Orders
	program string
	// remembered is what the last run has left.
	remembered report.History
}

// backup is what a backup found: what restic did, and what storage and files said of it afterwards.
type backup struct {
	// summary is nil when restic saved no snapshot.
	summary *restic.Summary
	// took is how long restic ran.
	took         time.Duration
	unreadable   []string
	paths        judgedPaths
	missingPacks int
	samples      []report.Sample
	changes      *report.Changes
	bait         *report.Bait
	facts        facts
	notes        []string
}

// backUp runs restic, reads the snapshot back, and hashes samples of it. What was found before an error is returned with
// it.
func (t task) backUp(ctx context.Context) (backup, error) {
	plan, notes := t.survey()
	found := backup{notes: notes}
	found.bait = t.lookAtBait()
	if !plan.hasAny() {
		found.paths = t.judgePaths(plan, nil, nil)
		return found, errors.New("none of the plan's paths exists: " + list(t.orders.Plan.Paths))
	}
	if err := t.cleanTemporary(); err != nil {
		return found, err
	}
	command, notes := t.command(plan)
	found.notes = append(found.notes, notes...)
	heard := t.listen(ctx, plan)
	logging, stopLogging := context.WithCancel(ctx)
	defer stopLogging()
	go t.logProgress(logging, heard.transcript)
	readBack := t.startReadingBack(ctx)
	started := time.Now()
	ran, err := t.runRestic(ctx, command, heard)
	found.took = time.Since(started)
	found.notes = append(found.notes, ran.notes...)
	if err != nil {
		return found, err
	}
	found.summary, found.unreadable = ran.summary, ran.unreadable
	found.facts, notes = t.explainFailure(ctx, ran.facts)
	found.notes = append(found.notes, notes...)
	if found.facts.saved() {
		found.paths = t.judgePaths(plan, ran.counts, ran.unreadable)
		read := readBack(ran.summary.SnapshotID)
		found.facts.paths, found.facts.integrity, found.missingPacks = found.paths.reported, read.state, read.missingPacks
	}
	if ran.summary != nil {
		found.samples = hashSamples(ctx, heard.choice, started)
		found.changes = t.compare(*ran.summary, heard.transcript.Incompressible())
	}
	return found, nil
}

func hashSamples(ctx context.Context, choice *samples.Choice, resticStarted time.Time) []report.Sample {
	ctx, cancel := context.WithTimeout(ctx, samplePatience)
	defer cancel()
	return samples.Hash(ctx, choice.Candidates(), resticStarted)
}

func (t task) command(plan plan) (command restic.Command, notes []string) {
	paths := t.settings.Paths
	leftOut, notes := t.leaveOut(plan)
	return restic.Command{
		Binary: t.program, Repository: t.machine.Repository, Region: t.machine.Region, CAFile: t.machine.CAFile,
		CacheDirectory: paths.Cache(), TemporaryFolder: paths.Temporary(), Host: t.machine.Machine,
		Paths: plan.targets(), Exclude: t.orders.Plan.Exclude, LeftOut: leftOut,
		AccessKeyID: t.credentials.AccessKeyID, SecretAccessKey: t.credentials.SecretAccessKey,
		Password: t.credentials.RepositoryPassword, System: runtime.GOOS, MachineTag: t.identity.Tag(),
	}, notes
}

// leaveOut looks which file systems of this moment hold nothing to keep.
func (t task) leaveOut(plan plan) (leftOut mounts.LeftOut, notes []string) {
	leftOut = plan.mounts.LeaveOut(plan.targets(), isFolder, func(path string) string {
		return restic.Literal(path, runtime.GOOS)
	})
	if len(leftOut.Names) > 0 {
		t.log("left out: %s", strings.Join(leftOut.Names, ", "))
	}
	if leftOut.TooMany > 0 {
		notes = append(notes, fmt.Sprintf("%d file systems need no backup, but they are too many to exclude; in the plan,"+
			" name folders below /", leftOut.TooMany))
	}
	return leftOut, notes
}

func isFolder(path string) bool {
	facts, err := os.Lstat(path)
	return err == nil && facts.IsDir()
}

// cleanTemporary drops what a killed restic left; the lock says that no other one is at work.
func (t task) cleanTemporary() error {
	paths := t.settings.Paths
	return errors.Join(
		os.RemoveAll(paths.Temporary()),
		files.EnsurePrivateDirectory(paths.Cache()),
		files.EnsurePrivateDirectory(paths.Temporary()),
	)
}

// listener takes what restic says.
type listener struct {
	transcript *restic.Transcript
	counter    *sources.Counter
	choice     *samples.Choice
}

func (t task) listen(ctx context.Context, plan plan) listener {
	counter := sources.NewCounter(ctx, plan.places, runtime.GOOS)
	choice := samples.NewChoice(t.id, plan.realPaths())
	return listener{counter: counter, choice: choice, transcript: &restic.Transcript{OnFile: func(raw []byte) {
		choice.Offer(counter.Add(raw), func() (string, bool) { return restic.DecodeItem(raw) })
	}}}
}

// ran is what restic did and said.
type ran struct {
	facts      facts
	summary    *restic.Summary
	unreadable []string
	counts     map[string]sources.Count
	notes      []string
}

func (t task) runRestic(ctx context.Context, command restic.Command, listener listener) (ran, error) {
	prober := &prober{task: t}
	outcome, err := restic.BackUp(ctx, command.Call(t.settings.Environment), listener.transcript,
		restic.StandardWatch(prober.probe))
	said := ran{counts: listener.counter.Close(), notes: prober.told()}
	if err != nil {
		return said, err
	}
	said.summary = listener.transcript.Summary()
	said.unreadable, said.facts.unreadable = listener.transcript.Unreadable()
	said.facts.outcome, said.facts.hasSnapshot = outcome, said.summary != nil
	said.facts.reason, said.facts.damage = listener.transcript.Reason(), listener.transcript.Damage()
	said.facts.sawQuota = listener.transcript.SawQuotaExceeded()
	said.facts.deadlineSeconds, said.facts.cause = t.orders.RunDeadlineSeconds, context.Cause(ctx)
	return said, nil
}

func (t task) logProgress(ctx context.Context, transcript *restic.Transcript) {
	ticker := time.NewTicker(logEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			done, total, _ := transcript.Progress()
			t.log("%d of %d MiB so far", done>>20, total>>20)
		}
	}
}
