package gate

import (
	"strings"
	"testing"
)

func TestTheJournalSaysInFrenchWhyNothingIsSaved(t *testing.T) {
	for reason, words := range map[string]string{
		ReasonQuota: "quota", ReasonFilling: "cette machine remplit l'espace de stockage commun", "hold": "gelé", ReasonMaintenance: "retire d'anciennes sauvegardes",
		"": "n'en accepte pas", "a reason of tomorrow": "n'en accepte pas", "\x1b[2J": "n'en accepte pas",
	} {
		said := Gate{Closed: true, Reason: reason}.Journal()
		if !strings.HasPrefix(said, "sauvegarde arrêtée : ") || !strings.Contains(said, words) || strings.Contains(said, "\x1b") {
			t.Fatalf("%q: %q", reason, said)
		}
	}
}

func TestAReportSaysWhoFillsTheStorage(t *testing.T) {
	if said := (Gate{Closed: true, Reason: ReasonFilling}).Sentence(); !strings.Contains(said, "fills the storage") {
		t.Fatal(said)
	}
}
