package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"coffre.invalid/agent/internal/cage"
	"coffre.invalid/agent/internal/restic"
)

type summary struct {
	FilesRestored uint64 `json:"files_restored"`
	BytesRestored uint64 `json:"bytes_restored"`
}

// restore writes a checked snapshot into the folder that is held: in a cage, or where the system has none after saying so
// and only into a folder that nobody else can replace.
func (r *repository) restore(ctx context.Context, snapshot Snapshot, folder *os.File, path string, log io.Writer) (summary, error) {
	progress := &progress{log: log, shown: -1}
	done, err := r.restoreCaged(ctx, snapshot, folder, path, progress)
	var unavailable *cage.UnavailableError
	if !errors.As(err, &unavailable) {
		return done, err
	}
	if err := requireTrusted(folder.Name()); err != nil {
		return summary{}, err
	}
	_, _ = fmt.Fprintln(log, noCage) // Only a word of caution.
	err = r.run(ctx, r.restic(restoring(snapshot, folder.Name(), path)...), progress.take(&done))
	return done, err
}

func (r *repository) restoreCaged(ctx context.Context, snapshot Snapshot, folder *os.File, path string, progress *progress) (
	done summary, err error,
) {
	seen := cage.Resolver()
	seen[cage.Authorities] = r.caFile
	plan, err := cage.Plan{
		Program: r.binary, SHA256: r.sha256, Files: seen,
		Arguments: slices.Concat(r.settings, []string{"--cacert", cage.Authorities, "--no-cache"},
			restoring(snapshot, cage.Target, path)),
	}.Of(folder)
	if err != nil {
		return done, explainTarget(err, folder.Name())
	}
	err = r.run(ctx, restic.Call{Cage: &plan, Environment: r.environment}, progress.take(&done))
	if errors.Is(err, cage.ErrChanged) {
		err = targetReplaced(folder.Name())
	}
	return done, err
}

func restoring(snapshot Snapshot, target, path string) []string {
	arguments := []string{"restore", "--json", "--sparse", "--target", target}
	if path != "" && path != "/" {
		arguments = append(arguments, "--include="+literal(path))
	}
	return append(arguments, snapshot.ID)
}

// progress tells each tenth of the way once.
type progress struct {
	log   io.Writer
	shown int
}

func (p *progress) take(done *summary) func([]byte) error {
	return func(line []byte) error {
		var message struct {
			Type        string  `json:"message_type"`
			PercentDone float64 `json:"percent_done"`
			summary
		}
		if json.Unmarshal(line, &message) != nil {
			return nil // Not JSON: nothing that a decision hangs on.
		}
		switch message.Type {
		case "status":
			if tenths := int(message.PercentDone * 10); tenths > p.shown {
				p.shown = tenths
				_, _ = fmt.Fprintf(p.log, progressLine, tenths*10) // Only progress.
			}
		case "summary":
			*done = message.summary
		}
		return nil
	}
}
