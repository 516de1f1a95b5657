//go:build !linux

package units

// Additions are the files of others that change the registered job; only systemd knows such files.
func Additions(string) ([]string, error) { return nil, nil }
