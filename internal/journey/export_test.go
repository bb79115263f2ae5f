package journey

import "time"

// Rendering has f called between the making of a page's changes and their storing.
func (j *Journeys) Rendering(f func()) { j.rendering = f }

// Share is the number below 100 by which a split decides.
func Share(enrolment, step string) int { return share(&Enrolment{ID: enrolment}, step) }

// Wall and NextWall are the times of day of zones.
var (
	Wall     = wall
	NextWall = nextWall
)

// QuietUntil returns when quiet hours end.
func (q *QuietHours) QuietUntil(t time.Time, zone *time.Location) time.Time {
	return q.quietUntil(t, zone)
}
