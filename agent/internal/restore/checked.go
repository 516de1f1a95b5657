package restore

import (
	"bufio"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"time"

	"coffre.invalid/agent/internal/listing"
)

// isChecked is switched off by tests alone, to see the cage hold by itself.
var isChecked = true

// check goes through the whole listing of a snapshot, by its full id, and hands over each entry. What was handed over
// counts only when no error is returned: trees are named by their hash, so what was checked is what is restored.
func (r *repository) check(ctx context.Context, snapshot Snapshot, zone *time.Location, take func(listing.Entry)) error {
	check := listing.New(listing.SystemOf(runtime.GOOS))
	err := r.list(ctx, snapshot, func(entry listing.Entry) error {
		take(entry)
		return check.Take(entry.Path, entry.Name, entry.Type)
	})
	if err == nil && check.IsUndecided() {
		err = r.checkExactly(ctx, snapshot)
	}
	if !isChecked {
		var fault *listing.FaultError
		if errors.As(err, &fault) {
			return nil
		}
	}
	return explainListing(err, snapshot.words(zone))
}

func (r *repository) list(ctx context.Context, snapshot Snapshot, take func(listing.Entry) error) error {
	return r.run(ctx, r.restic("ls", "--json", snapshot.ID), func(line []byte) error {
		entry, isEntry, err := listing.Read(line, snapshot.ID)
		if err != nil || !isEntry {
			return err
		}
		return take(entry)
	})
}

// checkExactly reads the listing a second time with the bytes of each path beside it: JSON shows all bytes that are no
// UTF-8 alike, restic's plain listing leaves them as they are. Both come in one order.
func (r *repository) checkExactly(ctx context.Context, snapshot Snapshot) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reading, writing := io.Pipe()
	plain := r.restic("ls", "--quiet", snapshot.ID)
	ended := make(chan error, 1)
	go func() {
		err := r.run(ctx, plain, func(line []byte) error {
			_, err := writing.Write(append(line, '\n'))
			return err
		})
		ended <- errors.Join(err, writing.CloseWithError(err))
	}()
	paths := bufio.NewReaderSize(reading, listing.LineLimit)
	check := listing.NewExact(listing.SystemOf(runtime.GOOS))
	err := r.list(ctx, snapshot, func(entry listing.Entry) error {
		path, err := readPath(paths, strings.Count(entry.Path, "\n"))
		if err != nil || listing.Blur(path) != entry.Path || strings.Contains(entry.Name, "/") {
			return &listing.FaultError{Fault: listing.Unreadable, Path: entry.Path}
		}
		return check.Take(path, path[strings.LastIndexByte(path, '/')+1:], entry.Type)
	})
	cancel()
	plainErr := errors.Join(reading.Close(), <-ended)
	if err == nil && ctx.Err() == nil {
		err = plainErr
	}
	return err
}

// readPath reads one path, which has so many line ends in it.
func readPath(paths *bufio.Reader, lineEnds int) (string, error) {
	var path strings.Builder
	for range lineEnds + 1 {
		part, err := paths.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		path.Write(part)
	}
	return strings.TrimSuffix(path.String(), "\n"), nil
}
