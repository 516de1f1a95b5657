package storage

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// answerLimitBytes is the most that is read of a refusal.
const answerLimitBytes = 16 << 10

// Presigned reaches single objects at addresses that were signed with another's key. An address is a secret: no error
// and no message holds it.
type Presigned struct{ client *http.Client }

// OpenPresigned prepares a client that trusts these authorities, in PEM, and no others.
func OpenPresigned(certificates []byte) (*Presigned, error) {
	pool, err := parseAuthorities(certificates)
	if err != nil {
		return nil, err
	}
	return &Presigned{&http.Client{
		Transport: transport(pool), Timeout: callTimeout,
		// What was signed is for one host: wherever that one points, nothing is sent to another.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Put writes a whole object, named for messages, with exactly these headers, which are part of the signature. Errors as for
// Get of a Client.
func (p *Presigned) Put(ctx context.Context, name, address string, headers map[string]string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, address, bytes.NewReader(body))
	if err != nil {
		return &Error{Kind: Other, Op: "write", Key: name, Cause: errors.New("its address is none")}
	}
	for header, value := range headers {
		// net/http writes these two by itself: from the body, and from Host.
		switch {
		case strings.EqualFold(header, "Content-Length"):
		case strings.EqualFold(header, "Host"):
			request.Host = value
		default:
			request.Header.Set(header, value)
		}
	}
	_, err = p.do(request, "write", name, answerLimitBytes)
	return err
}

// Get reads a whole object of at most limit bytes, named for messages. Errors as for Get of a Client.
func (p *Presigned) Get(ctx context.Context, name, address string, limit int64) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, &Error{Kind: Other, Op: "read", Key: name, Cause: errors.New("its address is none")}
	}
	return p.do(request, "read", name, limit)
}

func (p *Presigned) do(request *http.Request, op, name string, limit int64) ([]byte, error) {
	failure := func(err error) error {
		if request.Context().Err() != nil {
			return context.Cause(request.Context())
		}
		// Only what went wrong: the error of a request names its address.
		var whole *url.Error
		if errors.As(err, &whole) {
			err = whole.Err
		}
		kind, _ := classify(err)
		return &Error{Kind: kind, Op: op, Key: name, Cause: err}
	}
	answer, err := p.client.Do(request)
	if err != nil {
		return nil, failure(err)
	}
	defer func() { _ = answer.Body.Close() }() // It was only read.
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusNoContent {
		return nil, refusal(answer, op, name)
	}
	if answer.ContentLength > limit {
		return nil, tooLarge(name, limit)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return nil, failure(err)
	}
	if int64(len(body)) > limit {
		return nil, tooLarge(name, limit)
	}
	return body, nil
}

// refusal tells what an answer means by its code, else by its status.
func refusal(answer *http.Response, op, name string) error {
	var said struct{ Code string }
	// An answer that is no XML, a proxy's for instance, has its status alone.
	_ = xml.NewDecoder(io.LimitReader(answer.Body, answerLimitBytes)).Decode(&said)
	kind, known := codes[said.Code]
	switch {
	case known:
	case answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized:
		kind = AccessDenied
	case answer.StatusCode == http.StatusNotFound:
		kind = NoSuchKey
	case answer.StatusCode == http.StatusPreconditionFailed:
		kind = AlreadyThere
	case answer.StatusCode >= http.StatusInternalServerError || answer.StatusCode == http.StatusTooManyRequests ||
		answer.StatusCode == http.StatusConflict:
		kind = Unreachable
	}
	return &Error{Kind: kind, Op: op, Key: name, Code: said.Code, Cause: fmt.Errorf("HTTP status %d", answer.StatusCode)}
}
