package app

import (
	"fmt"

	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/egress"
)

// wayOut returns the egress options from the settings.
func wayOut(cfg config.Egress) (o egress.Options, err error) {
	o.Source = cfg.Source
	if err := egress.CheckSource(o.Source); err != nil {
		return o, fmt.Errorf("setting egress.source: %w", err)
	}
	if raw := cfg.Proxy.Reveal(); raw != "" {
		if o.Proxy, err = egress.ParseProxy(raw); err != nil {
			return o, fmt.Errorf("setting egress.proxy %w", err)
		}
	}
	return o, nil
}
