package mounts

import (
	"errors"
	"os"
)

// Read returns what is mounted on this machine.
func Read() (Table, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Table{}, err
	}
	table, err := Parse(file)
	return table, errors.Join(err, file.Close())
}
