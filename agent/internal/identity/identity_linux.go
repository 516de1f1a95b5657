package identity

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ticksPerSecond is USER_HZ, which the kernel shows to programs whatever it counts with itself.
const ticksPerSecond = 100

// readLimit is more than any of these files has.
const readLimit = 1 << 20

func read(root string) raw {
	found := raw{machine: machineID(root), boot: bootName(root)}
	if !isContainer(root) {
		found.hardware = hardwareID(root)
	}
	return found
}

// machineID is that of machine-id(5); one that lasts for a boot only, because /etc cannot be written, says nothing.
func machineID(root string) string {
	if bytes.Contains(readSome(filepath.Join(root, "proc/self/mountinfo")), []byte(" /etc/machine-id ")) {
		return ""
	}
	return unique(firstLine(filepath.Join(root, "etc/machine-id")))
}

// hardwareID is the UUID of the mainboard or the virtual machine; where there is no DMI, the board's serial number.
func hardwareID(root string) string {
	if found := unique(firstLine(filepath.Join(root, "sys/class/dmi/id/product_uuid"))); found != "" {
		return found
	}
	serial := strings.Trim(firstLine(filepath.Join(root, "sys/firmware/devicetree/base/serial-number")), "\x00 ")
	if len(serial) < 8 || strings.Count(serial, serial[:1]) == len(serial) {
		return ""
	}
	return serial
}

// bootName names this start of the machine. A container may show its host's boot, and then moves from one to another and
// back: the start of its own first process is part of the name.
func bootName(root string) string {
	kernel := unique(firstLine(filepath.Join(root, "proc/sys/kernel/random/boot_id")))
	ticks, known := firstProcessTicks(root)
	if kernel == "" || !known {
		return ""
	}
	return kernel + " " + strconv.FormatUint(ticks, 10)
}

// uptime is how long the first process runs, sleep included.
func uptime(root string) (time.Duration, bool) {
	ticks, known := firstProcessTicks(root)
	var up unix.Timespec
	if !known || unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return 0, false
	}
	return time.Duration(up.Nano()) - time.Duration(ticks)*(time.Second/ticksPerSecond), true
}

// firstProcessTicks is when process 1 began, in ticks since the kernel did; see proc(5). Its name may hold anything.
func firstProcessTicks(root string) (uint64, bool) {
	const startTime = 22 - 3 // The fields after the name begin with the third.
	said := readSome(filepath.Join(root, "proc/1/stat"))
	fields := strings.Fields(string(said[bytes.LastIndexByte(said, ')')+1:]))
	if len(fields) <= startTime {
		return 0, false
	}
	ticks, err := strconv.ParseUint(fields[startTime], 10, 64)
	return ticks, err == nil && ticks < 1<<40
}

// isContainer says that the hardware to be seen is the host's. Whoever asks gets the same answer: the environment of the
// first process, for one, is not read, since the agent's service may not.
func isContainer(root string) bool {
	for _, sign := range []string{"run/systemd/container", "run/host/container-manager", ".dockerenv", "run/.containerenv"} {
		if _, err := os.Lstat(filepath.Join(root, sign)); err == nil {
			return true
		}
	}
	return false
}

func firstLine(path string) string {
	line, _, _ := strings.Cut(string(readSome(path)), "\n")
	return line
}

// readSome returns the beginning of a file, nothing of one that cannot be read.
func readSome(path string) []byte {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }() // It was only read.
	body, err := io.ReadAll(io.LimitReader(file, readLimit))
	if err != nil {
		return nil
	}
	return body
}
