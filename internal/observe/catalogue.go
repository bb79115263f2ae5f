package observe

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/relay-events/relay/internal/catalogue"
)

// registerCatalogue registers the counters of the catalogue's limits.
func registerCatalogue(reg *prometheus.Registry, s *catalogue.Stats) {
	add := func(name, help string, labels prometheus.Labels, n *atomic.Int64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(n.Load()) }))
	}
	add("relay_catalogue_steps_total", "Steps of work by schema checks, derivation rules and imports; a step takes about 0.3 µs.", nil, &s.Steps)
	add("relay_catalogue_waits_total", "Requests that waited for their tenant's share of steps (catalogueWork).", nil, &s.Waits)
	reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "relay_catalogue_compiled_bytes", Help: "Estimated memory of compiled schemas; above 64 MiB the least recently used ones are released."},
			func() float64 { n, _ := catalogue.Compiled(); return float64(n) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "relay_catalogue_compiled_dropped_total", Help: "Compiled schemas that were released to bound their memory."},
			func() float64 { _, n := catalogue.Compiled(); return float64(n) }),
	)
	const name, help = "relay_catalogue_limited_total", "Requests or checks ended by a limit of the catalogue, by limit."
	for label, n := range map[string]*atomic.Int64{"request_work": &s.RequestWork, "tenant_work": &s.TenantWork, "bytes": &s.Bytes, "import": &s.Size} {
		add(name, help, prometheus.Labels{"limit": label}, n)
	}
}
