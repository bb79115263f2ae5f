//go:build !unix

package app

import (
	"testing"

	"github.com/relay-events/relay/internal/config"
)

// onStores runs a test with the only available store.
func onStores(t *testing.T, f func(t *testing.T, c config.Config)) { f(t, settings(t)) }
