// Package restic runs the restic program: how it is called, what its JSON says, how it is watched and ended, and what
// its exit codes mean.
package restic

import (
	"slices"
	"strings"

	"coffre.invalid/agent/internal/mounts"
)

// Command is one backup.
type Command struct {
	Binary          string
	Repository      string
	Region          string
	CAFile          string
	CacheDirectory  string
	TemporaryFolder string
	Host            string
	Paths           []string
	Exclude         []string
	// LeftOut are patterns for file systems that hold nothing to keep, around the plan's own.
	LeftOut mounts.LeftOut

	AccessKeyID     string
	SecretAccessKey string
	Password        string

	// MachineTag marks which machine took the snapshot, empty when that is not known: the host's name is the plan's.
	MachineTag string

	// System is the operating system's name in Go's words.
	System string
}

const windows = "windows"

// Call is the start of the backup, in this process's environment.
func (c Command) Call(base []string) Call {
	return Call{Binary: c.Binary, Arguments: c.Arguments(), Environment: c.Environment(base)}
}

// Arguments is the command line after the program's name.
func (c Command) Arguments() []string {
	arguments := []string{
		// The verbose stream names each file that was saved: progress and samples come from it.
		"backup", "--json", "--verbose",
		"--cacert", c.CAFile,
		"--cache-dir", c.CacheDirectory,
		"-o", "s3.bucket-lookup=path",
		"-o", "s3.region=" + c.Region,
		"--host", c.Host,
		"--tag", "coffre",
	}
	if c.MachineTag != "" {
		arguments = append(arguments, "--tag", c.MachineTag)
	}
	if c.System == windows {
		// Files that a program holds open can be read only from a snapshot of the volume. Where there is none to be had
		// (a network drive) restic says so and reads the files themselves.
		arguments = append(arguments, "--use-fs-snapshot")
	}
	// Last, because an earlier pattern may begin with ! and take back what went before.
	last := append(slices.Clone(c.LeftOut.Last), Literal(c.CacheDirectory, c.System))
	for _, pattern := range slices.Concat(c.LeftOut.First, c.Exclude, last) {
		// Not a file of patterns: restic would expand $NAMES and drop lines beginning with # in one.
		arguments = append(arguments, "--exclude="+pattern)
	}
	arguments = append(arguments, "--")
	return append(arguments, c.Paths...)
}

// Literal keeps restic from reading a path as a pattern. On Windows a backslash escapes nothing, and a path has neither
// asterisk nor question mark.
func Literal(path, system string) string {
	if system == windows {
		return path
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// foreign are the variables that would lead restic to another repository, key or authority than the configured ones.
var foreign = []string{"AWS_", "RESTIC_", "SSL_", "MINIO_", "TMPDIR=", "GODEBUG="}

// Environment is base without foreign settings, with this backup's own.
func (c Command) Environment(base []string) []string {
	var clean []string
	for _, entry := range base {
		if !hasAnyPrefix(entry, foreign) {
			clean = append(clean, entry)
		}
	}
	if c.System == windows {
		clean = append(clean, "TMP="+c.TemporaryFolder, "TEMP="+c.TemporaryFolder)
	}
	return append(clean,
		"RESTIC_REPOSITORY="+c.Repository,
		"RESTIC_PASSWORD="+c.Password,
		"AWS_ACCESS_KEY_ID="+c.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY="+c.SecretAccessKey,
		"RESTIC_PROGRESS_FPS=1",
		"TMPDIR="+c.TemporaryFolder,
	)
}

func hasAnyPrefix(text string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}
