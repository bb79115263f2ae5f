package delivery

import (
	"time"

	"github.com/relay-events/relay/internal/event"
)

// recover routes the events of intakes that were open when the store was
// opened: the node died, or stopped, before they were all recorded.
func (e *Engine) recover() {
	if e.shared != nil {
		for err := e.shared.takeOver(); err != nil && !e.stopping(); err = e.shared.takeOver() {
			e.log.Error("reading open intakes failed, trying again", "err", err)
			e.sleep(time.Second)
		}
		return
	}
	var settled map[event.DeliveryID]struct{}
	var last event.ID // routed up to here
	events := 0
	for {
		err := e.store.IntakeOpen(e.claiming, func(in Intake) error {
			if in.ID <= last {
				return nil // routed before the error that made us start over
			}
			if settled == nil {
				settled = make(map[event.DeliveryID]struct{})
				if err := e.store.SettledSince(e.claiming, in.ID, func(d event.DeliveryID) {
					settled[d] = struct{}{}
				}); err != nil {
					settled = nil
					return err
				}
			}
			owed := make(map[event.DeliveryID]struct{})
			for i := range in.Events {
				rows, err := e.store.OwedOfEvent(e.claiming, in.Events[i].Tenant, in.Events[i].ID)
				if err != nil {
					return err
				}
				for _, o := range rows {
					owed[o.Delivery()] = struct{}{}
				}
			}
			events += len(in.Events)
			e.routeIntake(&in, func(d event.DeliveryID) bool {
				if _, done := settled[d]; done {
					return true
				}
				_, isOwed := owed[d]
				return isOwed
			})
			last = in.ID
			return e.claiming.Err()
		})
		switch {
		case err == nil:
			if events > 0 {
				e.log.Info("routed the events of open intakes", "events", events)
			}
			return
		case e.stopping():
			return
		}
		e.log.Error("reading open intakes failed, trying again", "err", err)
		if !e.sleep(time.Second) {
			return
		}
	}
}
