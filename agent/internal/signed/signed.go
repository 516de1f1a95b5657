// Package signed reads the envelope of every document that SMILÉO signs for a machine and leaves on its storage: orders
// and deliveries. Whoever hosts the storage can replace those objects, so nothing in them counts before its signature.
package signed

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// signaturesLimit is how many signatures a document may carry: one a signing key, two while the key is being replaced.
const signaturesLimit = 4

// Document is the payload of an envelope, whose signatures were only read.
type Document struct {
	Payload    []byte
	signatures [][]byte
}

type envelope struct {
	Payload    string   `json:"payload"`
	Signatures []string `json:"signatures"`
}

// Read takes an envelope apart. Its signatures are not looked at: see IsBy.
func Read(body []byte) (Document, error) {
	var sealed envelope
	if err := DecodeStrictly(body, &sealed); err != nil {
		return Document{}, fmt.Errorf("not a signed document: %w", err)
	}
	payload, err := base64.StdEncoding.DecodeString(sealed.Payload)
	if err != nil || len(payload) == 0 {
		return Document{}, errors.New("not a signed document: the payload is not base64")
	}
	if count := len(sealed.Signatures); count < 1 || count > signaturesLimit {
		return Document{}, fmt.Errorf("not a signed document: it has %d signatures, not 1 to %d", count, signaturesLimit)
	}
	document := Document{Payload: payload}
	for _, encoded := range sealed.Signatures {
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(signature) != ed25519.SignatureSize {
			return Document{}, errors.New("not a signed document: a signature is not 64 bytes in base64")
		}
		document.signatures = append(document.signatures, signature)
	}
	return document, nil
}

// IsBy says whether one of the signatures was made with this key.
func (d Document) IsBy(key ed25519.PublicKey) bool {
	return slices.ContainsFunc(d.signatures, func(signature []byte) bool {
		return ed25519.Verify(key, d.Payload, signature)
	})
}

// Open is Read, and refuses a document that this key did not sign.
func Open(body []byte, key ed25519.PublicKey) (Document, error) {
	document, err := Read(body)
	if err == nil && !document.IsBy(key) {
		err = errors.New("no signature was made with the key that this machine trusts")
	}
	if err != nil {
		return Document{}, err
	}
	return document, nil
}

// DecodeStrictly reads one JSON document and refuses fields that it does not know, and anything behind it: half
// understood would be half obeyed.
func DecodeStrictly(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more data after the document")
	}
	return nil
}
