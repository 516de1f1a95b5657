package enrol

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"regexp"
	"time"

	"coffre.invalid/agent/internal/delivery"
)

// invitationLimitBytes is the largest invitation that is read: it may hold the certificates of all public authorities.
const invitationLimitBytes = 1 << 20

// byteOrderMark is what Windows PowerShell may put before what it gives a program.
var byteOrderMark = []byte("\xef\xbb\xbf")

const (
	idLength    = 32
	secretBytes = 32
)

// Invitation lets one machine claim its place, once. It is a secret, read on standard input alone; it never prints.
type Invitation struct {
	Version          int       `json:"version"`
	ID               string    `json:"invitation"`
	TenantID         string    `json:"tenant_id"`
	Machine          string    `json:"machine"`
	Secret           []byte    `json:"secret"`
	SigningPublicKey []byte    `json:"signing_public_key"`
	ExpiresAt        time.Time `json:"expires_at"`
	// ClaimURL takes the claim, sent with exactly ClaimHeaders; at AnswerURL is the delivery. Both are signed.
	ClaimURL     string            `json:"claim_url"`
	ClaimHeaders map[string]string `json:"claim_headers"`
	AnswerURL    string            `json:"answer_url"`
	// After is the number that a delivery must be above to answer this invitation.
	After int64 `json:"after"`
	// Certificates are those of the platform's authorities, in PEM.
	Certificates string `json:"certificates"`
}

// String keeps secrets out of every formatted message.
func (Invitation) String() string { return "(invitation)" }

// GoString does the same for %#v.
func (Invitation) GoString() string { return "(invitation)" }

var (
	hexadecimal = regexp.MustCompile(`^[0-9a-f]+$`)
	tenantID    = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
	machineName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

// ReadInvitation reads one invitation. Every error is a refusal that quotes nothing of it.
func ReadInvitation(input io.Reader) (Invitation, error) {
	body, err := io.ReadAll(io.LimitReader(input, invitationLimitBytes+1))
	if err != nil {
		return Invitation{}, damaged("elle ne peut pas être lue")
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return Invitation{}, damaged("elle est vide")
	}
	if len(body) > invitationLimitBytes {
		return Invitation{}, damaged("elle est trop longue")
	}
	// The decoder's own message may quote what it read.
	var found Invitation
	if json.Unmarshal(bytes.TrimPrefix(body, byteOrderMark), &found) != nil {
		return Invitation{}, damaged("ce n'est pas le document attendu")
	}
	if found.Version != 1 {
		return Invitation{}, damaged("elle est pour une autre version de l'agent")
	}
	if err := found.check(); err != nil {
		return Invitation{}, damaged(err.Error())
	}
	return found, nil
}

func (i Invitation) check() error {
	switch {
	case len(i.ID) != idLength || !hexadecimal.MatchString(i.ID):
		return errors.New("son identifiant est incorrect")
	case !tenantID.MatchString(i.TenantID) || !machineName.MatchString(i.Machine):
		return errors.New("le nom de l'ordinateur est incorrect")
	case len(i.Secret) != secretBytes || len(i.SigningPublicKey) != ed25519.PublicKeySize:
		return errors.New("une clé est incorrecte")
	case i.ExpiresAt.IsZero() || i.After < 0:
		return errors.New("sa date ou son numéro est incorrect")
	case !isSecure(i.ClaimURL) || !isSecure(i.AnswerURL):
		return errors.New("une adresse est incorrecte")
	case !x509.NewCertPool().AppendCertsFromPEM([]byte(i.Certificates)):
		return errors.New("il y manque le certificat de la plateforme")
	}
	return nil
}

func isSecure(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && parsed.Scheme == "https" && parsed.Host != ""
}

func (i Invitation) target() delivery.Target {
	return delivery.Target{TenantID: i.TenantID, Machine: i.Machine, Key: i.SigningPublicKey}
}
