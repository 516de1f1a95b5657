package apply

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/orders"
)

// Sighting is the last reading of orders on the storage that this machine may obey, news or not. A host that withholds them
// cannot make it younger.
type Sighting struct {
	Generation int64     `json:"generation"`
	At         time.Time `json:"at"`
}

// RememberSeen notes that these orders were read now.
func RememberSeen(paths config.Paths, seen orders.Orders) error {
	body, err := json.Marshal(Sighting{Generation: seen.Generation, At: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	return files.WriteAtomic(paths.Seen(), append(body, '\n'), 0o600)
}

// FindSeen returns the last reading, nil when there was none since the state was made.
func FindSeen(paths config.Paths) (*Sighting, error) {
	body, err := os.ReadFile(paths.Seen())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // A machine that has seen none yet is usual.
	}
	if err != nil {
		return nil, err
	}
	var seen Sighting
	if err := json.Unmarshal(body, &seen); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", paths.Seen(), err)
	}
	return &seen, nil
}
