//go:build unix

package enrol

import "os"

// administrator is who may install programs.
const administrator = "administrateur (root)"

// IsAdministrator says whether this process may install programs.
func IsAdministrator() bool { return os.Geteuid() == 0 }
