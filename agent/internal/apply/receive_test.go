package apply

import (
	"os"
	"strings"
	"testing"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/delivery"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/testkit/installed"
)

// enrolled is a settled machine with a key for deliveries, and its public key.
func enrolled(t *testing.T) (*installed.Machine, Settings, string) {
	t.Helper()
	machine, _, settings := settled(t)
	key, _, err := delivery.EnsureKey(machine.Paths)
	if err != nil {
		t.Fatal(err)
	}
	return machine, settings, key.Recipient().String()
}

func leastGeneration(t *testing.T, machine *installed.Machine) int64 {
	t.Helper()
	found, _, err := config.Load(machine.Paths)
	if err != nil {
		t.Fatal(err)
	}
	return found.LeastGeneration
}

// put leaves a delivery whose configuration has this least generation, which nothing else on the machine says.
func put(machine *installed.Machine, publicKey string, number, least int, changes map[string]any) {
	present, _, _ := config.Load(machine.Paths)
	parts := machine.Parts(map[string]any{"least_generation": least})
	parts["check_ins_after"], parts["reports_after"] = 40, 30
	body := machine.Deliver(number, publicKey, parts, changes)
	machine.Configure(map[string]any{"least_generation": present.LeastGeneration})
	machine.Server.Put(delivery.Key, body)
}

func TestANewerDeliveryIsTakenOnceAndAnnounced(t *testing.T) {
	machine, settings, own := enrolled(t)
	if pulled := pull(t, settings); pulled != (Pulled{}) {
		t.Fatalf("%+v", pulled) // There is none yet.
	}
	put(machine, own, 1, 1, nil)
	if pulled := pull(t, settings); pulled != (Pulled{Delivery: 1}) || leastGeneration(t, machine) != 1 {
		t.Fatalf("%+v", pulled)
	}
	if found := checkedIn(t, machine); found.Number != 41 || found.Delivered != 1 ||
		report.ReadFloor(machine.Paths.ReportFloor()) != 30 {
		t.Fatalf("%+v", found)
	}
	if pulled := pull(t, settings); pulled != (Pulled{}) || checkedIn(t, machine).Number != 41 {
		t.Fatalf("%+v", pulled)
	}
	// Whoever loses the record takes the present one again, and loses nothing.
	if err := os.Remove(machine.Paths.Delivered()); err != nil {
		t.Fatal(err)
	}
	if pulled := pull(t, settings); pulled != (Pulled{Delivery: 1}) || leastGeneration(t, machine) != 1 {
		t.Fatalf("%+v", pulled)
	}
}

func TestANewSigningKeyComesWithADeliveryThatTheOldOneSigned(t *testing.T) {
	machine, settings, own := enrolled(t)
	var next map[string]any
	machine.As("n", func() { next = machine.Parts(nil) })
	machine.Configure(nil)
	machine.Server.Put(delivery.Key, machine.Deliver(1, own, next, nil))
	machine.As("n", func() {
		machine.Order(2, nil)
		if pulled := pull(t, settings); pulled != (Pulled{Delivery: 1, Generation: 2}) {
			t.Fatalf("%+v", pulled)
		}
	})
}

func TestADeliveryThatCannotBeTakenChangesNothingAndIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		leave func(machine *installed.Machine, own string)
		want  string
	}{
		"older": {func(machine *installed.Machine, own string) { put(machine, own, 1, 1, nil) }, "older than 2"},
		"other": {func(machine *installed.Machine, own string) { put(machine, own, 2, 1, nil) }, "different content"},
		"another machine's": {func(machine *installed.Machine, own string) {
			put(machine, own, 3, 1, map[string]any{"machine": "ws2"})
		}, "for t1/ws2"},
		"another key's": {func(machine *installed.Machine, own string) {
			put(machine, own, 3, 1, map[string]any{"public_key": strangerKey})
		}, "sealed for the machine with the fingerprint"},
		"damaged":    {func(machine *installed.Machine, _ string) { machine.Server.Put(delivery.Key, []byte("{")) }, "not a signed"},
		"large":      {func(machine *installed.Machine, _ string) { machine.Server.Put(delivery.Key, make([]byte, 2<<20)) }, "larger than"},
		"unreadable": {func(machine *installed.Machine, _ string) { refuseDeliveries(machine) }, "access denied"},
		"of a platform that is gone": {func(machine *installed.Machine, own string) {
			parts := machine.Parts(map[string]any{"endpoint": "https://127.0.0.1:1", "least_generation": 1})
			machine.Configure(map[string]any{"least_generation": 0})
			machine.Server.Put(delivery.Key, machine.Deliver(3, own, parts, nil))
		}, "does not reach the storage"},
		"of a foreign authority": {func(machine *installed.Machine, own string) {
			foreign, _ := os.ReadFile("../enrol/testdata/foreign.pem")
			parts := machine.Parts(nil)
			parts["certificates"] = foreign
			machine.Server.Put(delivery.Key, machine.Deliver(3, own, parts, nil))
		}, "certificate not trusted"},
		"forged": {func(machine *installed.Machine, own string) {
			machine.As("x", func() { put(machine, own, 3, 1, nil) })
			machine.Configure(map[string]any{"least_generation": 0})
		}, "no signature"},
	} {
		t.Run(name, func(t *testing.T) {
			machine, settings, own := enrolled(t)
			put(machine, own, 2, 0, nil)
			pull(t, settings)
			test.leave(machine, own)
			machine.Order(2, nil)
			pulled := pull(t, settings)
			// The orders are obeyed all the same.
			if pulled.Delivery != 0 || pulled.Generation != 2 || !strings.Contains(pulled.Note, test.want) {
				t.Fatalf("%+v", pulled)
			}
			if leastGeneration(t, machine) != 0 {
				t.Fatal("the configuration was replaced")
			}
			if name == "large" || name == "unreadable" {
				return // Of what was not read there is nothing to tell beside the note.
			}
			found, err := FindUndelivered(machine.Paths)
			if err != nil || found == nil || !strings.Contains(found.Reason, test.want) {
				t.Fatalf("%+v %v", found, err)
			}
			put(machine, own, 4, 1, nil)
			if pulled := pull(t, settings); pulled.Delivery != 4 {
				t.Fatalf("%+v", pulled)
			}
			if found, err := FindUndelivered(machine.Paths); err != nil || found != nil {
				t.Fatalf("%+v %v", found, err)
			}
		})
	}
}

// strangerKey is the public key of no machine here.
const strangerKey = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

func refuseDeliveries(machine *installed.Machine) {
	machine.Server.FailWith(func(_, key string) string {
		if key == delivery.Key {
			return "AccessDenied"
		}
		return ""
	})
}

func TestAMachineWithoutAKeyForDeliveriesTakesNone(t *testing.T) {
	machine, _, settings := settled(t)
	put(machine, strangerKey, 1, 1, nil)
	if pulled := pull(t, settings); pulled != (Pulled{}) {
		t.Fatalf("%+v", pulled)
	}
}

func TestAKilledDeliveryIsCompletedByThePullAndDroppedByADeployment(t *testing.T) {
	for _, isDeployed := range []bool{false, true} {
		machine, settings, own := enrolled(t)
		put(machine, own, 1, 1, nil)
		if err := os.WriteFile(machine.Paths.Delivering(), machine.Server.Get(delivery.Key), 0o600); err != nil {
			t.Fatal(err)
		}
		machine.Server.Delete(delivery.Key)
		want := int64(1)
		if isDeployed {
			want = 0
			if _, err := Apply(t.Context(), settings, false); err != nil {
				t.Fatal(err)
			}
		}
		pull(t, settings)
		if found := leastGeneration(t, machine); found != want {
			t.Errorf("%v: %d", isDeployed, found)
		}
	}
}
