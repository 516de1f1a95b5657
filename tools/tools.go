//go:build tools

// Package tools pins the command-line tools that Coffre runs, by module version and hash (go.sum).
package tools

import (
	_ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
	_ "github.com/restic/restic/cmd/restic"
)
