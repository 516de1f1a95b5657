package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"filippo.io/age"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/delivery"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/storage"
)

// received is what came of looking for a delivery. number is that of the one taken, 0 for none.
type received struct {
	number int64
	note   string
}

// Undelivered is the newer delivery that could not be taken, for the run's report. Number is 0 when even that is not
// known, as of one that SMILÉO did not sign.
type Undelivered struct {
	Number int64  `json:"number"`
	Reason string `json:"reason"`
}

// receive takes a newer configuration, on a machine that has a key for deliveries. One that cannot be taken changes
// nothing, and never stops what follows: it is remembered for the report, and looked at again by the next pull.
func receive(ctx context.Context, settings Settings) received {
	key, err := delivery.ReadKey(settings.Paths)
	if err == nil && key == nil {
		return received{}
	}
	if err != nil {
		return remember(settings.Paths, 0, err)
	}
	release, err := delivery.Lock(settings.Paths)
	if err != nil {
		return received{note: notReceived(err)}
	}
	found := receiveWith(ctx, settings, key)
	if err := release(); err != nil {
		found.note = joinNotes(found.note, notReceived(err))
	}
	return found
}

func receiveWith(ctx context.Context, settings Settings, key *age.X25519Identity) received {
	if err := delivery.Complete(settings.Paths); err != nil {
		return remember(settings.Paths, 0, err)
	}
	session, err := open(settings)
	if err != nil {
		return received{} // Without a configuration the orders say so.
	}
	body, err := session.fetchDelivery(ctx)
	if err != nil || body == nil {
		return received{note: session.credentials.Redact(notReceived(err))}
	}
	return session.receive(ctx, key, body)
}

// receive takes this delivery, if it is news.
func (s *session) receive(ctx context.Context, key *age.X25519Identity, body []byte) received {
	found, err := delivery.Verify(body, delivery.Target{TenantID: s.machine.TenantID, Machine: s.machine.Machine, Key: s.who.Key})
	if err != nil {
		return remember(s.Paths, 0, err)
	}
	// A lost record is no obstacle: then the present delivery counts as news.
	record, note := delivery.ReadRecord(s.Paths)
	isNews, err := found.IsNews(record)
	if err == nil && !isNews {
		return received{note: joinNotes(note, notReceived(forgetUndelivered(s.Paths)))}
	}
	var parts delivery.Parts
	if err == nil {
		parts, err = found.Unseal(s.Paths, key)
	}
	if err == nil {
		err = prove(ctx, s.Paths, parts)
	}
	if err == nil {
		err = delivery.Install(s.Paths, body, found, parts)
	}
	if err != nil {
		return remember(s.Paths, found.Number, err)
	}
	return received{number: found.Number, note: joinNotes(note, notReceived(forgetUndelivered(s.Paths)))}
}

// prove reaches the storage with a new configuration before it takes the place of one that does: nobody could mend it from
// outside afterwards.
func prove(ctx context.Context, paths config.Paths, parts delivery.Parts) error {
	machine, credentials, err := config.Parse(paths, parts.Settings, parts.Credentials)
	if err != nil {
		return err
	}
	settings := storage.OfMachine(machine, credentials, machine.Bucket)
	settings.Certificates = parts.Certificates
	client, err := storage.Open(settings)
	if err == nil {
		_, err = client.Get(ctx, orders.Key, orders.LimitBytes)
	}
	if err == nil || errors.Is(err, storage.ErrNoSuchKey) {
		return nil
	}
	return fmt.Errorf("the delivered configuration does not reach the storage: %s", credentials.Redact(err.Error()))
}

// fetchDelivery reads the delivery, nil when there is none or the storage is away: the orders wait for it and say so.
func (s *session) fetchDelivery(ctx context.Context) (body []byte, err error) {
	body, err = s.client.Get(ctx, delivery.Key, delivery.LimitBytes)
	if errors.Is(err, storage.ErrNoSuchKey) || errors.Is(err, storage.ErrUnreachable) {
		return nil, nil
	}
	return body, err
}

func notReceived(err error) string {
	if err == nil {
		return ""
	}
	return "delivery: " + err.Error()
}

func joinNotes(notes ...string) string {
	var said []string
	for _, note := range notes {
		if note != "" {
			said = append(said, note)
		}
	}
	return strings.Join(said, "; ")
}

// remember keeps why a delivery was not taken, and says it.
func remember(paths config.Paths, number int64, cause error) received {
	err := files.EnsurePrivateDirectory(paths.State())
	var body []byte
	if err == nil {
		body, err = json.Marshal(Undelivered{number, cause.Error()})
	}
	if err == nil {
		err = files.WriteAtomic(paths.Undelivered(), body, 0o600)
	}
	return received{note: joinNotes(notReceived(cause), notReceived(err))}
}

func forgetUndelivered(paths config.Paths) error {
	_, err := files.RemoveIfPresent(paths.Undelivered())
	return err
}

// FindUndelivered returns the delivery that the last pull could not take, nil when there is none.
func FindUndelivered(paths config.Paths) (*Undelivered, error) {
	body, err := files.ReadOwn(paths.Undelivered())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // None is the usual answer.
	}
	if err != nil {
		return nil, err
	}
	var found Undelivered
	if err := json.Unmarshal(body, &found); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", paths.Undelivered(), err)
	}
	return &found, nil
}
