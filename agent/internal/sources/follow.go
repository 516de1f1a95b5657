// Package sources knows what the paths of a plan are on this machine, counts what each gave to a backup, and judges
// whether that is what it should have given. What it compares with is what the last good run gave.
package sources

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// linksLimit is how many links are followed from one path, as the kernel does.
const linksLimit = 40

// Source is one path of a plan as this machine has it. Links are the links that were followed from it, itself the first;
// Real is what is backed up: the path itself, or what the last link leads to.
type Source struct {
	Path  string
	Links []string
	Real  string
	// IsThere says that Real exists.
	IsThere bool
	// IsRefused says that Real is a link that this agent does not follow.
	IsRefused bool
}

// Resolve looks at each path. A link is followed, and kept beside what it leads to: a restored machine then has both. One
// that a plain user set is followed only to what is his own: an agent reads everything, and nobody is to point it at
// another's files.
func Resolve(paths []string) []Source {
	found := make([]Source, 0, len(paths))
	for _, path := range paths {
		found = append(found, resolve(path))
	}
	return found
}

func resolve(path string) Source {
	source := Source{Path: path, Real: filepath.Clean(path)}
	for range linksLimit {
		facts, err := os.Lstat(source.Real)
		if err != nil {
			// Whatever else keeps it from being looked at is restic's to say.
			source.IsThere = !errors.Is(err, fs.ErrNotExist)
			return source
		}
		source.IsThere = true
		target, isLink := readLink(source.Real, facts)
		if !isLink {
			return source
		}
		if !mayFollow(source.Real, facts) {
			source.IsRefused = true
			return source
		}
		source.Links = append(source.Links, source.Real)
		source.Real = target
	}
	source.IsRefused = true
	return source
}

// readLink returns where a link leads, absolute. A junction of Windows is a link as well; what leads to a volume by its
// number is a mount.
func readLink(path string, facts fs.FileInfo) (string, bool) {
	if facts.Mode()&(fs.ModeSymlink|fs.ModeIrregular) == 0 {
		return "", false
	}
	target, err := os.Readlink(path)
	if err != nil {
		return "", false
	}
	if !filepath.IsAbs(target) {
		// The folder that the link is in may itself be reached over links, and “..” counts from where it really is.
		folder, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", false
		}
		target = filepath.Join(folder, target)
	}
	return filepath.Clean(target), true
}

// Targets are what restic is told to back up, each once: the links, and what they lead to. What does not exist is left
// out, since restic would call the whole backup incomplete for it.
func Targets(sources []Source) []string {
	var targets []string
	add := func(path string) {
		if !slices.Contains(targets, path) {
			targets = append(targets, path)
		}
	}
	for _, source := range sources {
		for _, link := range source.Links {
			add(link)
		}
		if source.IsThere {
			add(source.Real)
		}
	}
	return targets
}
