package gate

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Whoever hosts the storage writes the gate; its words reach the customer's journal.
func TestWhatTheGateSaysIsOneShortPrintableLine(t *testing.T) {
	body := `{"closed":true,"reason":"hold\n2026-01-01 root: \u001b[2Jall is well\u202e","since":"` +
		strings.Repeat("é", 100_000)[:60_001] + `\r\nfaked"}`
	gate, err := Parse([]byte(body))
	if err != nil || !gate.Closed || gate.Reason != "hold 2026-01-01 root: �[2Jall is well�" {
		t.Fatalf("%+v %v", gate, err)
	}
	sentence := gate.Sentence()
	if utf8.RuneCountInString(sentence) > 200 || strings.ContainsAny(sentence, "\r\n\x1b") || !utf8.ValidString(sentence) {
		t.Fatalf("%q", sentence)
	}
}
