package api

import (
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/webhook"
)

// Batch says when events that share a request are sent.
type Batch struct {
	MaxEvents int           `json:"maxEvents" doc:"events in a request at most" example:"100"`
	MaxWait   rest.Duration `json:"maxWait" doc:"how long the first waits for others" example:"\"1s\""`
	MaxBytes  int           `json:"maxBytes" doc:"of the body at most; a larger event goes alone" example:"1048576"`
}

// BatchFields is a batch setting as a caller sets it.
type BatchFields struct {
	MaxEvents rest.Opt[int]           `json:"maxEvents" doc:"events in a request at most" default:"100" min:"1" max:"1000"`
	MaxWait   rest.Opt[rest.Duration] `json:"maxWait" doc:"how long the first waits for others; 0s to 1h" default:"\"1s\""`
	MaxBytes  rest.Opt[int]           `json:"maxBytes" doc:"of the body at most; a larger event goes alone" default:"1048576" min:"1024" max:"16777216"`
}

// apply returns the setting that the caller's makes of the one there is, nil for none.
func (f *BatchFields) apply(old *webhook.Batch) *webhook.Batch {
	b := webhook.Batch{MaxEvents: webhook.DefaultBatchEvents, MaxWait: webhook.DefaultBatchWait, MaxBytes: webhook.DefaultBatchBytes}
	if old != nil {
		b = *old
	}
	f.MaxEvents.Apply(&b.MaxEvents, webhook.DefaultBatchEvents)
	f.MaxWait.Apply((*rest.Duration)(&b.MaxWait), rest.Duration(webhook.DefaultBatchWait))
	f.MaxBytes.Apply(&b.MaxBytes, webhook.DefaultBatchBytes)
	return &b
}

func showBatch(b *webhook.Batch) *Batch {
	if b == nil {
		return nil
	}
	return &Batch{MaxEvents: b.MaxEvents, MaxWait: rest.Duration(b.MaxWait), MaxBytes: b.MaxBytes}
}

// AttemptBatch is what shared the request of an attempt.
type AttemptBatch struct {
	ID         string      `json:"id" doc:"the X-Relay-Delivery of the request, the same in each attempt of the batch" example:"\"bat_0dqv5r8k0000g\""`
	Events     int         `json:"events" doc:"how many events it had" example:"3"`
	Deliveries []BatchItem `json:"deliveries" doc:"in the order of the body; empty in lists, where the request's body is null"`
}

// BatchItem is one delivery of a batch.
type BatchItem struct {
	DeliveryID string  `json:"deliveryId" example:"\"whk_00dqv5r8k0000g00001\""`
	EventID    string  `json:"eventId" example:"\"evt_0dqv5r8k0000g\""`
	EventType  *string `json:"eventType" doc:"null when the event is no longer stored" example:"\"call.completed\""`
}

func showAttemptBatch(at *delivery.Attempt) *AttemptBatch {
	b := at.Batch
	if b == nil {
		return nil
	}
	v := &AttemptBatch{ID: b.ID.Public(event.BatchPrefix), Events: b.Count, Deliveries: make([]BatchItem, len(b.Items))}
	for i, it := range b.Items {
		d := event.DeliveryID{Event: it.Event, Webhook: at.Webhook}
		v.Deliveries[i] = BatchItem{DeliveryID: d.String(), EventID: eventID(it.Name, it.Event), EventType: rest.TextOrNil(it.EventType)}
	}
	return v
}
