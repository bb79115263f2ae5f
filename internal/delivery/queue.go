package delivery

import (
	"time"

	"github.com/relay-events/relay/internal/event"
)

// task is a delivery in memory.
type task struct {
	ev   *event.Event
	in   *intake // the intake it holds open; nil when it was claimed from the store
	owed Owed    // its history; Token is zero unless it was claimed
	at   time.Time
	late time.Duration // how long it was due when it began to wait for a batch
	size int32         // its share of the memory bound; of the first of a run, that of all
	body int32         // about how much it takes in a batch, in bytes
	next *task         // the one behind it in its order, claimed with it
}

// taskOverhead is about how much memory a task takes beside its event, in bytes.
const taskOverhead = 256

// runOf returns the tasks of a run, each by itself.
func runOf(t *task) (tasks []*task) {
	for t != nil {
		next := t.next
		t.next = nil
		tasks = append(tasks, t)
		t = next
	}
	return tasks
}

// queue is a first-in first-out queue of tasks on a ring.
type queue struct {
	ring []*task
	head int
	n    int
}

func (q *queue) len() int { return q.n }

func (q *queue) peek() *task { return q.ring[q.head] }

// isStale reports whether the first task has waited for too long.
func (q *queue) isStale() bool { return q.n > 0 && time.Since(q.peek().at) > staleAfter }

func (q *queue) push(t *task) {
	q.grow()
	q.ring[(q.head+q.n)%len(q.ring)] = t
	q.n++
}

func (q *queue) pushFront(t *task) {
	q.grow()
	q.head = (q.head + len(q.ring) - 1) % len(q.ring)
	q.ring[q.head] = t
	q.n++
}

func (q *queue) grow() {
	if q.n == len(q.ring) {
		ring := make([]*task, max(8, 2*q.n))
		for i := range q.n {
			ring[i] = q.ring[(q.head+i)%len(q.ring)]
		}
		q.ring, q.head = ring, 0
	}
}

func (q *queue) pop() *task {
	t := q.ring[q.head]
	q.ring[q.head] = nil
	q.head = (q.head + 1) % len(q.ring)
	if q.n--; q.n == 0 && len(q.ring) > 1024 {
		*q = queue{} // do not keep the memory of a burst
	}
	return t
}

// token returns under which claim the task is ours.
func (t *task) token() int64 {
	if t.in != nil {
		return t.in.token
	}
	return t.owed.Token
}
