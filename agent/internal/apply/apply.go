// Package apply makes the machine obey the signed orders in its bucket, and takes the agent's traces off a machine
// again.
package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/lock"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/storage"
	"coffre.invalid/agent/internal/units"
)

// patience is how long the storage may be away before apply gives up.
const patience = 30 * time.Second

// Result is what apply prints. Changes says what was, or with check would be, changed.
type Result struct {
	Changed    bool     `json:"changed"`
	Generation int64    `json:"generation"`
	Changes    []string `json:"changes"`
}

// Apply fetches, verifies and obeys the orders. The orders are remembered last, so that a run killed anywhere is
// completed by the next one; running it again without news changes nothing. With check it changes nothing at all.
func Apply(ctx context.Context, paths config.Paths, scheduler units.Scheduler, check bool) (Result, error) {
	machine, credentials, err := config.Load(paths)
	if err != nil {
		return Result{}, err
	}
	key, err := machine.PublicKey()
	if err != nil {
		return Result{}, err
	}
	who := orders.Identity{TenantID: machine.TenantID, Machine: machine.Machine, Key: key}
	fetched, err := fetch(ctx, machine, credentials, who)
	if err != nil {
		return Result{}, err
	}
	release, err := lockState(paths, check || fetched.Orders.Remove)
	if err != nil {
		return Result{}, err
	}
	changes, err := obey(paths, scheduler, who, fetched, check)
	if err = errors.Join(err, release()); err != nil {
		return Result{}, err
	}
	if changes == nil {
		changes = []string{}
	}
	return Result{Changed: len(changes) > 0, Generation: fetched.Orders.Generation, Changes: changes}, nil
}

func fetch(ctx context.Context, machine config.Machine, credentials config.Credentials, who orders.Identity) (
	orders.Document, error,
) {
	client, err := storage.Open(storage.Settings{
		Endpoint: machine.Endpoint, Region: machine.Region, Bucket: machine.Bucket, CAFile: machine.CAFile,
		AccessKeyID: credentials.AccessKeyID, SecretAccessKey: credentials.SecretAccessKey,
	})
	if err != nil {
		return orders.Document{}, err
	}
	var body []byte
	err = storage.Retry(ctx, patience, func(ctx context.Context) error {
		body, err = client.Get(ctx, orders.Key, orders.LimitBytes)
		return err
	})
	if errors.Is(err, storage.ErrNoSuchKey) {
		return orders.Document{}, fault.Failed("the bucket holds no orders for this machine",
			"run apply for this tenant, which writes them")
	}
	if err != nil {
		return orders.Document{}, fault.Failed(credentials.Redact(err.Error()),
			"check this machine's network, clock and key against "+machine.Endpoint)
	}
	return orders.Verify(body, who)
}

// lockState makes the state directory and keeps two applies apart. Not by the run's lock: a backup may take hours. Who
// only looks or removes needs neither.
func lockState(paths config.Paths, needless bool) (release func() error, err error) {
	if needless {
		return func() error { return nil }, nil
	}
	if err := files.EnsurePrivateDirectory(paths.State()); err != nil {
		return nil, err
	}
	release, err = lock.Acquire(paths.State())
	if errors.Is(err, lock.ErrHeld) {
		return nil, fault.Busy("another apply is under way on this machine", "try again in a minute")
	}
	return release, err
}

func obey(paths config.Paths, scheduler units.Scheduler, who orders.Identity, fetched orders.Document, check bool) (
	[]string, error,
) {
	applied, note, err := ReadApplied(paths, who)
	if err != nil {
		return nil, err
	}
	isNew, err := orders.Decide(applied, fetched)
	if err != nil {
		return nil, err
	}
	if fetched.Orders.Remove {
		removed, err := Remove(paths, scheduler, check)
		return removed.Changes, err
	}
	if err := CheckRestic(paths, fetched.Orders.Restic); err != nil {
		return nil, err
	}
	job, err := units.Render(fetched.Orders)
	if err != nil {
		return nil, fault.Failed(err.Error(), "install tzdata, or give the tenant another time zone")
	}
	changes, err := scheduler.Ensure(job, check)
	if err != nil || !isNew {
		return changes, err
	}
	changes = append(changes, fmt.Sprintf("orders: generation %d%s", fetched.Orders.Generation, note))
	if check {
		return changes, nil
	}
	return changes, files.WriteAtomic(paths.Applied(), fetched.Body, 0o600)
}

// ReadApplied returns the orders that this machine obeys; nil, with a note why, when there are none that count: never
// applied, damaged, or left from another identity of this machine.
func ReadApplied(paths config.Paths, who orders.Identity) (applied *orders.Document, note string, err error) {
	body, err := os.ReadFile(paths.Applied())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	document, err := orders.ReadApplied(body)
	if err != nil {
		return nil, " (" + err.Error() + ")", nil //nolint:nilerr // A damaged copy is replaced, not fatal.
	}
	if !document.Orders.IsFor(who) {
		return nil, " (this machine was another one before)", nil
	}
	return &document, "", nil
}

// CheckRestic refuses any program but the ordered one: orders name it by hash, so that nobody who can write beside the
// agent can have something else run.
func CheckRestic(paths config.Paths, wanted orders.Restic) error {
	found, err := restic.FileSHA256(paths.Restic())
	if err != nil {
		return fault.Failed(fmt.Sprintf("restic is not installed: %v", err), "deploy the agent to this machine again")
	}
	if found != wanted.SHA256 {
		return fault.Refused(fmt.Sprintf("%s is not restic %s as ordered: its SHA-256 is %s, not %s", paths.Restic(),
			wanted.Version, found, wanted.SHA256), "deploy the agent to this machine again")
	}
	return nil
}

// Removal is what remove prints.
type Removal struct {
	Changed bool     `json:"changed"`
	Changes []string `json:"changes"`
}

// Remove ends a running backup, takes service and timer away and deletes the agent's state. It needs no configuration,
// may run twice, and leaves the programs and /etc/coffre to whoever installed them.
func Remove(paths config.Paths, scheduler units.Scheduler, check bool) (Removal, error) {
	changes, err := scheduler.Remove(check)
	if err != nil {
		return Removal{}, err
	}
	exists, err := files.Exists(paths.State())
	if err != nil {
		return Removal{}, err
	}
	if exists {
		changes = append(changes, "remove "+paths.State())
		if !check {
			err = removeState(paths)
		}
	}
	return Removal{Changed: len(changes) > 0, Changes: changes}, err
}

func removeState(paths config.Paths) error {
	// The service has ended; what still holds the lock was started by hand.
	release, err := lock.Acquire(paths.Lock())
	if errors.Is(err, lock.ErrHeld) {
		return fault.Busy("a backup started by hand is under way", "let it finish or end it, then try again")
	}
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(paths.State()), release())
}
