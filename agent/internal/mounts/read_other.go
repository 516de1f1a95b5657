//go:build !linux && !darwin

package mounts

// Read returns no mounts: Windows has no file systems that the kernel makes up.
func Read() (Table, error) { return Table{}, nil }
