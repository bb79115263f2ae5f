package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/relay-events/relay/internal/web"
)

// httpCollector reads the counters of the HTTP server.
type httpCollector struct {
	counts                                              func() web.Counts
	connections, busy, closed, refused, memory, streams *prometheus.Desc
}

func newHTTPCollector(counts func() web.Counts) *httpCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("relay_http_"+name, help, labels, nil)
	}
	return &httpCollector{
		counts:      counts,
		connections: desc("connections", "Open connections to the API."),
		busy:        desc("connections_busy", "Connections with an authenticated request in progress."),
		closed:      desc("connections_closed_total", "Connections closed by a limit: idle ones to make room, new ones without room, and those for which the system had no descriptor.", "why"),
		refused:     desc("requests_refused_total", "Requests answered 503 by a limit: on concurrent requests, on the memory of bodies, or on concurrent streams.", "bound"),
		memory:      desc("body_bytes", "Memory used by request bodies."),
		streams:     desc("streams", "Open streams of events."),
	}
}

// Describe implements prometheus.Collector.
func (c *httpCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.connections, c.busy, c.closed, c.refused, c.memory, c.streams} {
		ch <- d // not by collecting, because the server is created after its metrics
	}
}

// Collect implements prometheus.Collector.
func (c *httpCollector) Collect(ch chan<- prometheus.Metric) {
	n := c.counts()
	metric := func(d *prometheus.Desc, kind prometheus.ValueType, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, float64(v), labels...)
	}
	metric(c.connections, prometheus.GaugeValue, int64(n.Connections))
	metric(c.busy, prometheus.GaugeValue, int64(n.Busy))
	metric(c.closed, prometheus.CounterValue, n.Evicted, "idle")
	metric(c.closed, prometheus.CounterValue, n.Refused, "full")
	metric(c.closed, prometheus.CounterValue, n.Shortages, "descriptors")
	metric(c.refused, prometheus.CounterValue, n.RefusedBusy, "connections")
	metric(c.refused, prometheus.CounterValue, n.RefusedMemory, "memory")
	metric(c.refused, prometheus.CounterValue, n.RefusedStreams, "streams")
	metric(c.memory, prometheus.GaugeValue, n.BodyBytes)
	metric(c.streams, prometheus.GaugeValue, n.Streams)
}
