package repository

import (
	"bytes"
	"slices"
	"strings"
)

// packs are the objects of data/ by their names, 40 bytes each: 2.6 MB for 1 TiB in packs of 16 MiB.
type packs struct{ list []pack }

type pack struct {
	name      id
	sizeBytes int64
}

// add takes one listed object; what has no pack's name is nothing that an index can mean.
func (p *packs) add(key string, sizeBytes int64) {
	if name, isID := parseID(key[strings.LastIndexByte(key, '/')+1:]); isID {
		p.list = append(p.list, pack{name, sizeBytes})
	}
}

func (p *packs) sort() {
	slices.SortFunc(p.list, func(one, other pack) int { return bytes.Compare(one.name[:], other.name[:]) })
}

func (p *packs) find(name id) (sizeBytes int64, isThere bool) {
	at, isThere := slices.BinarySearchFunc(p.list, name, func(each pack, wanted id) int {
		return bytes.Compare(each.name[:], wanted[:])
	})
	if !isThere {
		return 0, false
	}
	return p.list[at].sizeBytes, true
}
