package run

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/gate"
	"coffre.invalid/agent/internal/mounts"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/samples"
	"coffre.invalid/agent/internal/storage"
)

// backup runs restic, fills the report with what it did, and says what that amounts to.
func (r *run) backup(ctx context.Context) verdict {
	missing := missingPaths(r.orders.Plan.Paths)
	if len(missing) == len(r.orders.Plan.Paths) {
		r.fillUnreadable(missing, nil, 0)
		return failed("none of the plan's paths exists: " + list(missing))
	}
	if err := r.cleanTemporary(); err != nil {
		return failed(err.Error())
	}
	reservoir := samples.NewReservoir(r.report.RunID)
	transcript := &restic.Transcript{OnFile: reservoir.Offer}
	command := r.command()
	logging, stopLogging := context.WithCancel(ctx)
	defer stopLogging()
	go r.logProgress(logging, transcript)
	started := time.Now()
	outcome, err := restic.Run(ctx, command.Binary, command.Arguments(), command.Environment(r.settings.Environment),
		transcript, restic.StandardWatch(r.probe))
	if err != nil {
		return failed(err.Error())
	}
	r.fill(outcome, transcript, missing)
	facts := facts{
		outcome: outcome, reason: transcript.Reason(), damage: transcript.Damage(), missing: missing, unreadable: r.report.UnreadableCount,
		hasSnapshot: r.report.SnapshotID != nil, sawQuota: transcript.SawQuotaExceeded(),
		deadlineSeconds: r.orders.RunDeadlineSeconds, cause: context.Cause(ctx),
	}
	if facts.mayBeRefusal() {
		facts.door, facts.wallReached = r.recheck(ctx)
		if facts.door.Closed {
			r.log("%s", facts.door.Journal())
		}
		if code := outcome.ExitCode; code != nil && restic.NeedsALook(*code) {
			facts.damage = r.lookAtRemains(ctx, *code)
		}
	}
	end := judge(facts)
	if r.report.SnapshotID != nil {
		sampling, cancel := context.WithTimeout(ctx, samplePatience)
		defer cancel()
		r.report.Samples = samples.Hash(sampling, reservoir.Candidates(), started)
	}
	return end
}

func (r *run) command() restic.Command {
	paths := r.settings.Paths
	return restic.Command{
		Binary: r.program, Repository: r.machine.Repository, Region: r.machine.Region, CAFile: r.machine.CAFile,
		CacheDirectory: paths.Cache(), TemporaryFolder: paths.Temporary(), Host: r.machine.Machine,
		Paths: r.orders.Plan.Paths, Exclude: r.orders.Plan.Exclude, LeftOut: r.leaveOut(),
		AccessKeyID: r.credentials.AccessKeyID, SecretAccessKey: r.credentials.SecretAccessKey,
		Password: r.credentials.RepositoryPassword, System: runtime.GOOS, MachineTag: r.report.Identity.Tag(),
	}
}

// leaveOut looks which file systems of this moment hold nothing to keep. A table that cannot be read is noted: what it
// would have named is read like everything else, until the deadline.
func (r *run) leaveOut() mounts.LeftOut {
	table, err := mounts.Read()
	if err != nil {
		r.note("what is mounted on this machine cannot be read, so nothing is left out for its kind: %v", err)
		return mounts.LeftOut{}
	}
	leftOut := table.LeaveOut(r.orders.Plan.Paths, isFolder, func(path string) string {
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

// missingPaths lists those that do not exist: restic only warns of them while any other exists.
func missingPaths(paths []string) []string {
	var missing []string
	for _, path := range paths {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, path)
		}
	}
	return missing
}

func (r *run) fill(outcome restic.Outcome, transcript *restic.Transcript, missing []string) {
	r.report.ResticExitCode = outcome.ExitCode
	if summary := transcript.Summary(); summary != nil {
		r.report.SnapshotID = &summary.SnapshotID
		r.report.BytesAdded = summary.DataAddedPacked
		r.report.BytesProcessed = summary.TotalBytesProcessed
		r.report.FilesProcessed = summary.TotalFilesProcessed
	}
	unreadable, count := transcript.Unreadable()
	r.fillUnreadable(missing, unreadable, count)
}

func (r *run) fillUnreadable(missing, unreadable []string, count int) {
	all := append(append([]string{}, missing...), unreadable...)
	r.report.Unreadable = all[:min(len(all), report.UnreadableLimit)]
	r.report.UnreadableCount = len(missing) + count
}

// probe asks the storage whether restic waits in vain.
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
	if err != nil {
		r.log("restic makes no progress: %v", err)
	}
	return restic.KeepGoing
}

// recheck looks for the reason of a failure in what the storage says now: restic does not tell a closed gate from other
// refusals.
func (r *run) recheck(ctx context.Context) (door gate.Gate, wallReached bool) {
	ctx, cancel := context.WithTimeout(ctx, recheckPatience)
	defer cancel()
	door, err := r.readGate(ctx)
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
