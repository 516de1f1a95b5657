// Package forge writes, for tests, what an attacker with a machine's key and password can write into its repository: any
// tree, well formed and sealed, whatever stands in it.
package forge

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os/exec"
	"testing"

	//lint:ignore SA1019 restic seals what it writes with this.
	"golang.org/x/crypto/poly1305"
)

// Node is one entry of a tree in restic's words.
type Node = map[string]any

// Repository is a machine's repository in an attacker's hands.
type Repository struct {
	t     *testing.T
	put   func(key string, body []byte)
	key   masterKey
	blobs map[string][]blob
}

type masterKey struct {
	MAC struct {
		K []byte `json:"k"`
		R []byte `json:"r"`
	} `json:"mac"`
	Encrypt []byte `json:"encrypt"`
}

type blob struct {
	id   [sha256.Size]byte
	body []byte
}

// Open takes the key out of a repository with restic, called as the command does it with these arguments before its own.
func Open(t *testing.T, restic func(arguments ...string) *exec.Cmd, put func(key string, body []byte)) *Repository {
	t.Helper()
	output, err := restic("cat", "masterkey").Output()
	if err != nil {
		t.Fatal(err)
	}
	repository := &Repository{t: t, put: put, blobs: map[string][]blob{}}
	if err := json.Unmarshal(output, &repository.key); err != nil {
		t.Fatal(err)
	}
	return repository
}

// Entry is a node; what it needs beside name and kind is in more.
func Entry(name, kind string, mode fs.FileMode, more Node) Node {
	const when = "2026-01-01T00:00:00Z"
	node := Node{
		"name": name, "type": kind, "mode": uint32(mode), "mtime": when, "atime": when, "ctime": when, "uid": 0, "gid": 0,
		"content": nil,
	}
	for key, value := range more {
		node[key] = value
	}
	return node
}

// Data adds a piece of a file and returns its id.
func (r *Repository) Data(body string) string { return r.add("data", []byte(body)) }

// Tree adds a tree, its nodes in this order, and returns its id.
func (r *Repository) Tree(nodes ...Node) string {
	return r.add("tree", append(r.encode(map[string]any{"nodes": nodes}), '\n'))
}

func (r *Repository) add(kind string, body []byte) string {
	id := sha256.Sum256(body)
	r.blobs[kind] = append(r.blobs[kind], blob{id, body})
	return hex.EncodeToString(id[:])
}

// Snapshot writes all that was added, and a snapshot of that tree taken at that time; it returns the snapshot's id.
func (r *Repository) Snapshot(tree, at string) string {
	r.flush()
	return r.unpacked("snapshots", map[string]any{
		"time": at, "tree": tree, "paths": []string{"/home"}, "hostname": "ws1", "username": "root", "uid": 0, "gid": 0,
	})
}

func (r *Repository) flush() {
	packs := []any{}
	for kind, tag := range map[string]byte{"data": 0, "tree": 1} {
		var body, header []byte
		listed, known := []any{}, map[[sha256.Size]byte]bool{}
		for _, each := range r.blobs[kind] {
			if known[each.id] {
				continue
			}
			known[each.id] = true
			sealed := r.seal(each.body)
			listed = append(listed, map[string]any{
				"id": hex.EncodeToString(each.id[:]), "type": kind, "offset": len(body), "length": len(sealed),
			})
			header = append(binary.LittleEndian.AppendUint32(append(header, tag), uint32(len(sealed))), each.id[:]...)
			body = append(body, sealed...)
		}
		if len(listed) == 0 {
			continue
		}
		end := r.seal(header)
		body = binary.LittleEndian.AppendUint32(append(body, end...), uint32(len(end)))
		digest := sha256.Sum256(body)
		id := hex.EncodeToString(digest[:])
		r.put("restic/data/"+id[:2]+"/"+id, body)
		packs = append(packs, map[string]any{"id": id, "blobs": listed})
	}
	r.unpacked("index", map[string]any{"packs": packs})
	r.blobs = map[string][]blob{}
}

func (r *Repository) unpacked(folder string, value any) string {
	sealed := r.seal(r.encode(value))
	digest := sha256.Sum256(sealed)
	id := hex.EncodeToString(digest[:])
	r.put("restic/"+folder+"/"+id, sealed)
	return id
}

// seal is AES-256 in counter mode under Poly1305-AES.
func (r *Repository) seal(body []byte) []byte {
	nonce := make([]byte, aes.BlockSize)
	_, _ = rand.Read(nonce) // Never returns an error, says crypto/rand.
	sealed := make([]byte, len(body))
	cipher.NewCTR(r.block(r.key.Encrypt), nonce).XORKeyStream(sealed, body)
	var key [32]byte
	copy(key[:16], r.key.MAC.R)
	for _, index := range []int{3, 7, 11, 15} {
		key[index] &= 15
	}
	for _, index := range []int{4, 8, 12} {
		key[index] &= 252
	}
	r.block(r.key.MAC.K).Encrypt(key[16:], nonce)
	var tag [16]byte
	poly1305.Sum(&tag, sealed, &key)
	return append(append(nonce, sealed...), tag[:]...)
}

func (r *Repository) block(key []byte) cipher.Block {
	block, err := aes.NewCipher(key)
	if err != nil {
		r.t.Fatal(err)
	}
	return block
}

func (r *Repository) encode(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		r.t.Fatal(err)
	}
	return body
}
