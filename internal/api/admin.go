package api

import (
	"context"
	"net/http"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/web"
)

// Job is a recover or replay in the background.
type Job struct {
	ID         string     `json:"id" example:"\"job_3f6q2mzk7ahx5w4e\""`
	Kind       string     `json:"kind" enum:"recover,replay"`
	WebhookID  *string    `json:"webhookId" doc:"null when the webhook was deleted" example:"\"wh_3f6q2mzk7ahx5w4e\""`
	State      string     `json:"state" enum:"running,done,canceled,failed"`
	Since      rest.Time  `json:"since"`
	Until      rest.Time  `json:"until" doc:"the moment it was asked for"`
	Scanned    int64      `json:"scanned" doc:"events or failures looked at so far"`
	Deliveries int64      `json:"deliveries" doc:"deliveries asked for so far"`
	Progress   float64    `json:"progress" doc:"how much of the time from since to until is done, 0 to 1"`
	Error      *string    `json:"error" doc:"why it failed"`
	CreatedAt  rest.Time  `json:"createdAt"`
	FinishedAt *rest.Time `json:"finishedAt"`
}

func (a *API) showJob(j *delivery.Job) *Job {
	return &Job{
		ID: j.ID, Kind: string(j.Kind), WebhookID: a.webhookID(j.Webhook), State: string(j.State), Since: rest.Time(j.Since), Until: rest.Time(j.Until),
		Scanned: j.Scanned, Deliveries: j.Owed, Progress: progress(j), Error: rest.TextOrNil(j.Error),
		CreatedAt: rest.Time(j.CreatedAt), FinishedAt: rest.TimeOrNil(j.FinishedAt),
	}
}

// progress is measured in time, as nobody has counted what lies ahead.
func progress(j *delivery.Job) float64 {
	span := j.Until.Sub(j.Since)
	switch {
	case j.State == delivery.JobDone:
		return 1
	case j.Cursor == 0 || span <= 0:
		return 0
	}
	part := float64(j.Cursor.Time().Sub(j.Since)) / float64(span)
	return float64(int(max(0, min(part, 0.999))*1000)) / 1000
}

var docJobList = rest.Doc{ID: "listJobs", Tag: "Jobs", Summary: "List background jobs", Text: "The newest first, at most 250. The list is never paged."}

func (a *API) jobList(ctx context.Context, c *access.Principal, _ *rest.None) (*rest.List[Job], error) {
	list, err := a.Engine.Jobs(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	data := make([]Job, len(list))
	for i := range list {
		data[i] = *a.showJob(&list[i])
	}
	return rest.PageOf(data, ""), nil
}

type jobPath struct {
	ID string `path:"id" doc:"the job's id"`
}

var docJobGet = rest.Doc{ID: "getJob", Tag: "Jobs", Summary: "Get a background job"}

func (a *API) jobGet(ctx context.Context, c *access.Principal, in *jobPath) (*Job, error) {
	j, err := a.Engine.Job(ctx, c.Tenant, in.ID)
	if err != nil {
		return nil, sameMissing(err, problem.New(problem.NotFound, "there is no job %q", rest.Clip(in.ID)))
	}
	return a.showJob(&j), nil
}

var docJobCancel = rest.Doc{ID: "cancelJob", Tag: "Jobs", Summary: "Cancel a background job", Text: "The deliveries it has asked for already stay."}

func (a *API) jobCancel(ctx context.Context, c *access.Principal, in *jobPath) (*Job, error) {
	j, err := a.Engine.CancelJob(ctx, c, in.ID)
	if err != nil {
		return nil, sameMissing(err, problem.New(problem.NotFound, "there is no job %q", rest.Clip(in.ID)))
	}
	return a.showJob(&j), nil
}

// Key is an API key as it is listed: without its text.
type Key struct {
	ID        string     `json:"id" example:"\"key_6b1f0c9d2e8a47530f61\""`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes" enum:"publish,hooks,read,manage,admin,platform"`
	Limits    *KeyLimits `json:"limits" doc:"what the scope publish is limited to; null: everything may be published"`
	Hint      string     `json:"hint" doc:"the key's first characters" example:"\"rk_8Zk2…\""`
	CreatedAt rest.Time  `json:"createdAt"`
	ExpiresAt *rest.Time `json:"expiresAt"`
	RevokedAt *rest.Time `json:"revokedAt"`
	LastUse   *KeyUse    `json:"lastUse" doc:"null: it has not been used; other servers' requests are known after a minute"`
	Key       string     `json:"key,omitempty" doc:"the key itself; shown only in the answers to create and replace" example:"\"rk_…\""`
}

// KeyUse is the last use of a key.
type KeyUse struct {
	At      rest.Time `json:"at" doc:"exact to a minute"`
	Address string    `json:"address" doc:"where the last request came from whose address was noted, which is not done for events published on the fast path; empty: none was" example:"\"192.0.2.1\""`
}

func showKey(k *account.Key) Key {
	v := Key{ID: k.ID, Name: k.Name, Hint: k.Hint, CreatedAt: rest.Time(k.CreatedAt), ExpiresAt: rest.TimeOrNil(k.ExpiresAt), RevokedAt: rest.TimeOrNil(k.RevokedAt)}
	for _, s := range k.Scopes {
		v.Scopes = append(v.Scopes, string(s))
	}
	if k.Limits != nil {
		v.Limits = &KeyLimits{Types: append([]string{}, k.Limits.Types...), Integrations: append([]string{}, k.Limits.Integrations...)}
	}
	return v
}

// KeyLimits limit the scope publish of a key.
type KeyLimits struct {
	Types        []string `json:"types" doc:"event types that the key may publish, in which * stands for any characters; empty: none" example:"[\"shop.*\"]"`
	Integrations []string `json:"integrations" doc:"integrations by which the key may send respondents; none: it may add them directly; *: both, and by every integration; empty: it may send none" example:"[\"dixa\"]"`
}

var docKeyList = rest.Doc{ID: "listKeys", Tag: "Keys", Summary: "List keys", Text: "Revoked and expired ones included, the oldest first. The list is never paged."}

func (a *API) keyList(ctx context.Context, c *access.Principal, _ *rest.None) (*rest.List[Key], error) {
	uses, err := a.Keys.Uses(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	var data []Key
	for _, k := range a.Keys.List(c.Tenant) {
		v := showKey(&k)
		if u, ok := uses[k.ID]; ok {
			v.LastUse = &KeyUse{At: rest.Time(u.At), Address: u.Address}
		}
		data = append(data, v)
	}
	return rest.PageOf(data, ""), nil
}

// CreateKey is the request to create a key.
type CreateKey struct {
	Name      string                    `json:"name" required:"true" maxLength:"100" doc:"a label for people" example:"\"billing service\""`
	Scopes    []string                  `json:"scopes" required:"true" enum:"publish,hooks,read,manage,admin,platform" doc:"what it may do: publish events, hooks (REST hooks of automation platforms), read, manage (webhooks, retries; includes read and hooks), admin (keys; includes all of these), platform (act for any tenant)" example:"[\"publish\"]"`
	Limits    rest.Opt[KeyLimitsFields] `json:"limits" doc:"narrow the scope publish to these event types and integrations; null: everything may be published"`
	ExpiresAt rest.Opt[rest.Time]       `json:"expiresAt" doc:"from when on it is refused; null: never"`
}

// KeyLimitsFields limit the scope publish of a key that is created.
type KeyLimitsFields struct {
	Types        []string `json:"types" maxItems:"50" doc:"event types that the key may publish, in which * stands for any characters; empty: none" example:"[\"shop.*\"]"`
	Integrations []string `json:"integrations" maxItems:"50" doc:"integrations by which the key may send respondents; none: it may add them directly; *: both, and by every integration; empty: it may send none" example:"[\"dixa\"]"`
}

var docKeyCreate = rest.Doc{ID: "createKey", Tag: "Keys", Summary: "Create a key", Status: 201, Text: "The answer shows the key, for the only time: only a hash of it is stored."}

type createKeyInput struct {
	Body CreateKey `body:"required"`
}

func (a *API) keyCreate(ctx context.Context, c *access.Principal, in *createKeyInput) (*Key, error) {
	n := account.NewKey{Name: in.Body.Name, ExpiresAt: time.Time(in.Body.ExpiresAt.Value)}
	for _, s := range in.Body.Scopes {
		n.Scopes = append(n.Scopes, access.Scope(s))
	}
	if l := in.Body.Limits; l.Given && !l.Null {
		n.Limits = &access.Limits{Types: l.Value.Types, Integrations: l.Value.Integrations}
	}
	return shownOnce(a.Keys.Create(ctx, c, n))
}

// shownOnce is a new key with its text.
func shownOnce(k account.Key, text string, err error) (*Key, error) {
	if err != nil {
		return nil, err
	}
	v := showKey(&k)
	v.Key = text
	return &v, nil
}

type keyPath struct {
	ID string `path:"id" doc:"the key's id"`
}

// ReplaceKey is the request to replace a key.
type ReplaceKey struct {
	Overlap   rest.Opt[rest.Duration] `json:"overlap" doc:"how long the old key stays valid, up to 720h" default:"\"0s\"" example:"\"24h\""`
	ExpiresAt rest.Opt[rest.Time]     `json:"expiresAt" doc:"from when on the new key is refused; null: never"`
}

var docKeyReplace = rest.Doc{ID: "replaceKey", Tag: "Keys", Summary: "Replace a key", Status: 201,
	Text: "Creates a key with the same name, scopes and limits, and lets the old one end at once or after `overlap`, so that programs can change to the new one meanwhile. " +
		"The answer shows the new key, for the only time. The operator's key is replaced in the settings of the server."}

type replaceKeyInput struct {
	ID   string     `path:"id" doc:"the id of the key to replace"`
	Body ReplaceKey `body:"optional"`
}

func (a *API) keyReplace(ctx context.Context, c *access.Principal, in *replaceKeyInput) (*Key, error) {
	return shownOnce(a.Keys.Replace(ctx, c, in.ID, account.Replacement{Overlap: time.Duration(in.Body.Overlap.Value), ExpiresAt: time.Time(in.Body.ExpiresAt.Value)}))
}

var docKeyRevoke = rest.Doc{ID: "revokeKey", Tag: "Keys", Summary: "Revoke a key", Status: 204, Text: "It is refused from the next request on. It stays in the list. A key with a scope that the caller's key lacks cannot be revoked, nor can the operator's key by another."}

func (a *API) keyRevoke(ctx context.Context, c *access.Principal, in *keyPath) (*rest.None, error) {
	return nil, a.Keys.Revoke(ctx, c, in.ID)
}

// Stats counts attempts over time.
type Stats struct {
	WebhookID *string       `json:"webhookId" doc:"null: all webhooks summed"`
	From      rest.Time     `json:"from"`
	To        rest.Time     `json:"to"`
	Step      rest.Duration `json:"step"`
	Points    []StatsPoint  `json:"points" doc:"steps without attempts are left out"`
	Totals    StatsTotals   `json:"totals"`
}

// StatsPoint counts the attempts of one step.
type StatsPoint struct {
	At rest.Time `json:"at" doc:"when the step begins"`
	StatsTotals
}

// StatsTotals counts attempts by how they ended.
type StatsTotals struct {
	Delivered int64   `json:"delivered"`
	Retrying  int64   `json:"retrying"`
	Failed    int64   `json:"failed"`
	AverageMs float64 `json:"averageMs" doc:"mean duration of an attempt"`
	MaxMs     int64   `json:"maxMs" doc:"longest duration of an attempt"`
}

var docStats = rest.Doc{ID: "getStats", Tag: "Stats", Summary: "Count attempts over time"}

type statsQuery struct {
	WebhookID string        `query:"webhookId" doc:"only this webhook; left out: all, summed"`
	From      rest.Time     `query:"from" doc:"left out: 24 hours before to"`
	To        rest.Time     `query:"to" doc:"left out: now"`
	Step      rest.Duration `query:"step" default:"\"1h\"" doc:"length of a point's time, a whole number of minutes"`
}

// maxPoints bounds the points of one answer.
const maxPoints = 2000

func (a *API) stats(ctx context.Context, c *access.Principal, in *statsQuery) (*Stats, error) {
	q := delivery.StatsQuery{Tenant: c.Tenant, From: time.Time(in.From), To: time.Time(in.To), Step: time.Duration(in.Step)}
	if q.To.IsZero() {
		q.To = time.Now().UTC().Truncate(time.Millisecond)
	}
	if q.From.IsZero() {
		q.From = q.To.Add(-24 * time.Hour)
	}
	switch {
	case q.Step < time.Minute || q.Step%time.Minute != 0:
		return nil, problem.MalformedField("query step", "must be a whole number of minutes")
	case !q.From.Before(q.To):
		return nil, problem.MalformedField("query from", "must lie before to")
	case q.To.Sub(q.From)/q.Step > maxPoints:
		return nil, problem.MalformedField("query step", "must be longer: more than %d points lie between from and to", maxPoints)
	}
	v := &Stats{From: rest.Time(q.From), To: rest.Time(q.To), Step: in.Step, Points: []StatsPoint{}}
	if in.WebhookID != "" {
		var err error
		if q.Webhook, err = a.Webhooks.Logged(ctx, c.Tenant, in.WebhookID); err != nil {
			return nil, err
		}
		v.WebhookID = &in.WebhookID
	}
	points, err := a.Ledger.Stats(ctx, q)
	if err != nil {
		return nil, err
	}
	var sum delivery.StatsPoint
	for _, p := range points {
		v.Points = append(v.Points, StatsPoint{At: rest.Time(p.At), StatsTotals: totals(p)})
		sum.Delivered += p.Delivered
		sum.Retrying += p.Retrying
		sum.Failed += p.Failed
		sum.TotalMs += p.TotalMs
		sum.MaxMs = max(sum.MaxMs, p.MaxMs)
	}
	v.Totals = totals(sum)
	return v, nil
}

func totals(p delivery.StatsPoint) StatsTotals {
	t := StatsTotals{Delivered: p.Delivered, Retrying: p.Retrying, Failed: p.Failed, MaxMs: p.MaxMs}
	if n := p.Delivered + p.Retrying + p.Failed; n > 0 {
		t.AverageMs = float64(p.TotalMs*10/n) / 10
	}
	return t
}

// Probe is the answer to a probe.
type Probe struct {
	Status string `json:"status" example:"\"ok\""`
}

var docLive = rest.Doc{ID: "getLiveness", Tag: "Probes", Summary: "Is the process alive?", Text: "Answers as long as requests are served at all."}

func (a *API) live(context.Context, *access.Principal, *rest.None) (*Probe, error) {
	return &Probe{"ok"}, nil
}

var docReady = rest.Doc{ID: "getReadiness", Tag: "Probes", Summary: "Can the process take requests?", Text: "503 with the reason when it cannot: the store does not answer, or start-up is not over."}

// readyTime bounds the question whether the store answers: a probe that hangs says nothing.
const readyTime = 2 * time.Second

func (a *API) ready(ctx context.Context, _ *access.Principal, _ *rest.None) (*Probe, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if err := a.Ready(ctx); err != nil {
		return nil, problem.New(problem.Unavailable, "not ready: %v", err)
	}
	return &Probe{"ok"}, nil
}

var docMetrics = rest.Doc{ID: "getMetrics", Tag: "Probes", Summary: "Metrics for Prometheus", Answer: "text/plain",
	Text: "In Prometheus' text format: see docs/operations.md. With the setting metricsListen they are on an address of their own."}

func (a *API) metricsRoute(needs access.Permission) rest.Route {
	rt := rest.Describe[rest.None, rest.None]("GET /metrics", needs, docMetrics)
	rt.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.APIHeaders(w.Header())
		a.Metrics.ServeHTTP(w, r)
	})
	return rt
}
