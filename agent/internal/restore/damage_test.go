package restore

import (
	"strings"
	"testing"

	"coffre.invalid/agent/internal/fault"
)

func TestADamagedRepositoryIsNamedInFrenchAndNoPasswordIsBlamed(t *testing.T) {
	machine := backedUp(t)
	server := machine.Server
	first := func(prefix string) string {
		keys := server.Keys("restic/" + prefix)
		if len(keys) == 0 {
			t.Fatalf("no %s", prefix)
		}
		return keys[0]
	}
	for name, test := range map[string]struct {
		key     string
		body    []byte
		command []string
		want    string
	}{
		"config gone":     {"restic/config", nil, []string{"liste"}, "la configuration du dépôt a disparu"},
		"config cut":      {"restic/config", []byte("abc"), []string{"liste"}, "la configuration du dépôt est endommagée"},
		"key gone":        {first("keys/"), nil, []string{"liste"}, "la clé du dépôt a disparu"},
		"key changed":     {first("keys/"), []byte("{}"), []string{"liste"}, "la clé du dépôt est endommagée"},
		"index gone":      {first("index/"), nil, []string{"contenu", "derniere"}, "l'index du dépôt est incomplet"},
		"snapshots alone": {first("snapshots/"), []byte("x"), []string{"liste"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := server.Get(test.key)
			defer server.Put(test.key, before)
			if test.body == nil {
				server.Delete(test.key)
			} else {
				server.Put(test.key, test.body)
			}
			exit, _, said := call(t, machine, test.command...)
			if test.want == "" {
				if exit != 0 {
					t.Errorf("one damaged snapshot hides all others: %d %s", exit, said)
				}
				return
			}
			if exit != fault.ExitFailed || !strings.Contains(said, test.want) || !strings.Contains(said, "contactez SMILÉO") {
				t.Errorf("%d %s", exit, said)
			}
			for _, foreign := range []string{"mot de passe", ".go:", "goroutine", "panic"} {
				if strings.Contains(said, foreign) {
					t.Errorf("%q in %s", foreign, said)
				}
			}
		})
	}
}
