package app

import (
	"log/slog"

	"github.com/relay-events/relay/internal/config"
)

// File descriptors are divided at start, so that neither clients nor endpoints can use all of them:
// the store opens files when it needs them, and a request for /livez needs a connection.

const (
	// storeDescriptors are reserved for the store, the log and name resolution: about twenty files,
	// each opened a few times with its journal.
	storeDescriptors = 256
	// fewDescriptors is the limit below which the start logs a warning, because the shares become
	// too small.
	fewDescriptors = 1024
)

// descriptorShare holds the maximum numbers of connections.
type descriptorShare struct {
	connections int // to the API
	attempts    int // to endpoints, in progress; as many connections again may be idle, or resolve a name
}

// shareDescriptors caps the settings by the limit of open files, which is zero if unknown. It
// reserves at most a quarter for the store; connections to the API get half of the rest, and those
// to endpoints the other half.
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
		log.Info("the limit of open files caps these settings", "limit", limit, "maxConnections", s.connections, "maxInFlight", s.attempts)
	}
	return s
}
