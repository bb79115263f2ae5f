package webhook

import "time"

// Merge returns h with the observations of other nodes: stored is the state that the store
// holds, base the one it held when h began. A success that anybody has seen ends
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
	case h.AbsentSince.IsZero() || base.AbsentSince.IsZero() && stored.AbsentSince.IsZero(): // as this node has seen it
	case stored.AbsentSince.IsZero(): // another answer came to another node
		h.AbsentSince, h.Absences = now.UTC().Truncate(time.Millisecond), max(1, h.Absences-base.Absences)
	default:
		h.Absences = stored.Absences + max(0, h.Absences-base.Absences)
		if stored.AbsentSince.Before(h.AbsentSince) {
			h.AbsentSince = stored.AbsentSince
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
