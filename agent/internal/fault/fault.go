// Package fault holds the errors that a person can act on: what happened, what to do, and the exit code that says
// which kind it is. Everything else that goes wrong is a plain error and ends with exit code 1.
package fault

import "errors"

// Exit codes of every command.
const (
	ExitDone   = 0
	ExitFailed = 1
	ExitUsage  = 2
	// ExitPartial: the backup is there and lacks something.
	ExitPartial = 3
	// ExitRefused: a safety rule said no, or the storage takes no backup: its quota is reached or its gate is closed.
	ExitRefused = 4
	ExitBusy    = 5
)

// Error is an expected failure. Hint says what to do and may be empty.
type Error struct {
	Exit    int
	Message string
	Hint    string
}

func (e *Error) Error() string { return e.Message }

// Failed reports that something outside did not work.
func Failed(message, hint string) error { return &Error{ExitFailed, message, hint} }

// Usage reports a command line that cannot be obeyed.
func Usage(message, hint string) error { return &Error{ExitUsage, message, hint} }

// Refused reports that a safety rule said no; nothing was touched.
func Refused(message, hint string) error { return &Error{ExitRefused, message, hint} }

// Busy reports that another run is under way; the same command may succeed later.
func Busy(message, hint string) error { return &Error{ExitBusy, message, hint} }

// Describe returns the exit code and hint of err: those of the first expected error in its chain, else 1 and nothing.
func Describe(err error) (exit int, hint string) {
	var expected *Error
	if errors.As(err, &expected) {
		return expected.Exit, expected.Hint
	}
	return ExitFailed, ""
}
