// Package repository reads just enough of restic's repository format (version 1 and 2, doc/design.rst of restic) to say
// whether a snapshot is there to be restored: its key, its index, and what a snapshot begins with. restic itself has no
// command for that which does not read every folder of every snapshot. Nothing is ever written.
package repository

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"

	//lint:ignore SA1019 restic seals what it writes with this.
	"golang.org/x/crypto/poly1305"
	"golang.org/x/crypto/scrypt"
)

const (
	nonceBytes = 16
	keyBytes   = 32
	halfBytes  = 16
	// A key file says how much work opening it is; a storage must not make that endless.
	memoryLimit = 512 << 20
	passesLimit = 64
)

var errForged = errors.New("it was not written with this repository's key")

// masterKey opens everything in a repository: AES-256 in counter mode, authenticated by Poly1305-AES.
type masterKey struct {
	encrypt, macK, macR []byte
}

// open returns what was sealed, or errForged.
func (k masterKey) open(sealed []byte) ([]byte, error) {
	if len(sealed) < nonceBytes+poly1305.TagSize {
		return nil, errForged
	}
	nonce, body := sealed[:nonceBytes], sealed[nonceBytes:len(sealed)-poly1305.TagSize]
	block, err := aes.NewCipher(k.macK)
	if err != nil {
		return nil, err
	}
	var oneTime [32]byte
	copy(oneTime[:halfBytes], k.macR)
	block.Encrypt(oneTime[halfBytes:], nonce)
	var tag [poly1305.TagSize]byte
	copy(tag[:], sealed[len(sealed)-poly1305.TagSize:])
	if !poly1305.Verify(&tag, body, &oneTime) {
		return nil, errForged
	}
	block, err = aes.NewCipher(k.encrypt)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(body))
	cipher.NewCTR(block, nonce).XORKeyStream(plain, body)
	return plain, nil
}

// keyFile is one of restic/keys/: the master key, sealed by a key that comes from a password.
type keyFile struct {
	KDF  string `json:"kdf"`
	N    int    `json:"N"`
	R    int    `json:"r"`
	P    int    `json:"p"`
	Salt []byte `json:"salt"`
	Data []byte `json:"data"`
}

// openKey tries a password on a key file.
func openKey(body []byte, password string) (masterKey, error) {
	var file keyFile
	if err := json.Unmarshal(body, &file); err != nil {
		return masterKey{}, fmt.Errorf("it is not a key file: %w", err)
	}
	isSane := file.N > 1 && file.R > 0 && file.P > 0 && file.P <= passesLimit && file.R <= memoryLimit/128 &&
		file.N <= memoryLimit/128/file.R
	if file.KDF != "scrypt" || !isSane {
		return masterKey{}, errors.New("it requires more work than restic ever does")
	}
	derived, err := scrypt.Key([]byte(password), file.Salt, file.N, file.R, file.P, keyBytes+2*halfBytes)
	if err != nil {
		return masterKey{}, err
	}
	own := masterKey{derived[:keyBytes], derived[keyBytes : keyBytes+halfBytes], derived[keyBytes+halfBytes:]}
	plain, err := own.open(file.Data)
	if err != nil {
		return masterKey{}, err
	}
	var found struct {
		Encrypt []byte `json:"encrypt"`
		MAC     struct {
			K []byte `json:"k"`
			R []byte `json:"r"`
		} `json:"mac"`
	}
	err = json.Unmarshal(plain, &found)
	if err != nil || len(found.Encrypt) != keyBytes || len(found.MAC.K) != halfBytes || len(found.MAC.R) != halfBytes {
		return masterKey{}, errors.New("it contains no master key")
	}
	return masterKey{found.Encrypt, found.MAC.K, found.MAC.R}, nil
}
