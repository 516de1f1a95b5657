package repository

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/storage"
)

// Where restic keeps what, in the machine's bucket.
const (
	root         = "restic/"
	keysPrefix   = root + "keys/"
	dataPrefix   = root + "data/"
	indexPrefix  = root + "index/"
	configKey    = root + "config"
	snapshotsKey = root + "snapshots/"
)

// Limits of what is read whole.
const (
	smallLimit = 1 << 20
	indexLimit = 128 << 20
	treeLimit  = 512 << 20
	keysLimit  = 20
	// attempts are looks at an index that changes meanwhile: SMILÉO prunes.
	attempts = 3
)

// Store is what a check needs of the storage; *storage.Client is one.
type Store interface {
	List(ctx context.Context, prefix string, each func(key string, sizeBytes int64)) error
	Download(ctx context.Context, key string, limit int64, into io.Writer) (int64, error)
	GetPart(ctx context.Context, key string, offset, length int64) ([]byte, error)
}

// Finding is what a check found.
type Finding struct {
	Integrity    report.Integrity
	MissingPacks int
	// Why is for the journal.
	Why error
}

// Reader checks the snapshots of one repository.
type Reader struct {
	Store    Store
	Password string
	// Cache is restic's cache folder: what it has of the index is not fetched again.
	Cache string

	key    masterKey
	folder string
}

var errMissing = errors.New("the storage lacks packs that the index names")

// errBroken is around everything that was answered and is not what was written.
type errBroken struct {
	key   string
	cause error
}

func (e errBroken) Error() string { return fmt.Sprintf("%s: %v", e.key, e.cause) }

// errUnanswered is around everything that says nothing of what is there.
type errUnanswered struct{ error }

func (e errUnanswered) Unwrap() error { return e.error }

func answered(err error) error {
	if err == nil || errors.Is(err, storage.ErrNoSuchKey) {
		return err
	}
	return errUnanswered{err}
}

func broken(key string, cause error) error {
	var unanswered errUnanswered
	if errors.As(cause, &unanswered) {
		return cause
	}
	return errBroken{key, cause}
}

// Open derives the repository's key, which takes most of a second: it may be done while restic is at work.
func (r *Reader) Open(ctx context.Context) error {
	var keys []string
	err := r.Store.List(ctx, keysPrefix, func(key string, _ int64) {
		if len(keys) < keysLimit {
			keys = append(keys, key)
		}
	})
	if err != nil {
		return err
	}
	failure := broken(keysPrefix, errors.New("no key opens with this machine's password"))
	for _, key := range keys {
		body, err := r.read(ctx, key, smallLimit)
		if err == nil {
			r.key, err = openKey(body, r.Password)
		}
		if err == nil {
			return r.findCache(ctx)
		}
		if len(keys) == 1 {
			failure = broken(key, err)
		}
	}
	return failure
}

// Unopened is what is found of a snapshot when Open has failed so.
func Unopened(err error) Finding {
	var isBroken errBroken
	if errors.As(err, &isBroken) {
		return Finding{Integrity: report.SnapshotUnreadable, Why: err}
	}
	return Finding{Integrity: report.Unchecked, Why: err}
}

// findCache learns the repository's id, by which restic names its cache.
func (r *Reader) findCache(ctx context.Context) error {
	sealed, err := r.read(ctx, configKey, smallLimit)
	if err != nil {
		return broken(configKey, err)
	}
	plain, err := r.key.open(sealed)
	var config struct {
		ID string `json:"id"`
	}
	if err == nil {
		err = json.Unmarshal(plain, &config)
	}
	if err != nil {
		return broken(configKey, err)
	}
	if _, isID := parseID(config.ID); isID {
		r.folder = filepath.Join(r.Cache, config.ID)
	}
	return nil
}

// Check says whether a snapshot can be read and whether every pack that the index names is there and long enough. It lists
// data/ once, a thousand packs a request, and reads every index, of which restic's cache has most.
func (r *Reader) Check(ctx context.Context, snapshotID string) Finding {
	tree, err := r.readSnapshot(ctx, snapshotID)
	found, lookErr := r.look(ctx, tree)
	err = errors.Join(err, lookErr)
	if err == nil && found.missing == 0 {
		err = r.readTree(ctx, tree, found.tree)
	}
	var isBroken errBroken
	switch {
	case err == nil && found.missing == 0:
		return Finding{Integrity: report.Whole}
	case found != nil && found.missing > 0:
		return Finding{report.PacksMissing, found.missing, errors.Join(errMissing, err)}
	case errors.As(err, &isBroken):
		return Finding{Integrity: report.SnapshotUnreadable, Why: err}
	}
	return Finding{Integrity: report.Unchecked, Why: err}
}

// look is one sight of index and packs; tree is where the index has the snapshot's first folder.
type look struct {
	packs   packs
	missing int
	tree    place
}

type place struct {
	pack string
	blob indexBlob
}

func (r *Reader) look(ctx context.Context, tree string) (*look, error) {
	for attempt := 1; ; attempt++ {
		before, err := r.listIndexes(ctx)
		if err != nil {
			return nil, err
		}
		found := &look{}
		if err := r.Store.List(ctx, dataPrefix, found.packs.add); err != nil {
			return nil, err
		}
		found.packs.sort()
		err = r.compare(ctx, before, tree, found)
		if err == nil && found.missing == 0 {
			return found, nil
		}
		// A prune writes a new index before it drops an old one, and packs last: what is looked at again is consistent.
		after, listErr := r.listIndexes(ctx)
		if listErr != nil {
			return nil, listErr
		}
		if slices.Equal(before, after) || attempt == attempts {
			return found, err
		}
	}
}

func (r *Reader) listIndexes(ctx context.Context) ([]string, error) {
	var names []string
	err := r.Store.List(ctx, indexPrefix, func(key string, _ int64) {
		names = append(names, strings.TrimPrefix(key, indexPrefix))
	})
	slices.Sort(names)
	return names, err
}

// compare counts the packs that these indexes name and that were not listed, or are shorter than what is in them.
func (r *Reader) compare(ctx context.Context, indexes []string, tree string, found *look) error {
	for _, name := range indexes {
		plain, err := r.readNamed(ctx, "index", name)
		if err != nil {
			return err
		}
		err = eachPack(plain, func(pack indexPack) error {
			packID, isID := parseID(pack.ID)
			if !isID {
				return fmt.Errorf("invalid pack id %.70q", pack.ID)
			}
			var needed int64
			for _, blob := range pack.Blobs {
				needed = max(needed, blob.Offset+blob.Length)
				if blob.ID == tree {
					found.tree = place{pack.ID, blob}
				}
			}
			if size, isThere := found.packs.find(packID); !isThere || size < needed {
				found.missing++
			}
			return nil
		})
		if err != nil {
			return broken(indexPrefix+name, err)
		}
	}
	return nil
}

// readSnapshot reads the snapshot's own document, and returns the folder that it begins with.
func (r *Reader) readSnapshot(ctx context.Context, snapshotID string) (string, error) {
	key := snapshotsKey + snapshotID
	plain, err := r.fetchNamed(ctx, key, snapshotID)
	if err != nil {
		return "", err
	}
	reader, end, err := unpack(plain)
	if err != nil {
		return "", broken(key, err)
	}
	defer end()
	var snapshot struct {
		Tree string `json:"tree"`
	}
	if err := json.NewDecoder(reader).Decode(&snapshot); err != nil {
		return "", broken(key, err)
	}
	return snapshot.Tree, nil
}

// readTree reads a folder from its pack: what is listed may still not be what was written.
func (r *Reader) readTree(ctx context.Context, tree string, at place) error {
	pack, blob := at.pack, at.blob
	if pack == "" {
		return broken("folder "+tree, errors.New("no index names it"))
	}
	if blob.Length <= 0 || blob.Length > treeLimit {
		return broken("pack "+pack, errors.New("its place in the index is impossible"))
	}
	key := dataPrefix + pack[:2] + "/" + pack
	sealed, err := r.Store.GetPart(ctx, key, blob.Offset, blob.Length)
	if err != nil {
		return broken(key, answered(err))
	}
	plain, err := r.key.open(sealed)
	if err == nil && blob.Unpacked > 0 {
		plain, err = inflate(plain)
	}
	if err != nil {
		return broken(key, err)
	}
	if digest := sha256.Sum256(plain); hex.EncodeToString(digest[:]) != blob.ID {
		return broken(key, errForged)
	}
	return nil
}

func inflate(packed []byte) ([]byte, error) {
	reader, end, err := decompress(packed)
	if err != nil {
		return nil, err
	}
	defer end()
	return io.ReadAll(reader)
}

// readNamed is an unsealed file that is named by its content, from restic's cache if that has it as it was written.
func (r *Reader) readNamed(ctx context.Context, kind, name string) ([]byte, error) {
	if _, isID := parseID(name); !isID {
		return nil, broken(root+kind+"/"+name, errors.New("restic never gives such a name"))
	}
	if r.folder != "" {
		sealed, err := os.ReadFile(filepath.Join(r.folder, kind, name[:2], name))
		if err == nil && isNamed(sealed, name) {
			if plain, err := r.key.open(sealed); err == nil {
				return plain, nil
			}
		}
	}
	return r.fetchNamed(ctx, root+kind+"/"+name, name)
}

// fetchNamed reads such a file from the storage.
func (r *Reader) fetchNamed(ctx context.Context, key, name string) ([]byte, error) {
	sealed, err := r.read(ctx, key, indexLimit)
	if err == nil && !isNamed(sealed, name) {
		err = errForged
	}
	if err != nil {
		return nil, broken(key, err)
	}
	plain, err := r.key.open(sealed)
	if err != nil {
		return nil, broken(key, err)
	}
	return plain, nil
}

func isNamed(content []byte, name string) bool {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:]) == name
}

func (r *Reader) read(ctx context.Context, key string, limit int64) ([]byte, error) {
	var body bytes.Buffer
	_, err := r.Store.Download(ctx, key, limit, &body)
	return body.Bytes(), answered(err)
}
