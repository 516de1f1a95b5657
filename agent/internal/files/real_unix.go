//go:build unix && !darwin

package files

func real(path string) string { return path }
