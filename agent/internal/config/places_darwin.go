package config

// Agent is the installed program as launchd must call it.
const Agent = programDirectory + "/coffre-agent"

const (
	configurationDirectory = "/etc/coffre"
	programDirectory       = "/usr/local/lib/coffre"
	stateDirectory         = "/var/db/coffre"
	resticName             = "restic"
	programSuffix          = ""
	restoreCommand         = "/usr/local/bin/sauvegarde-restaurer"
)
