package restic

import "fmt"

// Exit codes of `restic backup` (0.18).
const (
	exitDone         = 0
	exitIncomplete   = 3
	exitNoRepository = 10
	exitLocked       = 11
	exitPassword     = 12
)

// IsDone says that a snapshot with everything was saved.
func IsDone(code int) bool { return code == exitDone }

// IsIncomplete says that a snapshot was saved although some files could not be read.
func IsIncomplete(code int) bool { return code == exitIncomplete }

// Explain says in one sentence what a failed exit means and what to do; reason is restic's own sentence.
func Explain(code int, reason string) string {
	switch code {
	case exitNoRepository:
		return "there is no restic repository in the bucket; run apply for this tenant, which makes it"
	case exitLocked:
		return "the repository is locked by another restic, a prune or a check; wait for it, or if none is running remove" +
			" the stale lock with the owner's key (restic unlock)"
	case exitPassword:
		return "the repository does not open with this machine's password; deploy the agent again, and compare the data" +
			" bundle with its escrow if that does not help"
	}
	if reason == "" {
		reason = "no reason given"
	}
	return fmt.Sprintf("restic ended with code %d: %s", code, reason)
}
