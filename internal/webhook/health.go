package webhook

import "time"

// Merge returns h with what other nodes have seen: stored is what the store
// holds, base what it held when h began. A success that anybody has seen ends
// a streak of failures; of two streaks the later one counts. now is when a
// streak begins that had to begin anew, because it is not known when.
func (h Health) Merge(stored, base Health, now time.Time) Health {
	switch {
	case stored == base:
		return h
	case h.FailingSince.IsZero():
		return h
	}
	if stored.RejectedSince.IsZero() && !base.RejectedSince.IsZero() {
		h.Accept() // its authentication was changed, or worked
	} else {
		h.Rejections = stored.Rejections + max(0, h.Rejections-base.Rejections)
		if h.RejectedNoticedAt.IsZero() {
			h.RejectedNoticedAt = stored.RejectedNoticedAt
		}
	}
	switch {
	case stored.FailingSince.IsZero():
		h.FailingSince, h.NoticedAt = now.UTC().Truncate(time.Millisecond), time.Time{}
		h.Failures = max(1, h.Failures-base.Failures)
		return h
	}
	h.Failures = stored.Failures + max(0, h.Failures-base.Failures)
	if stored.FailingSince.After(h.FailingSince) {
		h.FailingSince, h.NoticedAt = stored.FailingSince, stored.NoticedAt
	}
	if h.NoticedAt.IsZero() {
		h.NoticedAt = stored.NoticedAt
	}
	return h
}
