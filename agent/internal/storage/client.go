// Package storage speaks S3 to the machine's own bucket: it reads orders and the gate, and puts reports. It trusts the
// platform's own certificate authority and no other, and never waits longer than a call's own limit.
package storage

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/files"
)

// Limits of one call. Objects here are small; a gateway that needs longer is as good as gone.
const (
	callTimeout   = 20 * time.Second
	dialTimeout   = 5 * time.Second
	headerTimeout = 15 * time.Second
)

// Settings say where the bucket is and with which key it is used. The authorities to trust are Certificates, in PEM, or
// else those in CAFile.
type Settings struct {
	Endpoint        string
	Region          string
	Bucket          string
	CAFile          string
	Certificates    []byte
	AccessKeyID     string
	SecretAccessKey string
}

// Client is one machine's view of its bucket. It may be used by several goroutines.
type Client struct {
	core   minio.Core
	bucket string
	clock  *clockRecorder
	proxy  string // host and port of the proxy that leads there, empty without one
}

// OfMachine are the settings of this machine's own key on that bucket of its platform.
func OfMachine(machine config.Machine, credentials config.Credentials, bucket string) Settings {
	return Settings{
		Endpoint: machine.Endpoint, Region: machine.Region, Bucket: bucket, CAFile: machine.CAFile,
		AccessKeyID: credentials.AccessKeyID, SecretAccessKey: credentials.SecretAccessKey,
	}
}

// Open prepares a client; nothing is sent yet.
func Open(settings Settings) (*Client, error) {
	endpoint, err := url.Parse(settings.Endpoint)
	if err != nil {
		return nil, err
	}
	authorities, err := settings.authorities()
	if err != nil {
		return nil, err
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: endpoint})
	if err != nil {
		return nil, errors.New("HTTPS_PROXY names no proxy")
	}
	clock := &clockRecorder{next: transport(authorities)}
	core, err := minio.NewCore(endpoint.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(settings.AccessKeyID, settings.SecretAccessKey, ""),
		Secure:       true,
		Transport:    clock,
		Region:       settings.Region,
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   1,
	})
	if err != nil {
		return nil, fmt.Errorf("storage client: %w", err)
	}
	client := &Client{core: *core, bucket: settings.Bucket, clock: clock}
	if proxy != nil {
		client.proxy = proxy.Host
	}
	return client, nil
}

// transport reaches hosts whose certificate is by these authorities, and no others.
func transport(authorities *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: headerTimeout,
		IdleConnTimeout:       time.Minute,
		DisableCompression:    true,
	}
}

func (s Settings) authorities() (*x509.CertPool, error) {
	if s.Certificates != nil {
		return parseAuthorities(s.Certificates)
	}
	body, err := files.ReadOwn(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	pool, err := parseAuthorities(body)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, s.CAFile)
	}
	return pool, nil
}

func parseAuthorities(certificates []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(certificates) {
		return nil, errors.New("certificate authority: no certificate")
	}
	return pool, nil
}

// Get reads a whole object of at most limit bytes. Errors are *Error, or the context's cause when that ended the call.
func (c *Client) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	object, facts, _, err := c.core.GetObject(call, c.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, c.failure(ctx, "read", key, err)
	}
	if facts.Size > limit {
		return nil, errors.Join(tooLarge(key, limit), object.Close())
	}
	body, err := io.ReadAll(io.LimitReader(object, limit+1))
	if err = errors.Join(err, object.Close()); err != nil {
		return nil, c.failure(ctx, "read", key, err)
	}
	if int64(len(body)) > limit {
		return nil, tooLarge(key, limit)
	}
	return body, nil
}

// Exists tells whether there is an object of this key. Errors as for Get.
func (c *Client) Exists(ctx context.Context, key string) (bool, error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.core.StatObject(call, c.bucket, key, minio.StatObjectOptions{})
	if err == nil {
		return true, nil
	}
	failure := c.failure(ctx, "look for", key, err)
	if errors.Is(failure, ErrNoSuchKey) {
		return false, nil
	}
	return false, failure
}

// Download copies an object of at most limit bytes to a writer and returns their number. It ends when no byte comes for
// callTimeout, or with the context. Errors as for Get; an error of the writer is returned as it is.
func (c *Client) Download(ctx context.Context, key string, limit int64, into io.Writer) (int64, error) {
	return c.download(ctx, key, limit, into, minio.GetObjectOptions{})
}

func (c *Client) download(ctx context.Context, key string, limit int64, into io.Writer, options minio.GetObjectOptions) (
	int64, error,
) {
	call, cancel := context.WithCancel(ctx)
	defer cancel()
	stalled := time.AfterFunc(callTimeout, cancel)
	defer stalled.Stop()
	object, facts, _, err := c.core.GetObject(call, c.bucket, key, options)
	if err != nil {
		return 0, c.failure(ctx, "read", key, err)
	}
	defer func() { _ = object.Close() }() // Everything of it was read, or its own error is told.
	if facts.Size > limit {
		return 0, tooLarge(key, limit)
	}
	var count int64
	buffer := make([]byte, 256<<10)
	for {
		read, err := object.Read(buffer)
		stalled.Reset(callTimeout)
		if count += int64(read); count > limit {
			return count, tooLarge(key, limit)
		}
		if _, writeErr := into.Write(buffer[:read]); writeErr != nil {
			return count, writeErr
		}
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, c.failure(ctx, "read", key, err)
		}
	}
}

// List calls each with every object below a prefix, in the order of their keys, a thousand a request. It ends when no
// answer comes for callTimeout. Errors as for Get.
func (c *Client) List(ctx context.Context, prefix string, each func(key string, sizeBytes int64)) error {
	call, cancel := context.WithCancel(ctx)
	defer cancel()
	stalled := time.AfterFunc(callTimeout, cancel)
	defer stalled.Stop()
	options := minio.ListObjectsOptions{Prefix: prefix, Recursive: true, MaxKeys: pageKeys}
	for object := range c.core.Client.ListObjects(call, c.bucket, options) {
		if object.Err != nil {
			return c.failure(ctx, "list", prefix, object.Err)
		}
		stalled.Reset(callTimeout)
		each(object.Key, object.Size)
	}
	// A listing that was ended says so in no object.
	if call.Err() != nil {
		return c.failure(ctx, "list", prefix, context.DeadlineExceeded)
	}
	return nil
}

const pageKeys = 1000

// GetPart reads a part of an object. It ends when no byte comes for callTimeout. Errors as for Get.
func (c *Client) GetPart(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	var options minio.GetObjectOptions
	if err := options.SetRange(offset, offset+length-1); err != nil {
		return nil, &Error{Kind: Other, Op: "read", Key: key, Cause: err}
	}
	var body bytes.Buffer
	_, err := c.download(ctx, key, length, &body, options)
	return body.Bytes(), err
}

// Put writes a whole small object. Errors as for Get.
func (c *Client) Put(ctx context.Context, key string, body []byte) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.core.PutObject(call, c.bucket, key, bytes.NewReader(body), int64(len(body)), "", "",
		minio.PutObjectOptions{ContentType: "application/json", SendContentMd5: true})
	if err != nil {
		return c.failure(ctx, "write", key, err)
	}
	return nil
}

func tooLarge(key string, limit int64) error {
	return &Error{Kind: Other, Op: "read", Key: key, Cause: fmt.Errorf("larger than %d bytes", limit)}
}

func (c *Client) failure(ctx context.Context, op, key string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	kind, code := classify(err)
	return &Error{Kind: kind, Op: op, Key: key, Code: code, Cause: err, Proxy: c.proxy}
}

// ClockOffsetSeconds is this machine's clock minus the server's, as of the last answer, good to about half a second
// because the server's Date header has whole seconds. It is unknown before the first answer.
func (c *Client) ClockOffsetSeconds() (offset float64, known bool) { return c.clock.offsetSeconds() }

// Retry repeats call for as long as it fails with Unreachable and total has not passed.
func Retry(ctx context.Context, total time.Duration, call func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, total)
	defer cancel()
	var last error
	for pause := time.Second; ; pause = min(2*pause, 8*time.Second) {
		err := call(bounded)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if bounded.Err() != nil {
			if last == nil {
				last = &Error{Kind: Unreachable, Op: "reach", Key: "the storage", Cause: err}
			}
			return last
		}
		if !errors.Is(err, ErrUnreachable) {
			return err
		}
		last = err
		select {
		case <-bounded.Done():
		case <-time.After(pause):
		}
	}
}
