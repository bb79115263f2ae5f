package webhook

import (
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
)

// HookOwner is the owner of the webhooks that REST hooks deliver through.
const HookOwner = "hooks"

// Limit makes plans bound how many webhooks a tenant has. It must be called before the registry is shared.
func (r *Registry) Limit(plans *account.Plans) { r.plans = plans }

// quota returns how many webhooks of the owner the tenant may have; nil: there is no limit. Those of products other than REST
// hooks have none: a tenant has a few at most.
func (r *Registry) quota(tenant event.TenantID, owner string) *account.Quota {
	if r.plans == nil {
		return nil
	}
	switch owner {
	case "":
		return r.plans.Quota(tenant, account.LimitWebhooks)
	case HookOwner:
		return r.plans.Quota(tenant, account.LimitHooks)
	}
	return nil
}

// mayResume refuses to start a webhook again while its tenant has more than its plan allows, as after a change to a smaller
// plan.
func (r *Registry) mayResume(w *Webhook) error {
	quota := r.quota(w.Tenant, w.Owner)
	if quota == nil {
		return nil
	}
	have := int64(len(r.List(w.Tenant)))
	if w.Owner != "" {
		have = int64(len(r.Owned(w.Tenant, w.Owner)))
	}
	if have > quota.Allowed {
		return quota.Full(have)
	}
	return nil
}
