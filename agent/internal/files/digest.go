package files

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
)

// SHA256 returns the lower-case hex SHA-256 of a file.
func SHA256(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	digest := sha256.New()
	_, err = io.Copy(digest, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}
