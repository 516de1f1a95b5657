package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/lock"
	"coffre.invalid/agent/internal/signed"
)

// Record is what a machine remembers of the delivery that it has taken last.
type Record struct {
	Number        int64  `json:"number"`
	Invitation    string `json:"invitation"`
	SHA256        string `json:"sha256"`
	ReportsAfter  int64  `json:"reports_after"`
	CheckInsAfter int64  `json:"check_ins_after"`
}

// ReadRecord returns that of the last delivery, empty when there was none or its record is lost: what counts is in force
// all the same, and the present delivery is taken once more.
func ReadRecord(paths config.Paths) (record Record, note string) {
	body, err := files.ReadOwn(paths.Delivered())
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, ""
	}
	if err == nil {
		err = json.Unmarshal(body, &record)
	}
	if err != nil {
		return Record{}, fmt.Sprintf("%s is damaged: %v", paths.Delivered(), err)
	}
	return record, ""
}

// IsNews says whether a delivery is to be taken after the one of this record. An older one, or another of the same number,
// is refused: both would be a replay.
func (d Delivery) IsNews(record Record) (bool, error) {
	switch {
	case d.Number > record.Number:
		return true, nil
	case d.Number < record.Number:
		return false, refuse("number %d is older than %d, which this machine has taken already", d.Number, record.Number)
	case d.SHA256 != record.SHA256:
		return false, refuse("number %d was taken with different content", d.Number)
	}
	return false, nil
}

// Lock keeps two that write the configuration apart. The directory is made when it is missing.
func Lock(paths config.Paths) (release func() error, err error) {
	if err := files.EnsurePrivateDirectory(paths.Configuration()); err != nil {
		return nil, err
	}
	release, err = lock.Acquire(paths.Configuration())
	if errors.Is(err, lock.ErrHeld) {
		return nil, fault.Busy("another run is writing this machine's configuration", "try again in a minute")
	}
	return release, err
}

// Install puts the parts of a delivery, received as body, in their places. A run that is killed on the way is completed by
// Complete, and it may run twice. The caller holds Lock.
func Install(paths config.Paths, body []byte, delivery Delivery, parts Parts) error {
	for _, step := range delivery.steps(paths, body, parts) {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

type place struct {
	path string
	body []byte
	mode fs.FileMode
}

// places are in the order of a deployment: who the machine is comes last.
func (p Parts) places(paths config.Paths) []place {
	return []place{
		{paths.Authorities(), p.Certificates, 0o644},
		{paths.Credentials(), p.Credentials, 0o600},
		{paths.Machine(), p.Settings, 0o600},
	}
}

// steps may be cut short after each of them, and all be taken again.
func (d Delivery) steps(paths config.Paths, body []byte, parts Parts) []func() error {
	steps := []func() error{func() error { return files.WriteAtomic(paths.Delivering(), body, 0o600) }}
	for _, part := range parts.places(paths) {
		steps = append(steps, func() error { return files.WriteAtomic(part.path, part.body, part.mode) })
	}
	return append(steps, func() error { return writeProgram(paths, parts.Agent) }, func() error {
		record, err := json.Marshal(Record{d.Number, d.Invitation, d.SHA256, parts.ReportsAfter, parts.CheckInsAfter})
		if err != nil {
			return err
		}
		return files.WriteAtomic(paths.Delivered(), append(record, '\n'), 0o600)
	}, func() error {
		_, err := files.RemoveIfPresent(paths.Delivering())
		return err
	})
}

// Complete takes the steps that a killed Install did not come to. Its signature was checked before its first step; the
// key that it was checked with may have been replaced by the last. One that cannot be read is dropped. The caller holds
// Lock.
func Complete(paths config.Paths) error {
	body, err := files.ReadOwn(paths.Delivering())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	delivery, parts, err := reopen(paths, body)
	if err != nil {
		_, removeErr := files.RemoveIfPresent(paths.Delivering())
		return errors.Join(err, removeErr)
	}
	return Install(paths, body, delivery, parts)
}

// Abandon drops what a killed Install has left: a deployment has written the configuration since.
func Abandon(paths config.Paths) error {
	_, err := files.RemoveIfPresent(paths.Delivering())
	return err
}

func reopen(paths config.Paths, body []byte) (Delivery, Parts, error) {
	key, err := ReadKey(paths)
	if err == nil && key == nil {
		err = fmt.Errorf("%s is missing", paths.DeliveryKey())
	}
	if err != nil {
		return Delivery{}, Parts{}, err
	}
	envelope, err := signed.Read(body)
	if err != nil {
		return Delivery{}, Parts{}, err
	}
	delivery, err := parse(envelope.Payload)
	if err != nil {
		return Delivery{}, Parts{}, err
	}
	parts, err := delivery.Unseal(paths, key)
	return delivery, parts, err
}
