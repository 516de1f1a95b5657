package repository

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// id names an object by the SHA-256 of its content.
type id [32]byte

func parseID(text string) (id, bool) {
	var found id
	if len(text) != hex.EncodedLen(len(found)) {
		return found, false
	}
	_, err := hex.Decode(found[:], []byte(text))
	return found, err == nil
}

// plainLimit is the most that one file or blob may unpack to; restic's own indexes end at some 10 MB.
const plainLimit = 512 << 20

// Versions of what is inside a seal: JSON as it is, or, in repositories of version 2, packed.
const packedMark = 2

// unpack returns what is in an unsealed file. A blob says beside it whether it is packed.
func unpack(plain []byte) (io.Reader, func(), error) {
	if len(plain) == 0 {
		return nil, nil, errors.New("it is empty")
	}
	if plain[0] != packedMark {
		return bytes.NewReader(plain), func() {}, nil
	}
	return decompress(plain[1:])
}

func decompress(packed []byte) (io.Reader, func(), error) {
	decoder, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(plainLimit))
	if err != nil {
		return nil, nil, err
	}
	return io.LimitReader(decoder, plainLimit), decoder.Close, nil
}

type indexBlob struct {
	ID       string `json:"id"`
	Offset   int64  `json:"offset"`
	Length   int64  `json:"length"`
	Unpacked int64  `json:"uncompressed_length"`
}

type indexPack struct {
	ID    string      `json:"id"`
	Blobs []indexBlob `json:"blobs"`
}

// eachPack calls take with every pack that an index names, one at a time.
func eachPack(plain []byte, take func(indexPack) error) error {
	reader, end, err := unpack(plain)
	if err != nil {
		return err
	}
	defer end()
	decoder := json.NewDecoder(reader)
	if err := expect(decoder, json.Delim('{')); err != nil {
		return err
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		if name != "packs" {
			var skipped json.RawMessage
			if err := decoder.Decode(&skipped); err != nil {
				return err
			}
			continue
		}
		if err := expect(decoder, json.Delim('[')); err != nil {
			return err
		}
		for decoder.More() {
			var pack indexPack
			if err := decoder.Decode(&pack); err != nil {
				return err
			}
			if err := take(pack); err != nil {
				return err
			}
		}
		if err := expect(decoder, json.Delim(']')); err != nil {
			return err
		}
	}
	return nil
}

func expect(decoder *json.Decoder, wanted json.Delim) error {
	token, err := decoder.Token()
	if err == nil && token != wanted {
		err = fmt.Errorf("found %v instead of %v", token, wanted)
	}
	return err
}
