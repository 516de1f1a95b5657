package run

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/gate"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/storage"
	"coffre.invalid/agent/internal/text"
)

// verdict is what a run amounts to.
type verdict struct {
	result  report.Result
	message string
	exit    int
}

func failed(message string) verdict { return verdict{report.Failed, message, fault.ExitFailed} }

func byQuota() verdict {
	return verdict{
		report.Quota, "the quota is reached: the storage accepts no more data, so this run saved nothing", fault.ExitRefused,
	}
}

// byGate: a gate closed for quota is a matter of quota, any other a failure with its reason; both end with the exit
// code of a closed gate.
func byGate(door gate.Gate) verdict {
	result := report.Failed
	if door.Reason == gate.ReasonQuota {
		result = report.Quota
	}
	return verdict{result, door.Sentence(), fault.ExitRefused}
}

// byCause is the verdict on a run that was ended from outside; cause is its context's.
func byCause(cause error, deadlineSeconds int) verdict {
	switch {
	case errors.Is(cause, errDeadline):
		return failed(fmt.Sprintf("deadline: the run had not ended after %d s", deadlineSeconds))
	case errors.Is(cause, ErrInterrupted):
		return failed("interrupted")
	}
	return failed(fmt.Sprintf("ended early: %v", cause))
}

// unprepared is the verdict on a run that never came to start restic. clockOffset is this machine's clock minus the
// storage's in seconds, nil when that is not known.
func unprepared(err error, clockOffset *float64, deadlineSeconds int, patience time.Duration) verdict {
	switch {
	case errors.Is(err, errDeadline), errors.Is(err, ErrInterrupted):
		return byCause(err, deadlineSeconds)
	case errors.Is(err, storage.ErrQuotaExceeded):
		return byQuota()
	case errors.Is(err, storage.ErrClockSkewed) && clockOffset != nil:
		return failed(fmt.Sprintf("this machine's clock differs by %.0f s from the storage's, which refuses it for that; correct it",
			*clockOffset))
	case errors.Is(err, storage.ErrAccessDenied):
		return failed(fmt.Sprintf("the storage refuses this machine: %v", err))
	case errors.Is(err, storage.ErrUnreachable):
		return failed(fmt.Sprintf("the storage gave no answer for %.0f s: %v", patience.Seconds(), err))
	case errors.Is(err, storage.ErrUntrusted):
		return failed(fmt.Sprintf("this machine does not trust the storage: %v", err))
	}
	return failed(err.Error())
}

// facts are all that a verdict on a started restic depends on. door and wallReached were read after it had ended.
type facts struct {
	outcome         restic.Outcome
	reason          string
	damage          restic.Damage
	paths           []report.Path
	integrity       report.Integrity
	unreadable      int
	hasSnapshot     bool
	sawQuota        bool
	door            gate.Gate
	wallReached     bool
	deadlineSeconds int
	cause           error
}

func (f facts) saved() bool {
	code := f.outcome.ExitCode
	return f.hasSnapshot && code != nil && (*code == restic.ExitDone || *code == restic.ExitIncomplete)
}

// wasEnded says that deadline or signal ended the run. restic may have noticed a signal to the whole group by itself.
func (f facts) wasEnded() bool { return !f.saved() && f.cause != nil }

// mayBeRefusal says whether gate and wall should be looked at before a verdict.
func (f facts) mayBeRefusal() bool {
	return !f.saved() && !f.wasEnded() && f.outcome.Ended != restic.ByQuota
}

// wasDenied says that the storage refused what restic wanted to write or read.
func (f facts) wasDenied() bool {
	return f.outcome.Ended == restic.ByDenial || strings.Contains(f.reason, "Access Denied")
}

func judge(f facts) verdict {
	switch {
	case f.saved():
		return judgeSaved(f)
	case f.wasEnded():
		return byCause(f.cause, f.deadlineSeconds)
	case f.door.Closed:
		return byGate(f.door)
	case f.outcome.Ended == restic.ByQuota, f.sawQuota, f.wallReached:
		return byQuota()
	case f.outcome.Ended == restic.ByDenial:
		return failed("the storage began to refuse this machine during the backup")
	case f.outcome.ExitCode == nil:
		return failed("something outside the agent killed restic")
	case f.damage.Part != restic.Nothing:
		return failed(restic.ExplainDamage(f.damage, f.reason))
	}
	return failed(restic.Explain(*f.outcome.ExitCode, f.reason))
}

func judgeSaved(f facts) verdict {
	switch f.integrity {
	case report.PacksMissing:
		return failed("the storage lacks packs that the index names: this snapshot cannot be restored completely")
	case report.SnapshotUnreadable:
		return failed("the storage does not return the new snapshot as it was written")
	case report.Whole, report.Unchecked:
	}
	var parts []string
	if f.integrity == report.Unchecked {
		parts = append(parts, "the new snapshot could not be read back")
	}
	if bad := nameBad(f.paths); len(bad) > 0 {
		parts = append(parts, "paths of the plan: "+list(bad))
	}
	if f.unreadable > 0 {
		parts = append(parts, fmt.Sprintf("%d entries could not be read", f.unreadable))
	}
	if len(parts) == 0 && *f.outcome.ExitCode == restic.ExitIncomplete {
		parts = append(parts, f.reason)
	}
	if len(parts) == 0 {
		return verdict{report.Success, "", fault.ExitDone}
	}
	return verdict{report.Partial, strings.Join(parts, "; "), fault.ExitPartial}
}

// nameBad are the paths that did not give what they should, each with its state.
func nameBad(paths []report.Path) []string {
	var bad []string
	for _, path := range paths {
		if !path.State.IsGood() {
			bad = append(bad, fmt.Sprintf("%s %s", path.Path, path.State))
		}
	}
	return bad
}

// messageLimit keeps a report small whatever a program had to say.
const messageLimit = 1000

func shorten(sentence string) string { return text.Line(sentence, messageLimit) }

func list(paths []string) string {
	const named = 5
	if len(paths) <= named {
		return strings.Join(paths, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(paths[:named], ", "), len(paths)-named)
}

func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}
