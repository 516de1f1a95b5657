package enrol

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"

	"coffre.invalid/agent/internal/identity"
)

// claimBytes is the exact length of a claim, which its address is signed for.
const claimBytes = 4096

type claim struct {
	Version int    `json:"version"`
	Claim   []byte `json:"claim"`
	MAC     string `json:"mac"`
}

type claimed struct {
	Invitation   string            `json:"invitation"`
	TenantID     string            `json:"tenant_id"`
	Machine      string            `json:"machine"`
	PublicKey    string            `json:"public_key"`
	Identity     identity.Identity `json:"identity"`
	OS           string            `json:"os"`
	Arch         string            `json:"arch"`
	AgentVersion string            `json:"agent_version"`
	// AgentSHA256 is of the program that will be installed. Who says it takes programs by deliveries.
	AgentSHA256 string `json:"agent_sha256"`
}

// sealClaim says whose key this is, in a document that only a holder of the invitation can make.
func (i Invitation) sealClaim(publicKey string, who identity.Identity, version string, program []byte) ([]byte, error) {
	digest := sha256.Sum256(program)
	payload, err := json.Marshal(claimed{
		i.ID, i.TenantID, i.Machine, publicKey, who, runtime.GOOS, runtime.GOARCH, version,
		hex.EncodeToString(digest[:]),
	})
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, i.Secret)
	mac.Write([]byte("coffre claim 1\n"))
	mac.Write(payload)
	body, err := json.Marshal(claim{1, payload, hex.EncodeToString(mac.Sum(nil))})
	if err != nil {
		return nil, err
	}
	if len(body) > claimBytes {
		return nil, fmt.Errorf("the claim has %d bytes, more than %d", len(body), claimBytes)
	}
	return append(body, bytes.Repeat([]byte(" "), claimBytes-len(body))...), nil
}
