package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

// Job is a recover or replay in the background.
type Job struct {
	ID         string  `json:"id" example:"\"job_3f6q2mzk7ahx5w4e\""`
	Kind       string  `json:"kind" enum:"recover,replay"`
	WebhookID  *string `json:"webhookId" doc:"null when the webhook was deleted" example:"\"wh_3f6q2mzk7ahx5w4e\""`
	State      string  `json:"state" enum:"running,done,canceled,failed"`
	Since      Time    `json:"since"`
	Until      Time    `json:"until" doc:"the moment it was asked for"`
	Scanned    int64   `json:"scanned" doc:"events or failures looked at so far"`
	Deliveries int64   `json:"deliveries" doc:"deliveries asked for so far"`
	Progress   float64 `json:"progress" doc:"how much of the time from since to until is done, 0 to 1"`
	Error      *string `json:"error" doc:"why it failed"`
	CreatedAt  Time    `json:"createdAt"`
	FinishedAt *Time   `json:"finishedAt"`
}

func (a *API) showJob(j *delivery.Job) *Job {
	return &Job{
		ID: j.ID, Kind: string(j.Kind), WebhookID: a.webhookID(j.Webhook), State: string(j.State), Since: Time(j.Since), Until: Time(j.Until),
		Scanned: j.Scanned, Deliveries: j.Owed, Progress: progress(j), Error: textOrNil(j.Error),
		CreatedAt: Time(j.CreatedAt), FinishedAt: timeOrNil(j.FinishedAt),
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

var docJobList = doc{id: "listJobs", tag: "Jobs", summary: "List background jobs", text: "The newest first, at most 250. The list is never paged."}

func (a *API) jobList(ctx context.Context, c *caller, _ *none) (*List[Job], error) {
	list, err := a.Engine.Jobs(ctx, c.tenant)
	if err != nil {
		return nil, err
	}
	data := make([]Job, len(list))
	for i := range list {
		data[i] = *a.showJob(&list[i])
	}
	return pageOf(data, ""), nil
}

type jobPath struct {
	ID string `path:"id" doc:"the job's id"`
}

var docJobGet = doc{id: "getJob", tag: "Jobs", summary: "Get a background job"}

func (a *API) jobGet(ctx context.Context, c *caller, in *jobPath) (*Job, error) {
	j, err := a.Engine.Job(ctx, c.tenant, in.ID)
	if err != nil {
		return nil, sameMissing(err, problem.New(problem.NotFound, "there is no job %q", clip(in.ID)))
	}
	return a.showJob(&j), nil
}

var docJobCancel = doc{id: "cancelJob", tag: "Jobs", summary: "Cancel a background job", text: "The deliveries it has asked for already stay."}

func (a *API) jobCancel(ctx context.Context, c *caller, in *jobPath) (*Job, error) {
	j, err := a.Engine.CancelJob(ctx, c.Principal, in.ID)
	if err != nil {
		return nil, sameMissing(err, problem.New(problem.NotFound, "there is no job %q", clip(in.ID)))
	}
	return a.showJob(&j), nil
}

// Key is an API key as it is listed: without its text.
type Key struct {
	ID        string   `json:"id" example:"\"key_6b1f0c9d2e8a47530f61\""`
	Name      string   `json:"name"`
	Scopes    []string `json:"scopes" enum:"publish,read,manage,admin,platform"`
	Hint      string   `json:"hint" doc:"the key's first characters" example:"\"rk_8Zk2…\""`
	CreatedAt Time     `json:"createdAt"`
	ExpiresAt *Time    `json:"expiresAt"`
	RevokedAt *Time    `json:"revokedAt"`
	Key       string   `json:"key,omitempty" doc:"the key itself; shown only in the answer to create" example:"\"rk_…\""`
}

func showKey(k *account.Key) Key {
	v := Key{ID: k.ID, Name: k.Name, Hint: k.Hint, CreatedAt: Time(k.CreatedAt), ExpiresAt: timeOrNil(k.ExpiresAt), RevokedAt: timeOrNil(k.RevokedAt)}
	for _, s := range k.Scopes {
		v.Scopes = append(v.Scopes, string(s))
	}
	return v
}

var docKeyList = doc{id: "listKeys", tag: "Keys", summary: "List keys", text: "Revoked and expired ones included, the oldest first. The list is never paged."}

func (a *API) keyList(_ context.Context, c *caller, _ *none) (*List[Key], error) {
	var data []Key
	for _, k := range a.Keys.List(c.tenant) {
		data = append(data, showKey(&k))
	}
	return pageOf(data, ""), nil
}

// CreateKey is the request to create a key.
type CreateKey struct {
	Name      string    `json:"name" required:"true" maxLength:"100" doc:"a label for people" example:"\"billing service\""`
	Scopes    []string  `json:"scopes" required:"true" enum:"publish,read,manage,admin,platform" doc:"what it may do: publish events, read, manage (webhooks, retries; includes read), admin (keys; includes all of these), platform (act for any tenant)" example:"[\"publish\"]"`
	ExpiresAt Opt[Time] `json:"expiresAt" doc:"from when on it is refused; null: never"`
}

var docKeyCreate = doc{id: "createKey", tag: "Keys", summary: "Create a key", status: 201, text: "The answer shows the key, for the only time: only a hash of it is stored."}

type createKeyInput struct {
	Body CreateKey `body:"required"`
}

func (a *API) keyCreate(ctx context.Context, c *caller, in *createKeyInput) (*Key, error) {
	n := account.NewKey{Name: in.Body.Name, ExpiresAt: time.Time(in.Body.ExpiresAt.Value)}
	for _, s := range in.Body.Scopes {
		n.Scopes = append(n.Scopes, access.Scope(s))
	}
	if slices.Contains(n.Scopes, access.ScopePlatform) && !c.key.Allows(access.ScopePlatform) {
		return nil, problem.New(problem.Forbidden, "only a key with the scope %q can create another one", access.ScopePlatform)
	}
	k, text, err := a.Keys.Create(ctx, c.Principal, n)
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

var docKeyRevoke = doc{id: "revokeKey", tag: "Keys", summary: "Revoke a key", status: 204, text: "It is refused from the next request on. It stays in the list. A key with a scope that the caller's key lacks cannot be revoked, nor can the operator's key by another."}

func (a *API) keyRevoke(ctx context.Context, c *caller, in *keyPath) (*none, error) {
	if err := a.mayRevoke(c, in.ID); err != nil {
		return nil, err
	}
	if err := a.Keys.Revoke(ctx, c.Principal, in.ID); err != nil {
		return nil, err
	}
	return nil, nil
}

// mayRevoke refuses that a key takes away one that may do more than it may itself.
func (a *API) mayRevoke(c *caller, id string) error {
	list := a.Keys.List(c.tenant)
	i := slices.IndexFunc(list, func(k account.Key) bool { return k.ID == id })
	if i < 0 {
		return nil // Revoke says so
	}
	if id == account.AdminKeyID && c.key.ID != account.AdminKeyID {
		return problem.New(problem.Forbidden, "the operator's key is revoked by the operator: with itself, or by starting Relay with another RELAY_ADMIN_KEY")
	}
	for _, s := range list[i].Scopes {
		// As an admin of the tenant, a platform key has the scopes that one has; platform itself must be the key's own.
		if !c.key.Allows(s) && (s == access.ScopePlatform || !c.platform) {
			return problem.New(problem.Forbidden, "only a key that itself has the scope %q can revoke this one", s)
		}
	}
	return nil
}

// Stats counts attempts over time.
type Stats struct {
	WebhookID *string      `json:"webhookId" doc:"null: all webhooks summed"`
	From      Time         `json:"from"`
	To        Time         `json:"to"`
	Step      Duration     `json:"step"`
	Points    []StatsPoint `json:"points" doc:"steps without attempts are left out"`
	Totals    StatsTotals  `json:"totals"`
}

// StatsPoint counts the attempts of one step.
type StatsPoint struct {
	At Time `json:"at" doc:"when the step begins"`
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

var docStats = doc{id: "getStats", tag: "Stats", summary: "Count attempts over time"}

type statsQuery struct {
	WebhookID string   `query:"webhookId" doc:"only this webhook; left out: all, summed"`
	From      Time     `query:"from" doc:"left out: 24 hours before to"`
	To        Time     `query:"to" doc:"left out: now"`
	Step      Duration `query:"step" default:"\"1h\"" doc:"length of a point's time, a whole number of minutes"`
}

// maxPoints bounds the points of one answer.
const maxPoints = 2000

func (a *API) stats(ctx context.Context, c *caller, in *statsQuery) (*Stats, error) {
	q := delivery.StatsQuery{Tenant: c.tenant, From: time.Time(in.From), To: time.Time(in.To), Step: time.Duration(in.Step)}
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
	v := &Stats{From: Time(q.From), To: Time(q.To), Step: in.Step, Points: []StatsPoint{}}
	if in.WebhookID != "" {
		var err error
		if q.Webhook, err = a.Webhooks.Logged(ctx, c.tenant, in.WebhookID); err != nil {
			return nil, err
		}
		v.WebhookID = &in.WebhookID
	}
	points, err := a.Engine.Stats(ctx, q)
	if err != nil {
		return nil, err
	}
	var sum delivery.StatsPoint
	for _, p := range points {
		v.Points = append(v.Points, StatsPoint{At: Time(p.At), StatsTotals: totals(p)})
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

var docLive = doc{id: "getLiveness", tag: "Probes", summary: "Is the process alive?", text: "Answers as long as requests are served at all."}

func (a *API) live(context.Context, *caller, *none) (*Probe, error) { return &Probe{"ok"}, nil }

var docReady = doc{id: "getReadiness", tag: "Probes", summary: "Can the process take requests?", text: "503 with the reason when it cannot: the store does not answer, or start-up is not over."}

// readyTime bounds the question whether the store answers: a probe that hangs says nothing.
const readyTime = 2 * time.Second

func (a *API) ready(ctx context.Context, _ *caller, _ *none) (*Probe, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if err := a.Ready(ctx); err != nil {
		return nil, problem.New(problem.Unavailable, "not ready: %v", err)
	}
	return &Probe{"ok"}, nil
}

var docMetrics = doc{id: "getMetrics", tag: "Probes", summary: "Metrics for Prometheus", bodies: bodies{answer: "text/plain"}}

func (a *API) metricsRoute(needs access.Permission) route {
	rt := describe[none, none]("GET /metrics", needs, docMetrics)
	rt.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.APIHeaders(w.Header())
		a.Metrics.ServeHTTP(w, r)
	})
	return rt
}
