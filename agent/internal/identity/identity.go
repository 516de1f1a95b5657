// Package identity says what tells this machine apart from every other, a copy of its disk included: the installation,
// the hardware, and the boot. Values of the machine itself never leave it: each is a digest, of use for this tenant alone.
package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"time"
)

// Identity tells one machine from another. An empty value is not known, and says nothing.
//
// MachineID is of the installation: a copied disk keeps it. HardwareID is of the mainboard or the virtual machine: a
// copied disk has another; it is not known in a container, whose host may be another tomorrow. BootID is of one start of
// the machine, which began at BootedAt on its own clock: of two that overlap, one is another machine's. HostName is for
// people: it changes as they like.
type Identity struct {
	MachineID  string     `json:"machine_id"`
	HardwareID string     `json:"hardware_id"`
	BootID     string     `json:"boot_id"`
	BootedAt   *time.Time `json:"booted_at"`
	HostName   string     `json:"host_name"`
}

// hostNameLimit is more than any system allows.
const hostNameLimit = 255

// raw are a machine's own values, of which digests are made.
type raw struct{ machine, hardware, boot string }

// Read looks at the machine below root, "/" on a real one. What cannot be read is not known, and stops no backup.
func Read(root, tenantID string) Identity {
	found := read(root)
	name, err := os.Hostname()
	if err != nil {
		name = ""
	}
	identity := Identity{
		MachineID: digest(found.machine, "machine", tenantID), HardwareID: digest(found.hardware, "hardware", tenantID),
		BootID: digest(found.boot, "boot", tenantID), BootedAt: BootedAt(root), HostName: strings.ToValidUTF8(name, "?"),
	}
	identity.HostName = identity.HostName[:min(len(identity.HostName), hostNameLimit)]
	return identity
}

// BootedAt is when this machine started, by its clock as it goes now: a clock that was set since has moved that, too.
func BootedAt(root string) *time.Time {
	age, known := uptime(root)
	if !known {
		return nil
	}
	at := time.Now().Add(-age).UTC().Truncate(time.Second)
	return &at
}

// Tag is how this machine's snapshots are marked, empty when nothing is known that outlives a boot.
func (i Identity) Tag() string {
	if i.MachineID == "" && i.HardwareID == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(i.MachineID + "\n" + i.HardwareID))
	return TagPrefix + hex.EncodeToString(sum[:8])
}

// TagPrefix begins the tag that says which machine took a snapshot.
const TagPrefix = "machine-"

// digest is keyed with the value, as machine-id(5) asks for: who has the digest cannot try values faster than that.
func digest(value, kind, tenantID string) string {
	if value == "" {
		return ""
	}
	mac := hmac.New(sha256.New, []byte(value))
	mac.Write([]byte("coffre identity 1\n" + kind + "\n" + tenantID))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$`)

// placeholders are what makers of mainboards left in where a number of its own belongs.
var placeholders = []string{
	"03000200040005000006000700080009", "00020003000400050006000700080009", "12345678123456781234567812345678",
	"123456781234567890abcddeefaabbcc", "01020304050607080910111213141516",
}

// unique returns a UUID in one form, empty for what is none or stands in many machines.
func unique(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if !uuid.MatchString(text) {
		return ""
	}
	text = strings.ReplaceAll(text, "-", "")
	if strings.Count(text, text[:1]) == len(text) || strings.Count(text, text[:2])*2 == len(text) {
		return ""
	}
	for _, each := range placeholders {
		if text == each {
			return ""
		}
	}
	return text
}
