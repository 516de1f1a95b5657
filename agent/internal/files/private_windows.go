package files

import (
	"fmt"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"
)

// privateAccess is an access list in Windows' own language: protected from inheritance, everything to the system and to
// the administrators, nothing to anybody else, handed down to what is made inside.
const privateAccess = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"

func makePrivate(path string, _ fs.FileInfo) error {
	if CheckPrivate(path) == nil {
		return nil
	}
	descriptor, err := windows.SecurityDescriptorFromString(privateAccess)
	if err != nil {
		return err
	}
	list, _, err := descriptor.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
}

// CheckPrivate returns an error, a sentence, unless path belongs to the system or its administrators and they alone may
// do anything with it.
func CheckPrivate(path string) error {
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("cannot tell who may read %s: %w", path, err)
	}
	owner, _, err := descriptor.Owner()
	if err != nil || !isTrusted(owner) {
		return fmt.Errorf("%s belongs to neither the system nor its administrators", path)
	}
	list, _, err := descriptor.DACL()
	if err != nil || list == nil {
		return fmt.Errorf("%s may be read by others (it has no access list)", path)
	}
	for index := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, index, &entry); err != nil {
			return fmt.Errorf("cannot tell who may read %s: %w", path, err)
		}
		if entry.Header.AceType == windows.ACCESS_DENIED_ACE_TYPE {
			continue
		}
		// Allowing entries of other types begin otherwise; there is no reason to have one here.
		holder := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
		if entry.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE || !isTrusted(holder) {
			return fmt.Errorf("%s may be read by others than the system and its administrators", path)
		}
	}
	return nil
}

func isTrusted(sid *windows.SID) bool {
	return sid.IsWellKnown(windows.WinLocalSystemSid) || sid.IsWellKnown(windows.WinBuiltinAdministratorsSid)
}
