package gate

// ReasonFilling is the reason of a machine that is stopped for itself: it grows towards the wall other than by backups
// that count, and the machines beside it go on.
const ReasonFilling = "filling"

const callSmileo = " ; appelez SMILÉO"

// french says each reason to whoever reads the machine's journal. A reason that this agent does not know is not shown:
// nobody signs the document.
var french = map[string]string{
	ReasonQuota:   "le quota de stockage vendu est atteint" + callSmileo,
	ReasonFilling: "cette machine remplit l'espace de stockage commun, les autres continuent" + callSmileo,
	"suspended":   "le service est suspendu" + callSmileo,
	"hold":        "l'accès aux sauvegardes est gelé" + callSmileo,
	"leaving":     "le service a pris fin",

	ReasonMaintenance: "SMILÉO retire d'anciennes sauvegardes ; la prochaine sauvegarde aura lieu à l'heure prévue",
}

// Journal says to the customer, in French, that the gate is closed and why.
func (g Gate) Journal() string {
	why, known := french[g.Reason]
	if !known {
		why = "le stockage n'en accepte pas pour l'instant" + callSmileo
	}
	return "sauvegarde arrêtée : " + why
}
