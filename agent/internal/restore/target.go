package restore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/text"
)

const elsewhere = "Donnez avec --vers un dossier nouveau ou vide : rien n'est jamais écrasé."

// isCageSystem says whether this system may have a cage. Without one, restic goes by names, which nobody else may change.
const isCageSystem = runtime.GOOS == "linux"

// openTarget makes the target where it is missing and holds it: from here on its name does not matter. A target that
// holds anything is refused: nothing is ever written over.
func openTarget(path string) (*os.File, error) {
	folder, err := files.Folder{Make: true, Trusted: !isCageSystem}.Open(path)
	if err != nil {
		return nil, explainTarget(err, path)
	}
	_, err = folder.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		return folder, nil
	}
	if err == nil {
		err = fault.Refused(fmt.Sprintf("le dossier « %s » n'est pas vide", path), elsewhere)
	}
	return nil, errors.Join(err, folder.Close())
}

// requireFree refuses a target that is there already and holds anything, before anything is asked of the storage.
func requireFree(path string) error {
	folder, err := files.Folder{}.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explainTarget(err, path)
	}
	_, err = folder.Readdirnames(1)
	if closeErr := folder.Close(); errors.Is(err, io.EOF) {
		return closeErr
	}
	if err == nil {
		return fault.Refused(fmt.Sprintf("le dossier « %s » n'est pas vide", path), elsewhere)
	}
	return explainTarget(err, path)
}

// requireTrusted refuses a target that another user could replace by a link to elsewhere while restic goes by its name.
func requireTrusted(path string) error {
	folder, err := files.Folder{Trusted: true}.Open(path)
	if err != nil {
		return explainTarget(err, path)
	}
	return folder.Close()
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
