package observe

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/web"
)

// Engine is the part of the delivery engine that metrics read; delivery.Engine implements it.
type Engine interface {
	Snapshot() delivery.Snapshot
	// Overdue returns how long the longest-waiting delivery is past its due time. It must be cheap.
	Overdue(ctx context.Context) (time.Duration, error)
}

// Ingester counts accepted events and reports why events cannot be stored; ingest.Ingester
// implements it.
type Ingester interface {
	Failing() error
	Counts() (accepted, duplicates, commits int64)
}

// Backlog counts the deliveries that are owed; the stores implement it. The call must be cheap.
type Backlog interface {
	// OwedCount returns how many deliveries are owed.
	OwedCount() int64
}

// Node describes this node's membership among servers that share a database; the PostgreSQL store
// implements it.
type Node interface {
	// Losses returns how often other nodes took this node for dead.
	Losses() int64
	// StaleWrites returns how many rows were left unchanged because their claims had ended.
	// RefusedWrites returns how many transactions were refused because the node had been declared
	// dead.
	StaleWrites() int64
	RefusedWrites() int64
}

// Traces counts spans; tracing.Exporter implements it.
type Traces interface {
	Counts() (sent, dropped, failed int64)
}

// gatherTime bounds the store queries of the page: Prometheus gives up after ten seconds by
// default.
const gatherTime = 5 * time.Second

// MetricsOptions lists the sources of the metrics. Engine and Ingester are required.
type MetricsOptions struct {
	// Searches counts the searches of the API; nil omits their series.
	Searches interface {
		Running() int
		Refused() int64
	}
	Engine   Engine
	Ingester Ingester
	Backlog  Backlog // nil omits its gauges
	Node     Node    // nil omits its series
	// RetentionHeld reports that retention is suspended because the clock may be wrong; nil omits
	// its gauge.
	RetentionHeld func() bool
	// Catalogue counts the effects of the limits on event types and rules; nil omits its series.
	Catalogue *catalogue.Stats
	// Webhooks has series of the busiest webhooks; nil omits them.
	Webhooks *TopWebhooks
	// Traces counts the spans for a collector; nil omits their series.
	Traces Traces
	// HTTP returns the counters of the HTTP server; nil omits its series.
	HTTP    func() web.Counts
	Version string
	Log     *slog.Logger // nil shows errors while gathering only on the page
}

// Metrics is the Prometheus page. All its series exist from the start, with labels from closed
// sets.
type Metrics struct {
	handler  http.Handler
	requests [len(routeGroups)][len(codeClasses)]prometheus.Counter
	seconds  [len(routeGroups)]prometheus.Observer
}

// routeGroups are the values of the label route, codeClasses those of code. Separate series for
// each route and code would be too many, most of them always zero.
var (
	routeGroups = [...]string{"publish", "api", "other"}
	codeClasses = [...]string{"2xx", "3xx", "4xx", "5xx"}
)

// NewMetrics returns the metrics with all series.
func NewMetrics(o MetricsOptions) *Metrics {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newEngineCollector(o),
	)
	if o.Catalogue != nil {
		registerCatalogue(reg, o.Catalogue)
	}
	if o.Webhooks != nil {
		reg.MustRegister(o.Webhooks)
	}
	if o.HTTP != nil {
		reg.MustRegister(newHTTPCollector(o.HTTP))
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "relay_build_info", Help: "Always 1; the labels identify the build.",
		ConstLabels: prometheus.Labels{"version": o.Version, "go": runtime.Version()},
	})
	build.Set(1)
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "relay_http_requests_total", Help: "Requests answered, by group of routes and class of status code.",
	}, []string{"route", "code"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "relay_http_request_duration_seconds", Help: "Time from a request's head to the end of its answer, by group of routes.",
		Buckets: delivery.DurationBuckets[:],
	}, []string{"route"})
	reg.MustRegister(build, requests, seconds)

	m := &Metrics{}
	for i, route := range routeGroups {
		m.seconds[i] = seconds.WithLabelValues(route)
		for j, code := range codeClasses {
			m.requests[i][j] = requests.WithLabelValues(route, code)
		}
	}
	opts := promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, EnableOpenMetrics: true}
	if o.Log != nil {
		opts.ErrorLog = slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn)
	}
	m.handler = promhttp.HandlerFor(reg, opts)
	return m
}

// ServeHTTP serves the page.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// Request counts an answered request, for web.Options.Done. route is the pattern that matched, such
// as "POST /v1/events".
func (m *Metrics) Request(_, route string, status int, took time.Duration) {
	group := 2
	switch {
	case route == "POST /v1/events":
		group = 0
	case strings.Contains(route, " /v1/"):
		group = 1
	}
	class := min(max(status/100-2, 0), len(codeClasses)-1)
	if status == 0 { // the client left before the answer
		class = 2
	}
	m.requests[group][class].Inc()
	m.seconds[group].Observe(took.Seconds())
}

// engineCollector reads the counters of the engine, the ingester and the store.
type engineCollector struct {
	o MetricsOptions

	attempts, settled, duration, inFlight, queued, lanes, starving, lag, storeUp *prometheus.Desc
	accepted, duplicates, commits                                                *prometheus.Desc
	owed, oldest, claims, clockSteps, held, short                                *prometheus.Desc
	filters, filterTime, filtersPostponed, filtersStored, filtersWaiting         *prometheus.Desc
	searches, searchesRefused                                                    *prometheus.Desc
	nodes, leased, losses, refused                                               *prometheus.Desc
	spans                                                                        *prometheus.Desc
}

func newEngineCollector(o MetricsOptions) *engineCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("relay_"+name, help, labels, nil)
	}
	return &engineCollector{
		o:                o,
		attempts:         desc("delivery_attempts_total", "Requests made to endpoints, by outcome.", "outcome"),
		settled:          desc("deliveries_settled_without_attempt_total", "Deliveries ended without a request, by outcome.", "outcome"),
		duration:         desc("delivery_attempt_duration_seconds", "Time of an attempt, from resolving the name to the last byte of the answer."),
		inFlight:         desc("delivery_attempts_in_flight", "Attempts in progress."),
		queued:           desc("delivery_queued_bytes", "Memory used by waiting deliveries."),
		lanes:            desc("delivery_lanes", "Webhooks with deliveries since the start."),
		starving:         desc("delivery_lanes_starving", "Webhooks that are waiting because maxInFlight attempts are in progress."),
		lag:              desc("delivery_lag_seconds", "Time from the acceptance of an event, or its deliverAt, to the start of the first attempt of a delivery."),
		storeUp:          desc("store_up", "1 while events can be stored and attempts recorded; 0 when the store does not work, for example because the disk is full."),
		accepted:         desc("events_accepted_total", "Events stored."),
		duplicates:       desc("events_duplicate_total", "Events that were not stored because they had been stored before."),
		commits:          desc("events_commits_total", "Group commits in which events were stored."),
		nodes:            desc("nodes", "Servers that share the database, as known to this one, including itself."),
		leased:           desc("node_lease_held", "1 while this server holds its lease; 0 when the lease has expired and the server does not send."),
		losses:           desc("node_lease_losses_total", "How often other servers took this server for dead."),
		refused:          desc("node_refused_writes_total", "Writes refused because another server had taken over: results dropped, rows whose claims had ended, transactions refused."),
		spans:            desc("trace_spans_total", "Spans for the collector of traces: sent, dropped because too many waited, or failed to arrive.", "outcome"),
		claims:           desc("delivery_claims_total", "Queries of the store for due deliveries, by whether any were found.", "found"),
		short:            desc("delivery_attempts_given_back_total", "Attempts released uncounted because this server lacked file descriptors, ports or memory for a request."),
		owed:             desc("deliveries_owed", "Deliveries waiting in the store for a retry, a later time, or room in memory."),
		searches:         desc("searches_running", "Running searches through stored events, attempts, deliveries and respondents."),
		searchesRefused:  desc("searches_refused_total", "Searches refused because maxSearches others were running for too long."),
		filters:          desc("filter_evaluations_total", "Evaluations of webhooks' filters for incoming events."),
		filterTime:       desc("filter_seconds_total", "Time taken by filter evaluations."),
		filtersPostponed: desc("filter_evaluations_postponed_total", "Evaluations that took too long for routing and were left to the workers."),
		filtersStored:    desc("filter_evaluations_stored_total", "Postponed evaluations stored, under fifo or for lack of memory."),
		filtersWaiting:   desc("filter_evaluations_waiting", "Postponed evaluations waiting in memory."),
		oldest:           desc("deliveries_overdue_seconds", "How long the longest-waiting delivery that is not held back is past its due time; 0 if none is overdue."),
		clockSteps:       desc("clock_steps_total", "Detected changes of the machine's clock."),
		held:             desc("retention_held", "1 while retention is suspended because the machine's clock may be ahead."),
	}
}

// Describe implements prometheus.Collector.
func (c *engineCollector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c *engineCollector) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	s := c.o.Engine.Snapshot()
	for o := delivery.Delivered; o <= delivery.Discarded; o++ {
		d := c.attempts
		if !o.IsAttempt() {
			d = c.settled
		}
		counter(d, float64(s.Outcomes[o]), o.String())
	}
	count, buckets := cumulate(s.Durations, delivery.DurationBuckets[:])
	ch <- prometheus.MustNewConstHistogram(c.duration, count, s.DurationSum.Seconds(), buckets)
	gauge(c.inFlight, float64(s.InFlight))
	gauge(c.queued, float64(s.QueuedBytes))
	gauge(c.lanes, float64(s.Lanes))
	gauge(c.starving, float64(s.Starving))
	counter(c.claims, float64(s.Claims-s.EmptyClaims), "some")
	counter(c.claims, float64(s.EmptyClaims), "none")
	if o := c.o.Searches; o != nil {
		gauge(c.searches, float64(o.Running()))
		counter(c.searchesRefused, float64(o.Refused()))
	}
	counter(c.filters, float64(s.Filters))
	counter(c.filterTime, s.FilterTime.Seconds())
	counter(c.filtersPostponed, float64(s.FiltersPostponed))
	counter(c.filtersStored, float64(s.FiltersStored))
	gauge(c.filtersWaiting, float64(s.FiltersWaiting))
	counter(c.short, float64(s.Short))
	counter(c.clockSteps, float64(s.ClockSteps))
	if h := c.o.RetentionHeld; h != nil {
		held := 0.0
		if h() {
			held = 1
		}
		gauge(c.held, held)
	}
	count, buckets = cumulate(s.Lags, delivery.LagBuckets[:])
	ch <- prometheus.MustNewConstHistogram(c.lag, count, s.LagSum.Seconds(), buckets)
	up := 1.0
	if s.StoreDown || c.o.Ingester.Failing() != nil {
		up = 0
	}
	gauge(c.storeUp, up)

	accepted, duplicates, commits := c.o.Ingester.Counts()
	counter(c.accepted, float64(accepted))
	counter(c.duplicates, float64(duplicates))
	counter(c.commits, float64(commits))

	if n := c.o.Node; n != nil {
		gauge(c.nodes, float64(s.Nodes))
		leased := 1.0
		if s.Idle {
			leased = 0
		}
		gauge(c.leased, leased)
		counter(c.losses, float64(n.Losses()))
		counter(c.refused, float64(n.StaleWrites()+n.RefusedWrites()+s.DroppedResults))
	}

	if t := c.o.Traces; t != nil {
		sent, dropped, failed := t.Counts()
		counter(c.spans, float64(sent), "sent")
		counter(c.spans, float64(dropped), "dropped")
		counter(c.spans, float64(failed), "failed")
	}

	if c.o.Backlog != nil {
		gauge(c.owed, float64(c.o.Backlog.OwedCount()))
		ctx, cancel := context.WithTimeout(context.Background(), gatherTime)
		defer cancel()
		overdue, err := c.o.Engine.Overdue(ctx)
		if err != nil {
			ch <- prometheus.NewInvalidMetric(c.oldest, fmt.Errorf("looking for overdue deliveries: %w", err))
		} else {
			gauge(c.oldest, overdue.Seconds())
		}
	}
}

// cumulate converts counts per bucket to Prometheus' cumulative counts.
func cumulate(counts []int64, bounds []float64) (total uint64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(bounds))
	for i, n := range counts {
		total += uint64(max(n, 0))
		if i < len(bounds) {
			buckets[bounds[i]] = total
		}
	}
	return total, buckets
}
