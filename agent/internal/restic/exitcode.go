package restic

import "fmt"

// Exit codes of restic (0.18).
const (
	ExitDone = 0
	// ExitFailed: a backup is not stored, or a restore lacks entries.
	ExitFailed = 1
	// ExitIncomplete: the snapshot is saved, and some files could not be read.
	ExitIncomplete    = 3
	ExitNoRepository  = 10
	ExitLocked        = 11
	ExitWrongPassword = 12
)

// Explain says in one sentence what a failed exit means and what to do; reason is restic's own sentence.
func Explain(code int, reason string) string {
	switch code {
	case ExitNoRepository:
		return "there is no restic repository in the bucket; run apply for this tenant, which creates it"
	case ExitLocked:
		return "the repository is locked by another restic, a prune or a check; wait until it ends; if none is running," +
			" remove the stale lock with the owner's key (restic unlock)"
	case ExitWrongPassword:
		return "the repository does not open with this machine's password; deploy the agent again, and compare the data" +
			" bundle with its escrow if that does not help"
	}
	if reason == "" {
		reason = "no reason given"
	}
	return fmt.Sprintf("restic ended with code %d: %s", code, reason)
}
