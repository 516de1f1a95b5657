package files

import "strings"

// real returns a path without macOS's own three links at the root.
func real(path string) string {
	for _, linked := range []string{"/etc", "/tmp", "/var"} {
		if path == linked || strings.HasPrefix(path, linked+"/") {
			return "/private" + path
		}
	}
	return path
}
