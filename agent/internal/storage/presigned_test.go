package storage

import (
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const signature = "?X-Amz-Signature=5e9c8a7d6f"

// serveSigned runs a server that answers so, and a client that trusts it.
func serveSigned(t *testing.T, answer http.HandlerFunc) (client *Presigned, address string) {
	t.Helper()
	server := httptest.NewTLSServer(answer)
	t.Cleanup(server.Close)
	client, err := OpenPresigned(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	if err != nil {
		t.Fatal(err)
	}
	return client, server.URL + "/bucket/key" + signature
}

func TestASignedPutSendsExactlyTheGivenHeaders(t *testing.T) {
	var got *http.Request
	var body []byte
	client, address := serveSigned(t, func(_ http.ResponseWriter, request *http.Request) {
		got = request
		body, _ = io.ReadAll(request.Body)
	})
	headers := map[string]string{
		"If-None-Match": "*", "content-length": "4096", "host": "rgw.example.fr", "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD",
	}
	if err := client.Put(t.Context(), "the claim", address, headers, make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	if got.ContentLength != 4096 || len(body) != 4096 || got.Host != "rgw.example.fr" || got.Header.Get("If-None-Match") != "*" ||
		got.Header.Get("X-Amz-Content-Sha256") != "UNSIGNED-PAYLOAD" || got.URL.RawQuery != signature[1:] {
		t.Fatalf("%+v", got)
	}
	if len(got.Header["Content-Type"])+len(got.Header["Transfer-Encoding"])+len(got.TransferEncoding) > 0 {
		t.Fatalf("%v", got.Header)
	}
}

func TestAnAnswerToASignedRequestBecomesAKindAndNamesNoAddress(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(writer http.ResponseWriter)
		want   error
	}{
		"a code": {func(writer http.ResponseWriter) {
			writer.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(writer, "<Error><Code>RequestTimeTooSkewed</Code></Error>")
		}, ErrClockSkewed},
		"403":              {func(writer http.ResponseWriter) { writer.WriteHeader(http.StatusForbidden) }, ErrAccessDenied},
		"404":              {func(writer http.ResponseWriter) { writer.WriteHeader(http.StatusNotFound) }, ErrNoSuchKey},
		"412":              {func(writer http.ResponseWriter) { writer.WriteHeader(http.StatusPreconditionFailed) }, ErrAlreadyThere},
		"two at once":      {func(writer http.ResponseWriter) { writer.WriteHeader(http.StatusConflict) }, ErrUnreachable},
		"a gateway's page": {func(writer http.ResponseWriter) { http.Error(writer, "<html>", http.StatusBadGateway) }, ErrUnreachable},
		"a cut":            {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, ErrUnreachable},
	} {
		client, address := serveSigned(t, func(writer http.ResponseWriter, _ *http.Request) { test.answer(writer) })
		_, err := client.Get(t.Context(), "the answer", address, 10)
		for _, err := range []error{err, client.Put(t.Context(), "the claim", address, nil, nil)} {
			if !errors.Is(err, test.want) || strings.Contains(err.Error(), "5e9c8a7d6f") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	client, _ := serveSigned(t, nil)
	for _, address := range []string{"https://127.0.0.1:1/", "https://%zz/", "https://h:99999/"} {
		_, err := client.Get(t.Context(), "the answer", address+signature, 10)
		for each := err; each != nil; each = errors.Unwrap(each) {
			if strings.Contains(each.Error(), "5e9c8a7d6f") {
				t.Errorf("%s: %v", address, each)
			}
		}
		if err == nil {
			t.Errorf("%s was reached", address)
		}
	}
}

func TestASignedRequestIsNeverSentElsewhere(t *testing.T) {
	client, elsewhere := serveSigned(t, func(http.ResponseWriter, *http.Request) { t.Error("it was followed") })
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		_, address := serveSigned(t, func(writer http.ResponseWriter, request *http.Request) {
			http.Redirect(writer, request, elsewhere, status)
		})
		err := client.Put(t.Context(), "the claim", address, nil, []byte("x"))
		if err == nil {
			t.Fatal("a redirection is no success")
		}
	}
}

func TestAnAnswerIsBoundedWhateverItsLengthSays(t *testing.T) {
	for _, length := range []string{"", "1073741824"} {
		client, address := serveSigned(t, func(writer http.ResponseWriter, _ *http.Request) {
			if length != "" {
				writer.Header().Set("Content-Length", length)
			}
			block := make([]byte, 1<<20)
			for range 1024 {
				if _, err := writer.Write(block); err != nil {
					return
				}
			}
			t.Error("all of it was read")
		})
		if _, err := client.Get(t.Context(), "the answer", address, 10); err == nil || !strings.Contains(err.Error(), "larger than 10") {
			t.Fatal(err)
		}
	}
}
