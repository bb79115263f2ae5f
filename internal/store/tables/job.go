package tables

import (
	"context"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// JobPut implements delivery.JobStore.
func (t *Tables) JobPut(ctx context.Context, j delivery.Job, entry *access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		_, err := x.exec("JobPut", j.ID, j.Tenant, j.Webhook, j.Kind, j.State, j.Since, j.Until, j.Cursor, j.Scanned, j.Owed, j.Error,
			j.CreatedAt, j.FinishedAt)
		if err == nil {
			err = x.audit(entry)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("storing job %q: %w", j.ID, err)
	}
	return nil
}

// JobCancel implements delivery.JobStore.
func (t *Tables) JobCancel(ctx context.Context, tenant event.TenantID, id string, at time.Time, entry *access.Entry) (ok bool, err error) {
	err = t.write(ctx, t.config, func(x tx) error {
		n, err := x.exec("JobCancel", id, tenant, at)
		if ok = n > 0; ok && err == nil {
			err = x.audit(entry)
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("canceling job %q: %w", id, err)
	}
	return ok, nil
}

// JobGet implements delivery.JobStore.
func (t *Tables) JobGet(ctx context.Context, tenant event.TenantID, id string) (delivery.Job, bool, error) {
	j, ok, err := first(ctx, t, t.config, scanJob, "JobGet", id, tenant)
	if err != nil {
		return j, false, fmt.Errorf("reading job %q: %w", id, err)
	}
	return j, ok, nil
}

// JobList implements delivery.JobStore.
func (t *Tables) JobList(ctx context.Context, tenant event.TenantID) ([]delivery.Job, error) {
	all, err := list(ctx, t, t.config, scanJob, "JobList", tenant)
	if err != nil {
		return nil, fmt.Errorf("listing jobs: %w", err)
	}
	return all, nil
}

// JobsRunning returns all jobs that run, of all tenants, for a store in which claims are not
// stored.
func (t *Tables) JobsRunning(ctx context.Context) ([]delivery.Job, error) {
	all, err := list(ctx, t, t.config, scanJob, "JobsRunning")
	if err != nil {
		return nil, fmt.Errorf("listing jobs that run: %w", err)
	}
	return all, nil
}

// JobStore stores the progress of a job that runs, for a store in which claims are not stored. ok
// is false if it runs no more.
func (t *Tables) JobStore(ctx context.Context, j delivery.Job) (ok bool, err error) {
	err = t.write(ctx, t.config, func(x tx) error {
		n, err := x.exec("JobStore", j.ID, j.State, j.Cursor, j.Scanned, j.Owed, j.Error, j.FinishedAt)
		ok = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("storing the progress of job %q: %w", j.ID, err)
	}
	return ok, nil
}

func scanJob(scan scan) (j delivery.Job, err error) {
	err = scan(&j.ID, &j.Tenant, &j.Webhook, &j.Kind, &j.State, &j.Since, &j.Until, &j.Cursor, &j.Scanned, &j.Owed, &j.Error,
		&j.CreatedAt, &j.FinishedAt)
	return j, err
}
