package identity

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// read: Windows has no name for a start of the machine that a copy would not have as well.
func read(string) raw {
	return raw{machine: machineGUID(), hardware: unique(systemUUID(firmwareTable()))}
}

func uptime(string) (time.Duration, bool) { return windows.DurationSinceBoot(), true }

// machineGUID is of the installation: Windows makes it at set-up.
func machineGUID() string {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Cryptography`,
		registry.QUERY_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return ""
	}
	defer func() { _ = key.Close() }() // It was only read.
	value, _, err := key.GetStringValue("MachineGuid")
	if err != nil {
		return ""
	}
	return unique(value)
}

var getSystemFirmwareTable = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetSystemFirmwareTable")

// firmwareTable returns the raw SMBIOS table, nothing when there is none.
func firmwareTable() []byte {
	const provider = 'R'<<24 | 'S'<<16 | 'M'<<8 | 'B'
	const tableLimit = 1 << 20 // More than any SMBIOS table has.
	size, _, _ := getSystemFirmwareTable.Call(provider, 0, 0, 0)
	if size == 0 || size > tableLimit {
		return nil
	}
	table := make([]byte, size)
	written, _, _ := syscall.SyscallN(getSystemFirmwareTable.Addr(), provider, 0,
		uintptr(unsafe.Pointer(&table[0])), size)
	if written == 0 || written > size {
		return nil
	}
	const header = 8 // version and length, before the structures
	if written < header {
		return nil
	}
	return table[header:written]
}
