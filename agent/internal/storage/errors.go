package storage

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"

	"coffre.invalid/agent/internal/text"
)

// Kind is what a failed call means for the agent.
type Kind int

// Kinds of failure.
const (
	// Other is an answer that the agent has no rule for.
	Other Kind = iota
	// QuotaExceeded: the wall of the tenant is reached, nothing can be written.
	QuotaExceeded
	// AccessDenied: the policy, the key or the user is refused.
	AccessDenied
	// NoSuchKey: the object does not exist.
	NoSuchKey
	// AlreadyThere: there is an object of this key, and only a new one was to be made.
	AlreadyThere
	// ClockSkewed: the request's time is too far from the server's.
	ClockSkewed
	// Untrusted: the server's certificate is not by the platform's authority, or expired, or for another name.
	Untrusted
	// Unreachable: no answer, or one that says try again (5xx). The only kind worth retrying.
	Unreachable
)

// Sentinels for errors.Is.
var (
	ErrQuotaExceeded = errors.New("quota exceeded")
	ErrAccessDenied  = errors.New("access denied")
	ErrNoSuchKey     = errors.New("no such object")
	ErrAlreadyThere  = errors.New("there is such an object already")
	ErrClockSkewed   = errors.New("clock too far from the server's")
	ErrUntrusted     = errors.New("certificate not trusted")
	ErrUnreachable   = errors.New("storage unreachable")
)

var sentinels = map[Kind]error{
	QuotaExceeded: ErrQuotaExceeded, AccessDenied: ErrAccessDenied, NoSuchKey: ErrNoSuchKey,
	AlreadyThere: ErrAlreadyThere, ClockSkewed: ErrClockSkewed, Untrusted: ErrUntrusted, Unreachable: ErrUnreachable,
}

// Limits of what is shown of an answer: whoever hosts the storage words it.
const (
	codeLimit   = 60
	reasonLimit = 300
)

// Error is one failed call. Code is the server's own error code, empty when it gave none; Proxy is the host and port of
// the proxy that the call went by, empty without one.
type Error struct {
	Kind  Kind
	Op    string
	Key   string
	Code  string
	Cause error
	Proxy string
}

func (e *Error) Error() string {
	code := text.Line(e.Code, codeLimit)
	what := code
	if sentinel, named := sentinels[e.Kind]; named {
		what = sentinel.Error()
		if code != "" {
			what += " (" + code + ")"
		}
	}
	if code == "" {
		what = strings.TrimPrefix(fmt.Sprintf("%s: %s", what, text.Line(fmt.Sprint(e.reason()), reasonLimit)), ": ")
	}
	if e.Proxy != "" && (e.Kind == Unreachable || e.Kind == Untrusted) {
		what = fmt.Sprintf("through the proxy %s: %s", e.Proxy, what)
	}
	return fmt.Sprintf("cannot %s %s: %s", e.Op, e.Key, what)
}

// reason leaves out the address of the request, which says nothing that Op and Key do not.
func (e *Error) reason() error {
	var request *url.Error
	if errors.As(e.Cause, &request) {
		return request.Err
	}
	return e.Cause
}

// Is makes errors.Is(err, ErrQuotaExceeded) and its like work.
func (e *Error) Is(target error) bool { return sentinels[e.Kind] == target }

func (e *Error) Unwrap() error { return e.Cause }

// codes maps what RGW says (measured on 16.2) to what it means here.
var codes = map[string]Kind{
	"QuotaExceeded":         QuotaExceeded,
	"AccessDenied":          AccessDenied,
	"UserSuspended":         AccessDenied,
	"InvalidAccessKeyId":    AccessDenied,
	"SignatureDoesNotMatch": AccessDenied,
	"NoSuchKey":             NoSuchKey,
	"PreconditionFailed":    AlreadyThere,
	"RequestTimeTooSkewed":  ClockSkewed,
}

func classify(err error) (Kind, string) {
	var answer minio.ErrorResponse
	if errors.As(err, &answer) {
		if kind, known := codes[answer.Code]; known {
			return kind, answer.Code
		}
		if answer.StatusCode >= http.StatusInternalServerError || answer.StatusCode == http.StatusTooManyRequests {
			return Unreachable, answer.Code
		}
		return Other, answer.Code
	}
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	if errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &hostname) ||
		errors.As(err, &invalid) {
		return Untrusted, ""
	}
	return Unreachable, ""
}
