package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/listing"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/storage"
	"coffre.invalid/agent/internal/text"
)

// Words of the command line.
const (
	listCommand     = "liste"
	contentsCommand = "contenu"
	restoreCommand  = "restaurer"
	helpCommand     = "aide"
	targetFlag      = "vers"
	pathFlag        = "chemin"
)

// isLast says whether the newest backup is meant, with its accent or without.
func isLast(wanted string) bool { return wanted == "derniere" || wanted == "dernière" }

const usage = `Usage :
  sauvegarde-restaurer liste
      Affiche les sauvegardes de cette machine.
  sauvegarde-restaurer contenu SAUVEGARDE [CHEMIN]
      Affiche ce qu'une sauvegarde contient, à la racine ou dans le dossier CHEMIN.
  sauvegarde-restaurer restaurer SAUVEGARDE --vers DOSSIER [--chemin CHEMIN]
      Restaure une sauvegarde, ou seulement CHEMIN, dans DOSSIER, qui doit être nouveau ou vide.
      Rien n'est jamais écrasé.

SAUVEGARDE est un identifiant donné par « liste » (son début suffit), ou « derniere ».
À lancer en tant que root : sudo sauvegarde-restaurer …

Exemple :
  sudo sauvegarde-restaurer restaurer derniere --vers /home/retour --chemin /home/claire/Documents
`

const (
	failure         = "%s : %s\n"
	askSmileo       = "Contactez SMILÉO en indiquant ce message."
	elsewhere       = "Donnez avec --vers un dossier nouveau ou vide : rien n'est jamais écrasé."
	noCage          = "Ce système ne permet pas d'isoler la restauration : elle se fait sous la seule protection du contrôle du contenu."
	progressLine    = "restauration : %d %%\n"
	usageOfList     = "« liste » ne prend pas d'argument"
	usageOfContents = "« contenu » prend une sauvegarde et, si vous voulez, un chemin"
	usageOfRestore  = "« restaurer » prend une seule sauvegarde"
	targetMissing   = "il manque --vers DOSSIER"
	noneYet         = "Aucune sauvegarde pour l'instant.\n"
	ofOthers        = "faite(s) par une autre machine sous le nom de celle-ci (ancien matériel, ou copie du disque) : " +
		"« derniere » ne les prend que si cette machine n'en a aucune.\n"
	impossible      = "%d sauvegarde(s) de plus, dont la date ou l'identifiant est impossible : contactez SMILÉO.\n"
	restored        = "Sauvegarde %s du %s restaurée dans %s : %d éléments, %s.\n"
	heading         = "Sauvegarde %s du %s\n"
	newestLeftAside = "Attention : %s a été faite par une autre machine sous le nom de celle-ci ; elle est laissée de côté. " +
		"Prévenez SMILÉO.\n"
	chosenOfOther = "Attention : %s a été faite par une autre machine sous le nom de celle-ci.\n"
	noBackup      = "cette machine n'a encore aucune sauvegarde"
	blocked       = "la sauvegarde est suspendue ou bloquée, contactez SMILÉO"
	listOfBackups = "la liste des sauvegardes"
	namedBackup   = "la sauvegarde %s du %s"
)

var columns = []any{"SAUVEGARDE", "DATE", "TAILLE", "CONTENU"}

func notAbsolute(path string) error {
	return fault.Usage(fmt.Sprintf("le chemin « %s » doit commencer par /", text.Line(path, messageLimit)),
		"Écrivez-le comme sur la machine, par exemple /home/claire/Documents.")
}

func noSuchPath(snapshot Snapshot, path string, zone *time.Location) error {
	return fault.Usage(fmt.Sprintf("la sauvegarde %s du %s ne contient pas « %s »", snapshot.ID[:8],
		formatDate(snapshot.Time.In(zone)), text.Line(path, messageLimit)),
		"Cherchez-le avec « "+Name+" contenu "+snapshot.ID[:8]+" » ; écrivez le chemin comme sur la machine.")
}

func explainStorage(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return interrupted()
	case errors.Is(err, storage.ErrUnreachable):
		return fault.Failed("la plateforme de sauvegarde est injoignable",
			"Vérifiez la connexion Internet de cette machine, puis réessayez ; si cela dure, contactez SMILÉO.")
	case errors.Is(err, storage.ErrAccessDenied):
		return fault.Refused(blocked, "")
	case errors.Is(err, storage.ErrClockSkewed):
		return fault.Failed("l'horloge de cette machine est fausse de plus d'un quart d'heure",
			"Remettez-la à l'heure, puis réessayez.")
	case errors.Is(err, storage.ErrUntrusted):
		return fault.Refused("le certificat de la plateforme de sauvegarde n'est pas reconnu : rien n'a été échangé", askSmileo)
	case errors.Is(err, storage.ErrNoSuchKey):
		return fault.Failed(noBackup, askSmileo)
	}
	return fault.Failed(fmt.Sprintf("la plateforme de sauvegarde a répondu : %s", text.Line(err.Error(), messageLimit)), askSmileo)
}

func interrupted() error {
	return fault.Failed("interrompu", "Ce qui a déjà été restauré reste dans le dossier ; recommencez vers un dossier vide.")
}

func explainRestic(code int, complaints string) error {
	lower := strings.ToLower(complaints)
	switch {
	case strings.Contains(lower, "no space left on device"), strings.Contains(lower, "not enough space on the disk"):
		return fault.Failed("il n'y a plus de place sur le disque",
			"Libérez de la place ou choisissez un autre disque, puis recommencez vers un dossier vide.")
	case strings.Contains(lower, "access denied"), strings.Contains(lower, "accessdenied"):
		return fault.Refused(blocked, "")
	}
	if damage := restic.FindDamage(complaints); damage.Part != restic.Nothing {
		return explainDamage(damage)
	}
	if failed := entriesFailed.FindStringSubmatch(complaints); code == restic.ExitFailed && failed != nil && notTaken.MatchString(complaints) {
		return fault.Failed(fmt.Sprintf("tout est restauré, sauf ce que ce dossier ne peut pas contenir (%s erreurs)", failed[1]),
			"Le reste est en place, et recommencer n'y changera rien (nom ou chemin trop long, attribut refusé par le disque). "+
				"Essayez avec --vers un dossier plus proche de la racine, comme /retour, ou contactez SMILÉO.")
	}
	if code == restic.ExitWrongPassword {
		return fault.Failed("la sauvegarde ne s'ouvre pas avec le mot de passe de cette machine", askSmileo)
	}
	last := lastMessage(complaints)
	if last == "" {
		last = fmt.Sprintf("code %d", code)
	}
	return fault.Failed(fmt.Sprintf("restic a échoué : %s", text.Line(last, messageLimit)), askSmileo)
}

var frenchParts = map[restic.Part]string{
	restic.Config: "la configuration du dépôt est endommagée", restic.Key: "la clé du dépôt est endommagée",
	restic.Index: "l'index du dépôt est endommagé", restic.SnapshotFile: "la fiche d'une sauvegarde est endommagée",
	restic.Pack: "une partie des données est endommagée", restic.Unknown: "un élément du dépôt est endommagé",
}

var frenchLost = map[restic.Part]string{
	restic.Config: "la configuration du dépôt a disparu", restic.Key: "la clé du dépôt a disparu",
	restic.Index: "l'index du dépôt est incomplet", restic.Pack: "une partie des données a disparu",
}

// explainDamage says that the backup itself is damaged: no password and no other folder helps, and SMILÉO can.
func explainDamage(damage restic.Damage) error {
	what := frenchParts[damage.Part]
	if damage.Gone {
		what = frenchLost[damage.Part]
	}
	return fault.Failed("la sauvegarde est abîmée sur la plateforme : "+what,
		"Rien n'a changé sur cette machine, et recommencer n'y changera rien. SMILÉO peut revenir à un état antérieur du dépôt : "+
			"contactez SMILÉO en indiquant ce message.")
}

var frenchFaults = map[listing.Fault]string{
	listing.Twice: "« %s » y figure deux fois", listing.Orphan: "« %s » y figure dans ce qui n'est pas un dossier",
	listing.BadName: "« %s » y a un nom qu'aucun fichier ne peut avoir", listing.BadType: "« %s » y est d'un genre inconnu",
	listing.TooDeep: "« %s » y est plus profond ou plus long qu'aucun disque ne le permet",
}

// explainListing says in French what is wrong with a listing; what names it.
func explainListing(err error, what string) error {
	var found *listing.FaultError
	if !errors.As(err, &found) {
		return err
	}
	words, known := frenchFaults[found.Fault]
	if known {
		words = fmt.Sprintf(words, text.Line(found.Path, messageLimit))
	} else {
		words = "sa liste est illisible"
	}
	return fault.Refused(what+" n'est pas utilisable, rien n'en est affiché ni restauré : "+words,
		"Une sauvegarde normale n'est jamais ainsi : elle a pu être falsifiée. Choisissez-en une autre, et contactez SMILÉO en "+
			"indiquant ce message.")
}

func explainTarget(err error, path string) error {
	var unsafe *files.UnsafeError
	if !errors.As(err, &unsafe) {
		return fault.Failed(fmt.Sprintf("le dossier « %s » ne peut pas être utilisé : %v", path, reason(err)), "")
	}
	part := text.Name(unsafe.Path)
	switch unsafe.Danger {
	case files.IsLink:
		hint := elsewhere
		if real, err := filepath.EvalSymlinks(unsafe.Path); err == nil {
			hint = "Donnez le vrai chemin, sans lien : « " + part + " » mène à « " + text.Name(real) + " »."
		}
		return fault.Refused(fmt.Sprintf("« %s » est un lien : une restauration n'en suit aucun", part), hint)
	case files.NotFolder:
		return fault.Refused(fmt.Sprintf("« %s » n'est pas un dossier", part), elsewhere)
	}
	return fault.Refused(fmt.Sprintf("un autre utilisateur peut modifier « %s », et détourner ainsi la restauration", part),
		"Donnez avec --vers un dossier dont root seul peut modifier chaque partie, par exemple /root/retour.")
}

func unreadableList() error {
	return fault.Failed("la liste des sauvegardes n'a pas pu être lue", askSmileo)
}

func targetReplaced(path string) error {
	return fault.Refused(fmt.Sprintf("le dossier « %s » a été remplacé par un autre entre-temps", path), elsewhere)
}

func targetNotEmpty(path string) error {
	return fault.Refused(fmt.Sprintf("le dossier « %s » n'est pas vide", path), elsewhere)
}

func notRoot(arguments []string) error {
	return fault.Refused("cette commande doit être lancée en tant que root",
		"Relancez-la ainsi : sudo "+Name+" "+strings.Join(arguments, " "))
}

func badlyInstalled(err error) error {
	return fault.Failed(fmt.Sprintf("l'agent de sauvegarde n'est pas bien installé sur cette machine (%v)", err), askSmileo)
}

func withoutOrders(agent string) error {
	return fault.Failed("cette machine n'a pas encore d'ordres de sauvegarde : on ne sait pas quel restic est le bon",
		"Lancez « "+agent+" pull », puis réessayez ; si cela dure, contactez SMILÉO.")
}

func otherProgram(err error) error {
	return fault.Refused(fmt.Sprintf("le programme restic de cette machine n'est pas celui qui doit y être (%s)",
		text.Line(err.Error(), messageLimit)), askSmileo)
}

func notStarted(err error) error {
	return fault.Failed(fmt.Sprintf("restic ne démarre pas sur cette machine (%v)", reason(err)), askSmileo)
}

func unknownOption(option string) error {
	return fault.Usage("option inconnue ou incomplète : "+option, usage)
}

func unknownCommand(command string) error {
	return fault.Usage(fmt.Sprintf("commande inconnue : « %s »", command), usage)
}

func notOne(wanted string, isSeveral bool, newest Snapshot, zone *time.Location) error {
	problem := "aucune sauvegarde ne commence par « %s »"
	if isSeveral {
		problem = "plusieurs sauvegardes commencent par « %s »"
	}
	return fault.Usage(fmt.Sprintf(problem, text.Line(wanted, messageLimit)), fmt.Sprintf(
		"« %s liste » les affiche ; la dernière est %s, du %s.", Name, newest.ID[:8], formatDate(newest.Time.In(zone))))
}

var months = []string{
	"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre",
}

// formatDate writes a moment as it is said: « 1er mars 2026 à 14 h 07 ».
func formatDate(moment time.Time) string {
	day := strconv.Itoa(moment.Day())
	if day == "1" {
		day = "1er"
	}
	return fmt.Sprintf("%s %s %d à %d h %02d", day, months[moment.Month()-1], moment.Year(), moment.Hour(), moment.Minute())
}

// formatTime writes a moment in a table: « 01/03/2026 14:07 ».
func formatTime(moment time.Time) string { return moment.Format("02/01/2006 15:04") }

// formatSize writes a size in French decimal units: « 1,5 Go ».
func formatSize(bytes uint64) string {
	if bytes < 1000 {
		return fmt.Sprintf("%d o", bytes)
	}
	value, units := float64(bytes), []string{"o", "ko", "Mo", "Go", "To", "Po", "Eo"}
	unit := 0
	// 999,95 would be written 1000,0.
	for value >= 999.95 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	return strings.Replace(fmt.Sprintf("%.1f %s", value, units[unit]), ".", ",", 1)
}

// pad fills up to width characters, which are not bytes in French.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

func padLeft(text string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text))) + text
}

// reason says in French why the system refused something.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "accès refusé"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		return "il n'existe pas"
	case errors.Is(err, syscall.ENOTDIR):
		return "ce n'est pas un dossier"
	case errors.Is(err, syscall.ENOSPC):
		return "il n'y a plus de place sur le disque"
	case errors.Is(err, syscall.EROFS):
		return "le disque est en lecture seule"
	}
	return text.Line(err.Error(), messageLimit)
}
