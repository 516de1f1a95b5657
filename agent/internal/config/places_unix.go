//go:build unix

package config

import "path/filepath"

func (p Paths) at(path string) string { return filepath.Join(p.Root, path) }
