package identity

import (
	"context"
	"os/exec"
	"regexp"
	"time"

	"golang.org/x/sys/unix"
)

const askPatience = 10 * time.Second

var platformUUID = regexp.MustCompile(`"IOPlatformUUID" = "([0-9A-Fa-f-]{36})"`)

// read: a Mac has no number of the installation, only of the hardware.
func read(string) raw {
	session, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		session = ""
	}
	return raw{hardware: hardwareUUID(), boot: unique(session)}
}

func uptime(string) (time.Duration, bool) {
	at, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return 0, false
	}
	return time.Since(time.Unix(at.Unix())), true
}

func hardwareUUID() string {
	ctx, cancel := context.WithTimeout(context.Background(), askPatience)
	defer cancel()
	said, err := exec.CommandContext(ctx, "/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice").Output()
	if err != nil {
		return ""
	}
	found := platformUUID.FindSubmatch(said)
	if found == nil {
		return ""
	}
	return unique(string(found[1]))
}
