package dashboard

import (
	"context"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// recoverView is the form that asks for failed deliveries to be tried again.
type recoverView struct {
	*webhook.Webhook
	Sinces []choice
	Since  string
	Wrong  string
	Active bool
	State  state
	// How many deliveries a recovery would take in, once that was counted.
	Counted bool
	Count   int
	More    bool
}

var sinces = []choice{{"1h", "the last hour"}, {"6h", "the last 6 hours"}, {"24h", "the last 24 hours"}, {"72h", "the last 3 days"}, {"168h", "the last 7 days"}, {"720h", "the last 30 days"}}

func (d *Dashboard) recoverView(q *request) (*recoverView, error) {
	w, err := d.hook(q)
	if err != nil {
		return nil, err
	}
	return &recoverView{Webhook: w, Sinces: sinces, Since: "24h", Active: w.Status == webhook.Active, State: stateOf(w, d.Engine.Health(w), d.now())}, nil
}

func (d *Dashboard) recoverPage(ctx context.Context, q *request) (answer, error) {
	v, err := d.recoverView(q)
	if err == nil && v.Active {
		v.Counted = true
		v.Count, v.More, err = d.countFailed(ctx, q, v.Webhook, d.now().Add(-24*time.Hour)) // the time that is chosen first
	}
	return answer{page: "recover", title: "Recover failed deliveries", section: "webhooks", data: v}, err
}

func (d *Dashboard) recover(ctx context.Context, q *request) (answer, error) {
	v, err := d.recoverView(q)
	if err != nil {
		return answer{}, err
	}
	back, err := time.ParseDuration(q.value("since"))
	if err != nil || back <= 0 || back > 31*24*time.Hour {
		return answer{}, problem.InvalidField("since", "must be one of the times that the form offers")
	}
	kind := delivery.JobRecover
	if q.value("kind") == string(delivery.JobReplay) {
		kind = delivery.JobReplay
	}
	job, err := d.Engine.StartJob(ctx, q.who, v.Webhook, kind, d.now().Add(-back).UTC())
	if problem.KindOf(err) == problem.Conflict {
		v.Since, v.Wrong = q.value("since"), sentence(asProblem(err).Detail)
		return answer{page: "recover", title: "Recover failed deliveries", section: "webhooks", data: v, status: 409}, nil
	}
	if err != nil {
		return answer{}, err
	}
	return answer{to: q.path("jobs", job.ID)}, nil
}

type jobView struct {
	delivery.Job
	Hook    *webhook.Webhook // nil: it was deleted
	State   state
	Running bool
}

func (d *Dashboard) showJob(q *request, j delivery.Job) jobView {
	v := jobView{Job: j, Running: j.State == delivery.JobRunning, State: state{Word: string(j.State), Why: j.Error}}
	if w, ok := d.Webhooks.ByNumber(j.Webhook); ok && w.Tenant == q.who.Tenant {
		v.Hook = w
	}
	switch j.State {
	case delivery.JobDone:
		v.State.Class = "ok"
	case delivery.JobFailed:
		v.State.Class = "bad"
	case delivery.JobRunning:
		v.State.Class = "warn"
	}
	return v
}

func (d *Dashboard) jobPage(ctx context.Context, q *request) (answer, error) {
	j, err := d.Engine.Job(ctx, q.who.Tenant, q.PathValue("job"))
	if err != nil {
		return answer{}, err
	}
	v := d.showJob(q, j)
	return answer{page: "job", block: "job-progress", title: "Job", section: "webhooks", data: v}, nil
}

func (d *Dashboard) jobCancel(ctx context.Context, q *request) (answer, error) {
	j, err := d.Engine.CancelJob(ctx, q.who, q.PathValue("job"))
	if err != nil {
		return answer{}, err
	}
	return answer{to: q.path("jobs", j.ID)}, nil
}
