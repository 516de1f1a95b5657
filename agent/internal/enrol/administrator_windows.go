package enrol

import "golang.org/x/sys/windows"

// administrator is who may install programs.
const administrator = "administrateur"

// IsAdministrator says whether this process may install programs.
func IsAdministrator() bool { return windows.GetCurrentProcessToken().IsElevated() }
