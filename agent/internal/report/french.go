package report

import "fmt"

const callSmileo = " ; appelez SMILÉO"

var frenchStates = map[PathState]string{
	PathMissing:     "n'existe pas sur cette machine",
	PathEmpty:       "ne contient aucun fichier",
	PathExcluded:    "est exclu en entier par les exclusions du plan",
	PathUnreadable:  "n'a pas pu être lu",
	PathShrunk:      "a perdu presque toutes ses données depuis la dernière bonne sauvegarde",
	PathUnmounted:   "est sur un disque qui n'est plus monté",
	PathLinkRefused: "est un lien qui mène aux fichiers d'un autre utilisateur ou tourne en rond",
}

// Journal says to the customer, in French, what is wrong with a path.
func (p Path) Journal() string {
	line := fmt.Sprintf("sauvegarde incomplète : %s %s", p.Path, frenchStates[p.State])
	if p.MountPoint != "" {
		line += fmt.Sprintf(" (%s)", p.MountPoint)
	}
	return line + callSmileo
}

// Journal says to the customer, in French, what reading a snapshot back has shown.
func (i Integrity) Journal(missingPacks int) string {
	switch i {
	case PacksMissing:
		return fmt.Sprintf("sauvegarde inutilisable : %d blocs de données manquent dans le stockage%s", missingPacks, callSmileo)
	case SnapshotUnreadable:
		return "sauvegarde inutilisable : le stockage ne la rend pas telle qu'elle a été écrite" + callSmileo
	case Unchecked:
		return "sauvegarde non vérifiée : le stockage n'a pas répondu"
	case Whole:
	}
	return "sauvegarde relue"
}
