package update

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/identity"
	"coffre.invalid/agent/internal/lock"
)

// maxTries is how often one program is tried. A backup that a new program did not bring to its end is not risked again.
const maxTries = 3

// trial is a new program in its place, until its first run has come to its end. Begun is the scheduler's start of that
// run, empty before it, and BootID the machine's start in which it began.
type trial struct {
	Version       string `json:"version"`
	SHA256        string `json:"sha256"`
	BeforeVersion string `json:"before_version"`
	BeforeSHA256  string `json:"before_sha256"`
	Begun         string `json:"begun"`
	BootID        string `json:"boot_id"`
}

// Failure is a new program that is not in its place. Tries counts those that cost something: with maxTries it is not
// tried again.
type Failure struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
	Reason  string `json:"reason"`
	Tries   int    `json:"tries"`
}

// Begun is what Begin did. Version is that of the program that was installed before and is again, empty otherwise.
type Begun struct {
	Version string
	Note    string
	// OnTrial says that the installed program has yet to show itself.
	OnTrial bool
}

// Begin is called at the start of every pull. The first run of a new program begins with the first start by the scheduler;
// invocation names that start, and is empty when a person calls. If an earlier start did not bring the first run to its
// end, the program before takes its place again. A machine that was switched off meanwhile begins its first run anew.
func Begin(paths config.Paths, tenantID, invocation string) (Begun, error) {
	var found trial
	if isThere, err := read(paths.Trial(), &found); err != nil || !isThere {
		return Begun{}, err
	}
	installed, err := files.SHA256(paths.Agent())
	if err != nil {
		return Begun{}, err
	}
	if installed != found.SHA256 {
		// It was killed before the program took its place, or somebody else has put one there.
		return Begun{}, remove(paths.Trial())
	}
	boot := identity.Read(paths.Root, tenantID).BootID
	switch {
	case found.Begun == "", found.BootID != boot:
		found.Begun, found.BootID = invocation, boot
		return Begun{OnTrial: true}, write(paths.Trial(), found)
	case found.Begun == invocation:
		return Begun{OnTrial: true}, nil
	}
	release, err := lock.Acquire(paths.Lock())
	if errors.Is(err, lock.ErrHeld) {
		return Begun{OnTrial: true}, nil // Its first run is at work.
	}
	if err != nil {
		return Begun{}, err
	}
	reason := "its first run did not come to its end"
	err = errors.Join(fallBack(paths, found, reason, maxTries), release())
	if err != nil {
		return Begun{}, err
	}
	return Begun{Version: found.BeforeVersion, Note: describeFallBack(found, reason)}, nil
}

// Finish is called at the end of every run that the scheduler started: err is what ended it, nil for a run with a report,
// whatever that says. The first run of a new program is over then.
func Finish(paths config.Paths, invocation string, err error) error {
	var found trial
	isThere, readErr := read(paths.Trial(), &found)
	if readErr != nil || !isThere || invocation == "" || found.Begun != invocation {
		return readErr
	}
	if err == nil {
		return Forget(paths)
	}
	if exit, _ := fault.Describe(err); exit == fault.ExitBusy {
		found.Begun = "" // It was no run: another was at work.
		return write(paths.Trial(), found)
	}
	return nil
}

// Forget takes the installed program for good, and every other for one that may be tried.
func Forget(paths config.Paths) error {
	return errors.Join(remove(paths.Trial()), remove(paths.NotUpdated()))
}

// fallBack puts the program before into its place again; what failed is remembered first, so that a kill leads here again.
func fallBack(paths config.Paths, found trial, reason string, tries int) error {
	if err := rememberFailure(paths, found.Version, found.SHA256, reason, tries); err != nil {
		return err
	}
	previous, err := files.SHA256(paths.PreviousAgent())
	if err == nil && previous != found.BeforeSHA256 {
		err = fmt.Errorf("%s is another program", paths.PreviousAgent())
	}
	if err == nil {
		err = swap(paths, paths.PreviousAgent())
	}
	if err != nil {
		return fmt.Errorf("agent %s: %s, and agent %s cannot take its place again: %w", found.Version, reason,
			found.BeforeVersion, err)
	}
	return remove(paths.Trial())
}

func describeFallBack(found trial, reason string) string {
	return fmt.Sprintf("agent %s: %s; agent %s is in its place again", found.Version, reason, found.BeforeVersion)
}

// FindFailure returns the new program that could not be put in place, nil when there is none.
func FindFailure(paths config.Paths) (*Failure, error) {
	var failure Failure
	if isThere, err := read(paths.NotUpdated(), &failure); err != nil || !isThere {
		return nil, err
	}
	return &failure, nil
}

// forgetOthers forgets what failed with other programs than the installed one.
func forgetOthers(paths config.Paths, installed string) error {
	failure, err := FindFailure(paths)
	if err != nil || failure == nil || failure.SHA256 == installed {
		return err
	}
	return remove(paths.NotUpdated())
}

// rememberFailure counts the tries of one program.
func rememberFailure(paths config.Paths, version, sha256, reason string, tries int) error {
	before, err := FindFailure(paths)
	if err == nil && before != nil && before.SHA256 == sha256 {
		tries += before.Tries
	}
	return write(paths.NotUpdated(), Failure{version, sha256, reason, min(tries, maxTries)})
}

// read says whether there is such a file; one that is damaged is taken for none, and written anew.
func read(path string, into any) (isThere bool, err error) {
	body, err := files.ReadOwn(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return json.Unmarshal(body, into) == nil, nil
}

func write(path string, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return files.WriteAtomic(path, append(body, '\n'), 0o600)
}

func remove(path string) error {
	_, err := files.RemoveIfPresent(path)
	return err
}
