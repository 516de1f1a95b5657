package config

// Agent is the installed program as the scheduler must call it: without the root directory, which is not seen by a
// machine started from there.
const Agent = programDirectory + "/coffre-agent"

const (
	configurationDirectory = "/etc/coffre"
	programDirectory       = "/usr/local/lib/coffre"
	stateDirectory         = "/var/lib/coffre"
	resticName             = "restic"
	programSuffix          = ""
	restoreCommand         = "/usr/local/bin/sauvegarde-restaurer"
)
