package delivery

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"strings"

	"filippo.io/age"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
)

// ReadKey returns the key that deliveries to this machine are sealed for, nil when it has none: then it gets its
// configuration from a deployment.
func ReadKey(paths config.Paths) (*age.X25519Identity, error) {
	if _, err := os.Lstat(paths.DeliveryKey()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil // Machines that SMILÉO reaches have none.
	}
	body, err := config.ReadPrivate(paths.DeliveryKey())
	if err != nil {
		return nil, err
	}
	key, err := age.ParseX25519Identity(strings.TrimSpace(string(body)))
	if err != nil {
		// The parser's own message may quote the key.
		return nil, fault.Failed(paths.DeliveryKey()+" holds no age key", "enrol this machine again with a new invitation")
	}
	return key, nil
}

// EnsureKey is ReadKey, and makes the key when there is none yet. The directory of the configuration is there.
func EnsureKey(paths config.Paths) (key *age.X25519Identity, isNew bool, err error) {
	key, err = ReadKey(paths)
	if err != nil || key != nil {
		return key, false, err
	}
	key, err = age.GenerateX25519Identity()
	if err != nil {
		return nil, false, err
	}
	return key, true, files.WriteAtomic(paths.DeliveryKey(), []byte(key.String()+"\n"), 0o600)
}

// Fingerprint is what people compare of a machine's public key: the first 64 bits of its SHA-256.
func Fingerprint(publicKey string) string {
	sum := sha256.Sum256([]byte(publicKey))
	digits := hex.EncodeToString(sum[:8])
	return strings.Join([]string{digits[:4], digits[4:8], digits[8:12], digits[12:]}, "-")
}
