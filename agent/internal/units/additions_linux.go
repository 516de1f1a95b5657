package units

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The directories where systemd looks for units and their drop-ins; a unit in the first ones comes before ours.
var (
	earlierDirectories = []string{
		"etc/systemd/system.control", "run/systemd/system.control", "run/systemd/transient", "run/systemd/generator.early",
	}
	laterDirectories = []string{
		"etc/systemd/system", "run/systemd/system", "run/systemd/generator", "usr/local/lib/systemd/system",
		"usr/lib/systemd/system", "run/systemd/generator.late",
	}
)

// dropInDirectories are those for our two units alone; what somebody wrote for all services of the machine is not about us.
var dropInDirectories = []string{serviceUnit + ".d", timerUnit + ".d", "coffre-.service.d", "coffre-.timer.d"}

// additionLimit bounds how many are told: each of them is enough to look at the machine.
const additionLimit = 20

// Additions are the files of others that change the registered job: drop-ins of the units, and units that systemd takes
// instead of ours. They may stop the backups while the units are as they should be. Nothing here changes them.
func Additions(root string) ([]string, error) {
	var found []string
	for _, directory := range slices.Concat(earlierDirectories, laterDirectories) {
		for _, name := range dropInDirectories {
			files, err := listDropIns(filepath.Join(root, directory, name))
			if err != nil {
				return nil, err
			}
			found = append(found, files...)
		}
	}
	for _, directory := range earlierDirectories {
		for _, name := range []string{serviceUnit, timerUnit} {
			path := filepath.Join(root, directory, name)
			if _, err := os.Lstat(path); err == nil {
				found = append(found, path)
			} else if !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
	if len(found) > additionLimit {
		found = found[:additionLimit]
	}
	return found, nil
}

// listDropIns lists what systemd reads in a directory: files that end in .conf.
func listDropIns(directory string) ([]string, error) {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var found []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".conf") {
			found = append(found, filepath.Join(directory, entry.Name()))
		}
	}
	return found, err
}
