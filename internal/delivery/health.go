package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// Operational event types. They are published as ordinary events of the
// webhook's tenant; globs match them only from "webhook." on.
const (
	EventFailing  = "webhook.failing"
	EventDisabled = "webhook.disabled"
	EventRejected = "webhook.authentication_rejected"
)

// healthEvery is how often changed health is stored: an endpoint that fails
// every other time must not cost a write each time.
const healthEvery = 10 * time.Second

// healthKeeper follows how endpoints fare, stores what changed, and disables
// webhooks by the rule.
type healthKeeper struct {
	engine *Engine
	act    chan struct{} // buffered, 1: something to do at once

	failing bool // the last store failed; of run alone

	mu    sync.Mutex
	state map[uint32]*health
}

// health is the state of one webhook that is failing, or was until lately.
type health struct {
	webhook.Health
	base    webhook.Health // as stored, as far as known
	tenant  event.TenantID
	id      string
	hook    bool // it is a REST hook
	changed bool // differs from base
	disable bool // the rule, or a status code, asks for it
	told    bool // it is not the rule about failures that does, so that what others have seen does not matter
	ends    bool // with disable: it is a REST hook's end
	notice  bool // webhook.failing is to be published
	refused bool // webhook.authentication_rejected is to be published
}

func newHealthKeeper(e *Engine) *healthKeeper {
	return &healthKeeper{engine: e, act: make(chan struct{}, 1), state: make(map[uint32]*health)}
}

// observe takes in a finished attempt.
func (k *healthKeeper) observe(ep *endpoint, a *Attempt, res *destination.Result, now time.Time) {
	w := ep.hook
	if a.Outcome == Delivered && w.Health.FailingSince.IsZero() && !k.knows(w.Number) {
		return // the hot path: healthy, and was before
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.state[w.Number]
	if h == nil {
		h = &health{Health: w.Health, base: w.Health, tenant: w.Tenant, id: w.ID, hook: w.Hook != nil}
		k.state[w.Number] = h
	}
	if a.Outcome == Delivered {
		if !h.FailingSince.IsZero() || h.Failures > 0 {
			h.Health, h.changed = webhook.Health{}, true
		}
		h.notice, h.disable, h.told, h.ends, h.refused = false, false, false, false, false
		return
	}
	if h.FailingSince.IsZero() {
		h.FailingSince = now.UTC().Truncate(time.Millisecond)
	}
	h.Failures++
	h.LastError = a.Error
	h.changed = true
	urgent := false
	failing := now.Sub(h.FailingSince)
	if h.NoticedAt.IsZero() && failing >= webhook.NoticeAfter {
		h.NoticedAt = now.UTC().Truncate(time.Millisecond)
		h.notice, urgent = true, true
	}
	if res.Denied && k.engine.authenticatesLike(w) {
		h.Rejections++
		if res.Hint != "" {
			h.RejectedReason = a.Error + "; " + res.Hint
		} else {
			h.RejectedReason = "authentication rejected: " + a.Error
		}
		if h.RejectedSince.IsZero() {
			h.RejectedSince = now.UTC().Truncate(time.Millisecond)
		}
		// Where the policy goes on trying it may have been a moment's.
		if a.Outcome == Failed && h.RejectedNoticedAt.IsZero() {
			h.RejectedNoticedAt = now.UTC().Truncate(time.Millisecond)
			h.refused, urgent = true, true
		}
	}
	if a.Response != nil && slices.Contains(w.AbsentOn, a.Response.Status) {
		if h.AbsentSince.IsZero() {
			h.AbsentSince = now.UTC().Truncate(time.Millisecond)
		}
		h.Absences++
	} else {
		h.AbsentSince, h.Absences = time.Time{}, 0
	}
	switch {
	case a.Response != nil && slices.Contains(w.DisableOn, a.Response.Status):
		h.DisabledReason = res.Text
		h.disable, h.told, h.ends, urgent = true, true, w.Hook != nil, true
	case h.Absent() && now.Sub(h.AbsentSince) >= webhook.AbsentAfter:
		h.DisabledReason = fmt.Sprintf("nothing but this answer for %d hours (%d times): %s", int(webhook.AbsentAfter.Hours()), h.Absences, h.LastError)
		h.disable, h.told, urgent = true, true, true
	case ep.sender.Settler != nil:
		// It says what to do with events that cannot be delivered.
	case failing >= webhook.DisableAfter:
		h.DisabledReason = fmt.Sprintf("nothing but failures for %d days (%d attempts); the last: %s",
			int(webhook.DisableAfter.Hours()/24), h.Failures, h.LastError)
		h.disable, urgent = true, true
	}
	if h.disable {
		h.DisabledAt = now.UTC().Truncate(time.Millisecond)
	}
	if urgent {
		select {
		case k.act <- struct{}{}:
		default:
		}
	}
}

// authenticatesLike reports whether requests to the webhook still authenticate
// as w says: an attempt may end after that was changed.
func (e *Engine) authenticatesLike(w *webhook.Webhook) bool {
	now, ok := e.hooks.ByNumber(w.Number)
	return ok && now.Auth == w.Auth
}

// accept forgets that the webhook's authentication was rejected: it was changed.
func (k *healthKeeper) accept(number uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h := k.state[number]; h != nil && !h.RejectedSince.IsZero() {
		h.Accept()
		h.refused, h.changed = false, true
	}
}

func (k *healthKeeper) knows(number uint32) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.state[number]
	return ok
}

// Health returns how the webhook's endpoint fares now; the webhook's own
// Health is as stored last.
func (e *Engine) Health(w *webhook.Webhook) webhook.Health {
	e.health.mu.Lock()
	defer e.health.mu.Unlock()
	if h := e.health.state[w.Number]; h != nil && w.Status == webhook.Active {
		return h.Health
	}
	return w.Health
}

func (k *healthKeeper) run() {
	e := k.engine
	t := time.NewTicker(healthEvery)
	defer t.Stop()
	for {
		select {
		case <-e.claiming.Done():
			k.store()
			return
		case <-t.C:
		case <-k.act:
		}
		k.store()
	}
}

// store writes changes and applies the rule.
func (k *healthKeeper) store() {
	e := k.engine
	k.mu.Lock()
	var changed []health
	for number, h := range k.state {
		if h.changed || h.disable || h.notice || h.refused {
			changed = append(changed, *h)
			h.base = h.Health // so that this write is not taken for another node's
			h.changed, h.disable, h.notice, h.refused = false, false, false, false
		} else if h.FailingSince.IsZero() {
			delete(k.state, number)
		}
	}
	k.mu.Unlock()
	failed := 0
	var failure error
	for i := range changed {
		if err := k.storeOne(&changed[i]); err != nil {
			failed++
			failure = err
		}
	}
	if failed > 0 && !k.failing {
		e.log.Error("storing webhooks' health failed, trying again", "webhooks", failed, "err", failure)
	}
	k.failing = failed > 0
}

// storeOne writes the health of a webhook. Several nodes may do that: what
// they have seen is put together, and one of them makes it known.
func (k *healthKeeper) storeOne(h *health) error {
	e := k.engine
	notice, refused, disable := false, false, false
	w, err := e.hooks.SetHealth(context.Background(), h.tenant, h.id, func(stored webhook.Health) (webhook.Health, webhook.Status) {
		now := time.Now()
		merged := h.Merge(stored, h.base, now)
		notice = h.notice && stored.NoticedAt.IsZero() && !merged.NoticedAt.IsZero()
		refused = h.refused && stored.RejectedNoticedAt.IsZero() && !merged.RejectedNoticedAt.IsZero()
		disable = h.disable && (h.told || now.Sub(merged.FailingSince) >= webhook.DisableAfter)
		if !disable {
			merged.DisabledAt, merged.DisabledReason = time.Time{}, ""
			return merged, webhook.Active
		}
		if h.ends {
			return merged, webhook.Ended
		}
		return merged, webhook.Disabled
	})
	if err == nil {
		active := w.Status == webhook.Active
		if notice && (active || disable) {
			k.announce(EventFailing, h)
		}
		if refused && (active || disable) {
			e.log.Warn("authentication rejected", "webhook", h.id, "reason", h.RejectedReason)
			k.announce(EventRejected, h)
		}
		if disable && !active && w.Health.DisabledAt.Equal(h.DisabledAt) {
			e.log.Warn("webhook disabled", "webhook", h.id, "reason", h.DisabledReason)
			k.announce(EventDisabled, h)
		}
		if !active {
			k.forget(h.id)
		}
		return nil
	}
	if _, gone := e.hooks.Find(h.tenant, h.id); gone != nil {
		k.forget(h.id)
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, cur := range k.state {
		if cur.id == h.id {
			cur.base = h.base
			cur.changed, cur.disable, cur.notice, cur.refused = true, cur.disable || h.disable, cur.notice || h.notice, cur.refused || h.refused
		}
	}
	return err
}

// stored takes in what another node has stored of a webhook's health.
func (k *healthKeeper) stored(w *webhook.Webhook) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.state[w.Number]
	if h == nil || w.Health == h.base {
		return
	}
	h.Health, h.base = h.Merge(w.Health, h.base, time.Now()), w.Health
	h.changed = h.Health != h.base
}

func (k *healthKeeper) forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for number, h := range k.state {
		if h.id == id {
			delete(k.state, number)
		}
	}
}

// announce publishes an operational event about a webhook.
func (k *healthKeeper) announce(eventType string, h *health) {
	e := k.engine
	if e.publish == nil {
		return
	}
	data := map[string]any{
		"webhookId":    h.id,
		"failingSince": h.FailingSince,
		"failures":     h.Failures,
		"lastError":    h.LastError,
	}
	if h.hook {
		data["restHook"] = true
	}
	switch eventType {
	case EventDisabled:
		data["disabledAt"], data["reason"] = h.DisabledAt, h.DisabledReason
	case EventRejected:
		data["rejectedSince"], data["rejections"], data["reason"] = h.RejectedSince, h.Rejections, h.RejectedReason
	}
	raw, err := json.Marshal(data)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = e.publish(ctx, h.tenant, eventType, raw)
	}
	if err != nil {
		e.log.Error("publishing an operational event failed", "type", eventType, "webhook", h.id, "err", err)
	}
}
