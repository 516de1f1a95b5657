package storage

import (
	"net/http"
	"sync"
	"time"
)

// clockRecorder compares the local clock with the Date header of each answer that passes through it.
type clockRecorder struct {
	next http.RoundTripper

	mutex  sync.Mutex
	offset time.Duration
	known  bool
}

// RoundTrip passes the request on.
func (c *clockRecorder) RoundTrip(request *http.Request) (*http.Response, error) {
	sent := time.Now()
	answer, err := c.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	server, dateErr := http.ParseTime(answer.Header.Get("Date"))
	if dateErr != nil {
		return answer, nil // No usable Date: the offset stays what it was, or unknown.
	}
	middle := sent.Add(time.Since(sent) / 2)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	// Date drops the fraction of its second: half a second is the best guess of it.
	c.offset, c.known = middle.Sub(server.Add(time.Second/2)), true
	return answer, nil
}

func (c *clockRecorder) offsetSeconds() (float64, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.offset.Round(100 * time.Millisecond).Seconds(), c.known
}
