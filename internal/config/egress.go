package config

import (
	"fmt"

	"github.com/relay-events/relay/internal/egress"
)

// Options returns how requests leave: the source and the proxy. The error names the setting.
func (e *Egress) Options() (o egress.Options, err error) {
	o.Source = e.Source
	if err := egress.CheckSource(o.Source); err != nil {
		return o, fmt.Errorf("setting egress.source: %w", err)
	}
	if raw := e.Proxy.Reveal(); raw != "" {
		if o.Proxy, err = egress.ParseProxy(raw); err != nil {
			return o, fmt.Errorf("setting egress.proxy %w", err)
		}
	}
	return o, nil
}
