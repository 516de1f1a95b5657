package delivery

import "coffre.invalid/agent/internal/config"

// Steps are those of Install.
func Steps(delivery Delivery, paths config.Paths, body []byte, parts Parts) []func() error {
	return delivery.steps(paths, body, parts)
}
