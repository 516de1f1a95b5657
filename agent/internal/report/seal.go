package report

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// What both sides derive and bind: SMILÉO reads reports with the same words (coffre/agents/sealing.py).
const (
	sealedVersion = 2
	keyLabel      = "coffre report key 1"
	boundLabel    = "coffre report 2"
	nameKeyLabel  = "coffre report name key 1"
	nameLabel     = "coffre report name 1"
	keyBytes      = 32
	tagBytes      = 16
)

// Sealer encrypts what this machine says so that SMILÉO alone reads it, and nobody but this machine can have said it:
// its key comes from the repository's password, which neither the storage's host nor another machine knows.
type Sealer struct {
	aead              cipher.AEAD
	nameKey           []byte
	tenantID, machine string
}

// sealed is the document on the storage; the version is all that stands there in clear.
type sealed struct {
	Version int    `json:"version"`
	Sealed  string `json:"sealed"`
}

// NewSealer derives the machine's key.
func NewSealer(repositoryPassword, tenantID, machine string) (Sealer, error) {
	key, err := hkdf.Key(sha256.New, []byte(repositoryPassword), nil, keyLabel, keyBytes)
	if err != nil {
		return Sealer{}, fmt.Errorf("report key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Sealer{}, fmt.Errorf("report key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Sealer{}, fmt.Errorf("report key: %w", err)
	}
	nameKey, err := hkdf.Key(sha256.New, key, nil, nameKeyLabel, keyBytes)
	if err != nil {
		return Sealer{}, fmt.Errorf("report key: %w", err)
	}
	return Sealer{aead: aead, nameKey: nameKey, tenantID: tenantID, machine: machine}, nil
}

// Name is the report's object name below Prefix and its file name while it waits; names sort as numbers do. It carries a
// tag that only this machine can make, so that SMILÉO tells its reports in a listing from whatever others put there.
func (s Sealer) Name(report Report) string {
	said := fmt.Sprintf("%010d-%s", report.Number, report.RunID)
	tag := hmac.New(sha256.New, s.nameKey)
	tag.Write([]byte(strings.Join([]string{nameLabel, s.tenantID, s.machine, said}, "\n")))
	return said + "-" + hex.EncodeToString(tag.Sum(nil)[:tagBytes]) + sealedSuffix
}

// Seal returns the body as it is stored under this object key. It opens under no other key, and as no other machine's.
func (s Sealer) Seal(key string, body []byte) ([]byte, error) {
	closed := s.aead.Seal(nil, nil, body, s.bound(key))
	document, err := json.Marshal(sealed{Version: sealedVersion, Sealed: base64.StdEncoding.EncodeToString(closed)})
	return append(document, '\n'), err
}

// Open is the inverse of Seal, for tests: the agent itself reads nothing that it has sealed.
func (s Sealer) Open(key string, document []byte) ([]byte, error) {
	var found sealed
	if err := json.Unmarshal(document, &found); err != nil {
		return nil, err
	}
	if found.Version != sealedVersion {
		return nil, fmt.Errorf("sealed as version %d", found.Version)
	}
	closed, err := base64.StdEncoding.DecodeString(found.Sealed)
	if err != nil {
		return nil, err
	}
	return s.aead.Open(nil, nil, closed, s.bound(key))
}

// bound is what a seal vouches for beside its content. No part can hold a line feed.
func (s Sealer) bound(key string) []byte {
	return []byte(strings.Join([]string{boundLabel, s.tenantID, s.machine, key}, "\n"))
}
