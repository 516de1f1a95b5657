//go:build unix

package apply

import "os"

func removeTree(path string) error { return os.RemoveAll(path) }
