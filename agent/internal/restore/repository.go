package restore

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"coffre.invalid/agent/internal/apply"
	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/identity"
	"coffre.invalid/agent/internal/listing"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/programs"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/storage"
	"coffre.invalid/agent/internal/text"
)

const (
	configKey        = "restic/config"
	configLimit      = 64 << 10
	patience         = 10 * time.Second
	endGrace         = 15 * time.Second
	exitNoRepository = 10
	exitPassword     = 12
	// messageLimit bounds what restic or the storage say in a message.
	messageLimit = 400
)

// repository runs restic over this machine's own repository. Secrets go by environment only.
type repository struct {
	binary      string
	sha256      string
	settings    []string
	caFile      string
	cache       string
	environment []string
	credentials config.Credentials
	// tag marks the snapshots that this very machine took, empty when that is not known.
	tag    string
	client *storage.Client
}

// open reads the agent's configuration and asks the storage one thing: restic would try for 15 minutes to reach one that
// is away or refuses.
func open(ctx context.Context, settings Settings) (*repository, error) {
	machine, credentials, err := config.Load(settings.Paths)
	if err != nil {
		return nil, fault.Failed(fmt.Sprintf("l'agent de sauvegarde n'est pas bien installé sur cette machine (%v)", err),
			askSmileo)
	}
	client, err := storage.Open(storage.OfMachine(machine, credentials, machine.Bucket))
	if err != nil {
		return nil, fault.Failed(fmt.Sprintf("l'agent de sauvegarde n'est pas bien installé sur cette machine (%v)", err),
			askSmileo)
	}
	err = storage.Retry(ctx, patience, func(ctx context.Context) error {
		_, err := client.Get(ctx, configKey, configLimit)
		return err
	})
	if errors.Is(err, storage.ErrNoSuchKey) {
		if damage := lookAtRemains(ctx, client, exitNoRepository); damage.Part != restic.Nothing {
			return nil, explainDamage(damage)
		}
	}
	if err != nil {
		return nil, explainStorage(err)
	}
	binary, sha256, err := findProgram(settings.Paths, machine)
	if err != nil {
		return nil, err
	}
	command := restic.Command{
		Repository: machine.Repository, AccessKeyID: credentials.AccessKeyID,
		SecretAccessKey: credentials.SecretAccessKey, Password: credentials.RepositoryPassword,
		TemporaryFolder: os.TempDir(),
	}
	return &repository{
		binary: binary, sha256: sha256, caFile: machine.CAFile, cache: settings.Paths.Cache(),
		settings:    []string{"--no-lock", "-o", "s3.bucket-lookup=path", "-o", "s3.region=" + machine.Region},
		environment: command.Environment(settings.Environment),
		credentials: credentials,
		tag:         identity.Read(settings.Paths.Root, machine.TenantID).Tag(),
		client:      client,
	}, nil
}

// findProgram returns the restic that the machine's orders name, and its SHA-256: it is given both secrets, so no other
// program is.
func findProgram(paths config.Paths, machine config.Machine) (path, sha256 string, err error) {
	applied, _, err := apply.ReadApplied(paths, orders.Identity{TenantID: machine.TenantID, Machine: machine.Machine})
	if err == nil && (applied == nil || applied.Orders.Remove) {
		return "", "", fault.Failed("cette machine n'a pas encore d'ordres de sauvegarde : on ne sait pas quel restic est le bon",
			"Lancez « "+paths.Agent()+" pull », puis réessayez ; si cela dure, contactez SMILÉO.")
	}
	if err == nil {
		path, err = programs.Find(paths, applied.Orders.Restic)
	}
	if err != nil {
		return "", "", fault.Refused(fmt.Sprintf("le programme restic de cette machine n'est pas celui qui doit y être (%s)",
			text.Line(err.Error(), messageLimit)), askSmileo)
	}
	return path, applied.Orders.Restic.SHA256, nil
}

func explainStorage(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return interrupted()
	case errors.Is(err, storage.ErrUnreachable):
		return fault.Failed("la plateforme de sauvegarde est injoignable",
			"Vérifiez la connexion Internet de cette machine, puis réessayez ; si cela dure, contactez SMILÉO.")
	case errors.Is(err, storage.ErrAccessDenied):
		return fault.Refused("la sauvegarde est suspendue ou bloquée, contactez SMILÉO", "")
	case errors.Is(err, storage.ErrClockSkewed):
		return fault.Failed("l'horloge de cette machine est fausse de plus d'un quart d'heure",
			"Remettez-la à l'heure, puis réessayez.")
	case errors.Is(err, storage.ErrUntrusted):
		return fault.Refused("le certificat de la plateforme de sauvegarde n'est pas reconnu : rien n'a été échangé", askSmileo)
	case errors.Is(err, storage.ErrNoSuchKey):
		return fault.Failed("cette machine n'a encore aucune sauvegarde", askSmileo)
	}
	return fault.Failed(fmt.Sprintf("la plateforme de sauvegarde a répondu : %s", text.Line(err.Error(), messageLimit)), askSmileo)
}

func interrupted() error {
	return fault.Failed("interrompu", "Ce qui a déjà été restauré reste dans le dossier ; recommencez vers un dossier vide.")
}

// literal keeps restic from reading a path as a pattern.
func literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(path)
}

// restic prepares a call of it, with the agent's cache.
func (r *repository) restic(arguments ...string) *exec.Cmd {
	command := exec.Command(r.binary, append(slices.Concat(r.settings, []string{"--cacert", r.caFile, "--cache-dir", r.cache}),
		arguments...)...)
	command.Env = r.environment
	return command
}

// start starts a prepared call where it is; the cage does it otherwise.
func start(command *exec.Cmd) error {
	if err := command.Start(); err != nil {
		return fault.Failed(fmt.Sprintf("restic ne démarre pas sur cette machine (%v)", reason(err)), askSmileo)
	}
	return nil
}

// run runs restic, hands over its output line by line, and explains in French how it failed. What take refuses ends it.
func (r *repository) run(ctx context.Context, command *exec.Cmd, start func(*exec.Cmd) error, take func([]byte) error) error {
	// The kernel's "end with your parent" means the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	restic.TieToParent(command)
	complaints := &tail{}
	command.Stderr = complaints
	command.WaitDelay = endGrace
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := start(command); err != nil {
		return err
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-ctx.Done():
			_ = endGently(command.Process) // An error means that it is gone already.
		case <-ended:
		}
	}()
	takeErr := eachLine(output, take)
	if takeErr != nil {
		_ = command.Process.Kill() // As above; nothing of what it says counts any more.
	}
	// What was not read must not keep restic waiting for a reader.
	_, copyErr := io.Copy(io.Discard, output)
	waitErr := command.Wait()
	if ctx.Err() != nil {
		return interrupted()
	}
	if takeErr != nil {
		return takeErr
	}
	var exit *exec.ExitError
	if errors.As(waitErr, &exit) {
		code := exit.ExitCode()
		if damage := lookAtRemains(ctx, r.client, code); damage.Part != restic.Nothing {
			return explainDamage(damage)
		}
		return explainRestic(code, r.credentials.Redact(complaints.text()))
	}
	return errors.Join(waitErr, copyErr)
}

// eachLine hands over each line; one that is longer than any that restic writes is a fault of what it reads.
func eachLine(output io.Reader, take func([]byte) error) error {
	scanner := bufio.NewScanner(output)
	scanner.Buffer(nil, listing.LineLimit)
	for scanner.Scan() {
		if err := take(scanner.Bytes()); err != nil {
			return err
		}
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		return &listing.FaultError{Fault: listing.Unreadable}
	}
	return nil // Another error is the pipe's: restic's own end says more.
}

func explainRestic(code int, complaints string) error {
	lower := strings.ToLower(complaints)
	switch {
	case strings.Contains(lower, "no space left on device"), strings.Contains(lower, "not enough space on the disk"):
		return fault.Failed("il n'y a plus de place sur le disque",
			"Libérez de la place ou choisissez un autre disque, puis recommencez vers un dossier vide.")
	case strings.Contains(lower, "access denied"), strings.Contains(lower, "accessdenied"):
		return fault.Refused("la sauvegarde est suspendue ou bloquée, contactez SMILÉO", "")
	}
	if damage := restic.FindDamage(complaints); damage.Part != restic.Nothing {
		return explainDamage(damage)
	}
	if failed := entriesFailed.FindStringSubmatch(complaints); code == 1 && failed != nil && notTaken.MatchString(complaints) {
		return fault.Failed(fmt.Sprintf("tout est restauré, sauf ce que ce dossier ne peut pas contenir (%s erreurs)", failed[1]),
			"Le reste est en place, et recommencer n'y changera rien (nom ou chemin trop long, attribut refusé par le disque). "+
				"Essayez avec --vers un dossier plus proche de la racine, comme /retour, ou contactez SMILÉO.")
	}
	if code == exitPassword {
		return fault.Failed("la sauvegarde ne s'ouvre pas avec le mot de passe de cette machine", askSmileo)
	}
	last := lastMessage(complaints)
	if last == "" {
		last = fmt.Sprintf("code %d", code)
	}
	return fault.Failed(fmt.Sprintf("restic a échoué : %s", text.Line(last, messageLimit)), askSmileo)
}

// lookAtRemains asks the storage what restic's exit code leaves open: whether config or key files are gone. A storage that
// does not say leaves it open.
func lookAtRemains(ctx context.Context, client *storage.Client, code int) restic.Damage {
	if client == nil || !restic.NeedsALook(code) {
		return restic.Damage{}
	}
	remains, err := client.LookAtRemains(ctx)
	if err != nil {
		return restic.Damage{}
	}
	return restic.JudgeRemains(code, remains.HasConfig, remains.HasKeys, remains.HasBackups)
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

// entriesFailed and notTaken are restic's and the system's words for a restore that left out single entries alone.
var (
	entriesFailed = regexp.MustCompile(`There were ([0-9]{1,12}) errors`)
	notTaken      = regexp.MustCompile(`(?:file name too long|file too large|too many links|invalid argument|illegal byte sequence|` +
		`operation not permitted|operation not supported|numerical result out of range|argument list too long)"`)
)

// lastMessage returns what restic said last, out of its JSON.
func lastMessage(complaints string) string {
	lines := strings.Split(strings.TrimSpace(complaints), "\n")
	last := lines[len(lines)-1]
	var message struct {
		Message string `json:"message"`
	}
	if json.Unmarshal([]byte(last), &message) == nil && message.Message != "" {
		last = message.Message
	}
	return restic.OneLine(last)
}

// tailLimit is how much of restic's complaints is kept.
const tailLimit = 64 << 10

// tail keeps the last of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(part []byte) (int, error) {
	t.kept = append(t.kept, part...)
	if excess := len(t.kept) - tailLimit; excess > 0 {
		t.kept = append([]byte(nil), t.kept[excess:]...)
	}
	return len(part), nil
}

func (t *tail) text() string { return string(t.kept) }
