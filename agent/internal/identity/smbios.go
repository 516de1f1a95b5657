package identity

import (
	"bytes"
	"encoding/hex"
)

// systemUUID finds the UUID of the machine (structure 1 of the SMBIOS specification) in a table, empty when there is
// none. Each structure is its formatted part, as long as its second byte says, and then texts up to two zeros.
func systemUUID(table []byte) string {
	const system, uuidAt, uuidEnd = 1, 8, 24
	for len(table) >= 4 {
		length := int(table[1])
		if length < 4 || length > len(table) {
			return ""
		}
		if table[0] == system && length >= uuidEnd {
			return hex.EncodeToString(table[uuidAt:uuidEnd])
		}
		end := bytes.Index(table[length:], []byte{0, 0})
		if end < 0 {
			return ""
		}
		table = table[length+end+2:]
	}
	return ""
}
