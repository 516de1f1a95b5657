package run

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"time"

	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/gate"
	"coffre.invalid/agent/internal/mounts"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/samples"
	"coffre.invalid/agent/internal/sources"
	"coffre.invalid/agent/internal/storage"
)

// backup runs restic, fills the report with what it did, reads the snapshot back, and says what that amounts to.
func (r *run) backup(ctx context.Context) verdict {
	plan := r.survey()
	if !plan.hasAny() {
		r.judgePaths(plan, nil, &restic.Transcript{})
		return failed("none of the plan's paths exists: " + list(r.orders.Plan.Paths))
	}
	if err := r.cleanTemporary(); err != nil {
		return failed(err.Error())
	}
	counter := sources.NewCounter(ctx, plan.places, runtime.GOOS)
	choice := samples.NewChoice(r.report.RunID, plan.realPaths())
	transcript := &restic.Transcript{OnFile: func(raw []byte) {
		choice.Offer(counter.Add(raw), func() (string, bool) { return restic.DecodeItem(raw) })
	}}
	command := r.command(plan)
	logging, stopLogging := context.WithCancel(ctx)
	defer stopLogging()
	go r.logProgress(logging, transcript)
	readBack := r.startReadingBack(ctx)
	started := time.Now()
	outcome, err := restic.BackUp(ctx, command.Call(r.settings.Environment), transcript, restic.StandardWatch(r.probe))
	counts := counter.Close()
	if err != nil {
		return failed(err.Error())
	}
	r.fill(outcome, transcript)
	facts := facts{
		outcome: outcome, reason: transcript.Reason(), damage: transcript.Damage(), unreadable: r.report.UnreadableCount,
		hasSnapshot: r.report.SnapshotID != nil, sawQuota: transcript.SawQuotaExceeded(),
		deadlineSeconds: r.orders.RunDeadlineSeconds, cause: context.Cause(ctx),
	}
	if facts.mayBeRefusal() {
		facts.door, facts.wallReached = r.recheck(ctx, facts.wasDenied())
		if facts.door.Closed {
			r.log("%s", facts.door.Journal())
		}
		if code := outcome.ExitCode; code != nil && restic.NeedsALook(*code) {
			facts.damage = r.lookAtRemains(ctx, *code)
		}
	}
	if facts.saved() {
		r.judgePaths(plan, counts, transcript)
		facts.paths = r.report.Paths
		facts.integrity = readBack(*r.report.SnapshotID)
	}
	end := judge(facts)
	if r.report.SnapshotID != nil {
		sampling, cancel := context.WithTimeout(ctx, samplePatience)
		defer cancel()
		r.report.Samples = samples.Hash(sampling, choice.Candidates(), started)
	}
	return end
}

func (r *run) command(plan plan) restic.Command {
	paths := r.settings.Paths
	return restic.Command{
		Binary: r.program, Repository: r.machine.Repository, Region: r.machine.Region, CAFile: r.machine.CAFile,
		CacheDirectory: paths.Cache(), TemporaryFolder: paths.Temporary(), Host: r.machine.Machine,
		Paths: plan.targets(), Exclude: r.orders.Plan.Exclude, LeftOut: r.leaveOut(plan),
		AccessKeyID: r.credentials.AccessKeyID, SecretAccessKey: r.credentials.SecretAccessKey,
		Password: r.credentials.RepositoryPassword, System: runtime.GOOS, MachineTag: r.report.Identity.Tag(),
	}
}

// leaveOut looks which file systems of this moment hold nothing to keep.
func (r *run) leaveOut(plan plan) mounts.LeftOut {
	leftOut := plan.mounts.LeaveOut(plan.targets(), isFolder, func(path string) string {
		return restic.Literal(path, runtime.GOOS)
	})
	if len(leftOut.Names) > 0 {
		r.log("left out: %s", strings.Join(leftOut.Names, ", "))
	}
	if leftOut.TooMany > 0 {
		r.note("%d file systems that hold nothing to keep are too many to leave out; let the plan name folders below /",
			leftOut.TooMany)
	}
	return leftOut
}

func isFolder(path string) bool {
	facts, err := os.Lstat(path)
	return err == nil && facts.IsDir()
}

// cleanTemporary drops what a killed restic left; the lock says that no other one is at work.
func (r *run) cleanTemporary() error {
	return errors.Join(
		os.RemoveAll(r.settings.Paths.Temporary()),
		files.EnsurePrivateDirectory(r.settings.Paths.Cache()),
		files.EnsurePrivateDirectory(r.settings.Paths.Temporary()),
	)
}

func (r *run) fill(outcome restic.Outcome, transcript *restic.Transcript) {
	r.report.ResticExitCode = outcome.ExitCode
	if summary := transcript.Summary(); summary != nil {
		r.report.SnapshotID = &summary.SnapshotID
		r.report.BytesAdded = summary.DataAddedPacked
		r.report.BytesProcessed = summary.TotalBytesProcessed
		r.report.FilesProcessed = summary.TotalFilesProcessed
	}
	r.report.Unreadable, r.report.UnreadableCount = transcript.Unreadable()
}

// probe asks the storage whether restic waits in vain. Behind a closed gate reports may be written, and restic, which is
// denied everything else, may stand still instead of ending.
func (r *run) probe(ctx context.Context) restic.Verdict {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	err := r.client.Put(ctx, probeKey, r.probeBody())
	switch {
	case errors.Is(err, storage.ErrQuotaExceeded):
		return restic.WallReached
	case errors.Is(err, storage.ErrAccessDenied):
		return restic.Denied
	}
	if err == nil {
		var door gate.Gate
		if door, err = r.readGate(ctx); err == nil && door.Closed {
			return restic.Denied
		}
	}
	if err != nil {
		r.log("restic makes no progress: %v", err)
	}
	return restic.KeepGoing
}

// recheck looks for the reason of a failure in what the storage says now: restic does not tell a closed gate from other
// refusals. A machine is shut out first and told why right after, so after a denial the word is waited for.
func (r *run) recheck(ctx context.Context, wasDenied bool) (door gate.Gate, wallReached bool) {
	ctx, cancel := context.WithTimeout(ctx, recheckPatience)
	defer cancel()
	door, err := r.readGate(ctx)
	for until := time.Now().Add(wordPatience); wasDenied && err == nil && !door.Closed && time.Now().Before(until); {
		time.Sleep(wordPause)
		door, err = r.readGate(ctx)
	}
	if err != nil {
		r.log("after the failure: %v", err)
	}
	err = r.client.Put(ctx, probeKey, r.probeBody())
	return door, errors.Is(err, storage.ErrQuotaExceeded)
}

// lookAtRemains asks the storage what restic's exit code leaves open: whether config or key files are gone.
func (r *run) lookAtRemains(ctx context.Context, code int) restic.Damage {
	ctx, cancel := context.WithTimeout(ctx, recheckPatience)
	defer cancel()
	remains, err := r.client.LookAtRemains(ctx)
	if err != nil {
		r.log("after the failure: %v", err)
		return restic.Damage{}
	}
	return restic.JudgeRemains(code, remains.HasConfig, remains.HasKeys, remains.HasBackups)
}

func (r *run) logProgress(ctx context.Context, transcript *restic.Transcript) {
	ticker := time.NewTicker(logEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			done, total, _ := transcript.Progress()
			r.log("%d of %d MiB so far", done>>20, total>>20)
		}
	}
}
