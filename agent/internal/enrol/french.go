package enrol

import (
	"context"
	"errors"
	"fmt"
	"time"

	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/storage"
	"coffre.invalid/agent/internal/text"
)

// messageLimit bounds what is shown of an answer: whoever hosts the storage words it.
const messageLimit = 300

const (
	askNewOne   = "Demandez une nouvelle invitation à SMILÉO."
	askSmileo   = "Contactez SMILÉO en indiquant ce message."
	sameScript  = "Relancez le même script."
	thisMachine = "Ordinateur « %s », empreinte %s.\n"
	waiting     = "Demande envoyée. Attente de la réponse de SMILÉO, jusqu'à %s.\n"
	received    = "Configuration reçue de SMILÉO.\n"
	unreachable = "la plateforme de sauvegarde est injoignable"
	unusable    = "la réponse lue sur la plateforme est inutilisable"
	notSigned   = "la réponse lue sur la plateforme n'est pas signée par SMILÉO pour cet ordinateur ; prévenez SMILÉO si cela dure"
	finished    = "L'agent de sauvegarde de l'ordinateur « %s » est en service.\n"
)

func damaged(reason string) error {
	return fault.Refused("l'invitation est abîmée ou incomplète : "+reason, "Téléchargez de nouveau le script, ou demandez-le à SMILÉO.")
}

func expired() error {
	return fault.Refused("cette invitation a expiré ou a été retirée", askNewOne)
}

func expiredAt(at time.Time) error {
	return fault.Refused("cette invitation a expiré le "+formatTime(at),
		"Vérifiez l'horloge de cet ordinateur ; si elle est juste, demandez une nouvelle invitation à SMILÉO.")
}

func usedElsewhere(fingerprint string) error {
	return fault.Refused("cette invitation a servi à un autre ordinateur (empreinte "+fingerprint+")",
		"Prévenez SMILÉO, qui vous donnera une nouvelle invitation.")
}

func agentOfOther(machine, tenantID string) error {
	return fault.Refused(fmt.Sprintf("cet ordinateur a déjà l'agent de « %s » (client %s)", text.Line(machine, messageLimit),
		text.Line(tenantID, messageLimit)), "Vérifiez que ce script est bien celui de cet ordinateur, ou contactez SMILÉO.")
}

func noAnswerYet(note string) error {
	message := "SMILÉO n'a pas encore répondu"
	if note != "" {
		message += " (" + note + ")"
	}
	return fault.Busy(message, sameScript)
}

func interrupted() error { return fault.Busy("interrompu avant la fin", sameScript) }

func runsAlready() error {
	return fault.Busy("le même script est déjà en cours sur cet ordinateur", "Attendez qu'il se termine.")
}

// NeedsAdministrator says that the user may not install anything.
func NeedsAdministrator() error {
	return fault.Refused("ce script doit être lancé en tant qu'"+administrator, "")
}

func explainStorage(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return interrupted()
	case errors.Is(err, storage.ErrAccessDenied), errors.Is(err, storage.ErrClockSkewed):
		return expired()
	case errors.Is(err, storage.ErrUnreachable):
		return fault.Busy(unreachable+" ("+reason(err)+")",
			"Vérifiez la connexion Internet de cet ordinateur, puis relancez le même script.")
	case errors.Is(err, storage.ErrUntrusted):
		// A laptop behind the login page of a hotel's network sees this, too: it does not stay so.
		return fault.Busy("le certificat de la plateforme de sauvegarde n'est pas reconnu : rien n'a été échangé",
			"Relancez le même script sur un autre réseau ; si cela dure, contactez SMILÉO en indiquant ce message.")
	}
	return fault.Failed("la plateforme de sauvegarde a répondu : "+reason(err), askSmileo)
}

func notApplied(err error) error {
	exit, _ := fault.Describe(err)
	return &fault.Error{
		Exit: exit, Message: "la configuration est reçue, mais l'agent n'a pas pu se mettre en service : " + reason(err),
		Hint: "Relancez le même script ; si cela dure, contactez SMILÉO en indiquant ce message.",
	}
}

func notTold(note string) error {
	return fault.Busy("l'agent est installé, mais SMILÉO n'a pas pu en être averti : "+text.Line(note, messageLimit), sameScript)
}

func notInstalled(err error) error {
	return fault.Failed("l'agent n'a pas pu être installé : "+reason(err),
		"Relancez le même script ; si cela dure, contactez SMILÉO en indiquant ce message.")
}

func reason(err error) string { return text.Line(err.Error(), messageLimit) }

func formatTime(at time.Time) string { return at.Local().Format("02/01/2006 à 15:04") }
