package app

import (
	"log/slog"

	"github.com/relay-events/relay/internal/config"
)

// Descriptors are shared out at the start, so that neither clients nor endpoints can take all of them: the store opens a
// file when it needs it, and a request for /livez needs a connection.

const (
	// storeDescriptors are kept for the store, the log and resolving names: some twenty files, each open a few times
	// with its journal.
	storeDescriptors = 256
	// fewDescriptors is the limit below which the start warns: shares become too small to work well with.
	fewDescriptors = 1024
)

// descriptorShare is how many connections there may be.
type descriptorShare struct {
	connections int // to the API
	attempts    int // under way to endpoints; as many connections again may be idle, or resolve a name
}

// shareDescriptors bounds the settings by the limit of open files; zero: it is not known. A quarter at most is kept for
// the store, half of the rest is for connections to the API, and half for those to endpoints.
func shareDescriptors(limit int, cfg *config.Config, log *slog.Logger) descriptorShare {
	s := descriptorShare{connections: cfg.MaxConnections, attempts: cfg.MaxInFlight}
	if limit <= 0 {
		return s
	}
	rest := limit - min(storeDescriptors, limit/4)
	if cfg.MetricsListen != "" {
		rest -= min(metricsConnections, limit/8)
	}
	s.connections = min(s.connections, max(rest/2, 8))
	s.attempts = min(s.attempts, max((rest-s.connections)/2, 4))
	if limit < fewDescriptors {
		log.Warn("the system allows few open files: raise the limit (LimitNOFILE, ulimit -n)", "limit", limit, "recommended", 65536)
	}
	if s.connections < cfg.MaxConnections || s.attempts < cfg.MaxInFlight {
		log.Info("settings are bounded by the limit of open files", "limit", limit, "maxConnections", s.connections, "maxInFlight", s.attempts)
	}
	return s
}
