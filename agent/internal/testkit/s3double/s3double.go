// Package s3double is a small S3 server for tests, over TLS with an authority of its own. It keeps objects in memory,
// checks no signature, and fails on demand in the ways that a real gateway cannot be made to fail quickly. What a real
// gateway does is tested on a real one.
package s3double

import (
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Failure decides, for one request, which S3 error code to answer; "" serves the request. It may block, as a gateway
// that hangs does.
type Failure func(method, key string) (code string)

// Server is a running double.
type Server struct {
	*httptest.Server
	// CAFile holds the certificate that clients must trust.
	CAFile string

	mutex   sync.Mutex
	objects map[string][]byte
	fail    Failure
	clock   time.Duration
}

// Bucket is the name of the machine's bucket.
const Bucket = "bucket"

// Programs is the name of a second bucket, whose keys the methods below name with this prefix and a slash; so are those
// of every bucket whose name begins with it.
const Programs = "coffre-programs"

// Start runs a server until the test ends.
func Start(t *testing.T) *Server {
	t.Helper()
	server := &Server{objects: map[string][]byte{}}
	server.Server = httptest.NewTLSServer(http.HandlerFunc(server.serve))
	t.Cleanup(server.Close)
	server.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(server.CAFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return server
}

// FailWith has every later request decided by failure; nil serves all.
func (s *Server) FailWith(failure Failure) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.fail = failure
}

// SetClock has the Date header say a time this far from the real one.
func (s *Server) SetClock(offset time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.clock = offset
}

// Put stores an object behind the clients' back.
func (s *Server) Put(key string, body []byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.objects[key] = body
}

// Delete removes an object behind the clients' back.
func (s *Server) Delete(key string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.objects, key)
}

// Get returns an object, nil when there is none.
func (s *Server) Get(key string) []byte {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.objects[key]
}

// Keys lists the objects below a prefix, sorted.
func (s *Server) Keys(prefix string) []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var keys []string
	for key := range s.objects {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

var statusOf = map[string]int{"NoSuchKey": http.StatusNotFound, "SlowDown": http.StatusServiceUnavailable}

func (s *Server) serve(writer http.ResponseWriter, request *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(request.URL.Path, "/"), "/")
	s.mutex.Lock()
	fail, clock := s.fail, s.clock
	s.mutex.Unlock()
	writer.Header().Set("Date", time.Now().Add(clock).UTC().Format(http.TimeFormat))
	if fail != nil {
		if code := fail(request.Method, key); code != "" {
			refuse(writer, code)
			return
		}
	}
	if strings.HasPrefix(bucket, Programs) {
		s.object(writer, request, bucket+"/"+key)
		return
	}
	if bucket != Bucket {
		refuse(writer, "NoSuchBucket")
		return
	}
	if key == "" {
		s.list(writer, request)
		return
	}
	s.object(writer, request, key)
}

func refuse(writer http.ResponseWriter, code string) {
	status, special := statusOf[code]
	if !special {
		status = http.StatusForbidden
	}
	writer.WriteHeader(status)
	_, _ = fmt.Fprintf(writer, "<Error><Code>%s</Code></Error>", code) // The client has gone.
}

func (s *Server) object(writer http.ResponseWriter, request *http.Request, key string) {
	switch request.Method {
	case http.MethodPut:
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		s.Put(key, body)
		writer.Header().Set("ETag", `"0"`)
	case http.MethodDelete:
		s.Delete(key)
		writer.WriteHeader(http.StatusNoContent)
	case http.MethodGet, http.MethodHead:
		body := s.Get(key)
		if body == nil {
			refuse(writer, "NoSuchKey")
			return
		}
		writer.Header().Set("ETag", `"0"`)
		http.ServeContent(writer, request, "", time.Unix(1, 0), strings.NewReader(string(body)))
	}
}

type listing struct {
	XMLName  xml.Name `xml:"ListBucketResult"`
	Name     string
	Contents []listed
}

type listed struct {
	Key          string
	Size         int
	LastModified string
	ETag         string
}

func (s *Server) list(writer http.ResponseWriter, request *http.Request) {
	result := listing{Name: Bucket}
	for _, key := range s.Keys(request.URL.Query().Get("prefix")) {
		result.Contents = append(result.Contents, listed{key, len(s.Get(key)), "2026-01-01T00:00:00.000Z", `"0"`})
	}
	writer.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(writer).Encode(result) // The client has gone.
}
