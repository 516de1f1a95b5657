package storage

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"coffre.invalid/agent/internal/testkit/s3double"
)

func open(t *testing.T, server *s3double.Server, change func(*Settings)) *Client {
	t.Helper()
	settings := Settings{
		Endpoint: server.URL, Region: "default", Bucket: s3double.Bucket, CAFile: server.CAFile,
		AccessKeyID: "AK", SecretAccessKey: "SK",
	}
	if change != nil {
		change(&settings)
	}
	client, err := Open(settings)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestWhatIsPutCanBeRead(t *testing.T) {
	server := s3double.Start(t)
	client := open(t, server, nil)
	if err := client.Put(t.Context(), "reports/a", []byte("body")); err != nil {
		t.Fatal(err)
	}
	if got := server.Get("reports/a"); string(got) != "body" {
		t.Fatalf("stored %q", got)
	}
	if got, err := client.Get(t.Context(), "reports/a", 4); err != nil || string(got) != "body" {
		t.Fatalf("%q %v", got, err)
	}
	if _, err := client.Get(t.Context(), "reports/a", 3); err == nil || !strings.Contains(err.Error(), "larger than 3") {
		t.Fatal(err)
	}
}

func TestServerCodesBecomeKinds(t *testing.T) {
	server := s3double.Start(t)
	client := open(t, server, nil)
	for code, want := range map[string]error{
		"QuotaExceeded": ErrQuotaExceeded, "AccessDenied": ErrAccessDenied, "UserSuspended": ErrAccessDenied,
		"InvalidAccessKeyId": ErrAccessDenied, "NoSuchKey": ErrNoSuchKey, "RequestTimeTooSkewed": ErrClockSkewed,
		"SlowDown": ErrUnreachable,
	} {
		server.FailWith(func(string, string) string { return code })
		_, getErr := client.Get(t.Context(), "control/gate.json", 10)
		putErr := client.Put(t.Context(), "reports/x", []byte("x"))
		for _, err := range []error{getErr, putErr} {
			if !errors.Is(err, want) || !strings.Contains(err.Error(), code) {
				t.Errorf("%s: %v", code, err)
			}
		}
	}
	server.FailWith(func(string, string) string { return "Strange" })
	if err := client.Put(t.Context(), "k", nil); err == nil || errors.Is(err, ErrUnreachable) {
		t.Fatal(err)
	}
}

func TestOnlyTheOwnAuthorityIsTrusted(t *testing.T) {
	server := s3double.Start(t)
	client := open(t, server, func(s *Settings) { s.CAFile = foreignAuthority(t) })
	err := client.Put(t.Context(), "k", []byte("x"))
	if !errors.Is(err, ErrUntrusted) || errors.Is(err, ErrUnreachable) {
		t.Fatalf("%v", err)
	}
	if keys := server.Keys(""); len(keys) != 0 {
		t.Fatal(keys)
	}
}

func TestAnAbsentServerIsUnreachableAndRetriedWithinItsTime(t *testing.T) {
	server := s3double.Start(t)
	client := open(t, server, func(s *Settings) { s.Endpoint = "https://" + closedPort(t) })
	started, tries := time.Now(), 0
	err := Retry(t.Context(), 1500*time.Millisecond, func(ctx context.Context) error {
		tries++
		return client.Put(ctx, "k", []byte("x"))
	})
	if !errors.Is(err, ErrUnreachable) || strings.Contains(err.Error(), "Put \"https") {
		t.Fatalf("%v", err)
	}
	if took := time.Since(started); tries < 2 || took < time.Second || took > 3*time.Second {
		t.Fatalf("%d tries in %v", tries, took)
	}
}

func TestAServerThatHangsIsUnreachable(t *testing.T) {
	server := s3double.Start(t)
	done := make(chan struct{})
	server.FailWith(func(string, string) string { <-done; return "SlowDown" })
	defer close(done)
	client := open(t, server, nil)
	started := time.Now()
	err := Retry(t.Context(), 300*time.Millisecond, func(ctx context.Context) error {
		return client.Put(ctx, "k", []byte("x"))
	})
	if !errors.Is(err, ErrUnreachable) || time.Since(started) > 3*time.Second {
		t.Fatalf("%v after %v", err, time.Since(started))
	}
}

func TestOnlyUnreachableIsRetried(t *testing.T) {
	for _, want := range []error{nil, ErrAccessDenied, ErrQuotaExceeded} {
		tries := 0
		if err := Retry(t.Context(), time.Minute, func(context.Context) error { tries++; return want }); !errors.Is(err, want) {
			t.Fatal(err)
		}
		if tries != 1 {
			t.Fatalf("%v: %d tries", want, tries)
		}
	}
}

func TestAnInterruptedCallReturnsItsCause(t *testing.T) {
	server := s3double.Start(t)
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	server.FailWith(func(string, string) string { cancel(cause); time.Sleep(100 * time.Millisecond); return "SlowDown" })
	client := open(t, server, nil)
	err := Retry(ctx, time.Minute, func(ctx context.Context) error { return client.Put(ctx, "k", []byte("x")) })
	if !errors.Is(err, cause) {
		t.Fatal(err)
	}
}

func TestClockOffsetIsLocalMinusServer(t *testing.T) {
	server := s3double.Start(t)
	client := open(t, server, nil)
	if _, known := client.ClockOffsetSeconds(); known {
		t.Fatal("known before any answer")
	}
	server.SetClock(-90 * time.Second)
	server.FailWith(func(string, string) string { return "RequestTimeTooSkewed" })
	if err := client.Put(t.Context(), "k", nil); !errors.Is(err, ErrClockSkewed) {
		t.Fatal(err)
	}
	if offset, known := client.ClockOffsetSeconds(); !known || offset < 89 || offset > 91 {
		t.Fatalf("%v %v", offset, known)
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }() // The port was only to be found.
	return listener.Addr().String()
}

func TestADownloadIsBoundedAndWhole(t *testing.T) {
	server := s3double.Start(t)
	body := strings.Repeat("0123456789", 100_000)
	server.Put("big", []byte(body))
	client := open(t, server, nil)
	var got strings.Builder
	if count, err := client.Download(t.Context(), "big", int64(len(body)), &got); err != nil || count != int64(len(body)) ||
		got.String() != body {
		t.Fatalf("%d %v", count, err)
	}
	if _, err := client.Download(t.Context(), "big", int64(len(body))-1, io.Discard); err == nil ||
		!strings.Contains(err.Error(), "larger than 999999 bytes") {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	if _, err := client.Download(t.Context(), "big", 1<<30, refusing{full}); !errors.Is(err, full) {
		t.Fatal(err)
	}
	if _, err := client.Download(t.Context(), "none", 1, io.Discard); !errors.Is(err, ErrNoSuchKey) {
		t.Fatal(err)
	}
}

type refusing struct{ err error }

func (r refusing) Write([]byte) (int, error) { return 0, r.err }
