package api

import (
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// List is a page of a list.
type List[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"nextCursor" doc:"give it as cursor to get the next page; null on the last one"`
	SearchedTo *Time   `json:"searchedTo,omitempty" doc:"in lists of events, attempts and deliveries that have a nextCursor: everything since then was looked at"`
}

// page is what every paged list takes. The cursor is opaque to callers.
type page struct {
	Cursor string `query:"cursor" doc:"where to go on: nextCursor of the page before"`
	Limit  int    `query:"limit" default:"50" min:"1" max:"250" doc:"the largest number of entries to answer; a page may hold fewer, and only nextCursor tells whether more follow"`
}

// pageOf makes a page; an empty cursor ends the list.
func pageOf[T any](data []T, next string) *List[T] {
	if data == nil {
		data = []T{} // [], not null
	}
	l := &List[T]{Data: data}
	if next != "" {
		l.NextCursor = &next
	}
	return l
}

// pageTo is pageOf for rows that are found by searching back in time; next is the row from which on all was looked at,
// zero if that is everything.
func pageTo[T any](data []T, next event.ID) *List[T] {
	l := pageOf(data, cursorOf(next))
	if next != 0 {
		l.SearchedTo = timeOrNil(next.Time())
	}
	return l
}

// paged is an answer that may have a cursor.
type paged interface {
	next() *string // nil: there is none
}

func (l *List[T]) next() *string { return l.NextCursor }

// cursorPrefix begins cursors that are row numbers, as handlers have them. Callers get them sealed, see sealCursor.
const cursorPrefix = "cur_"

func (p *page) before() (event.ID, error) {
	if p.Cursor == "" {
		return 0, nil
	}
	id, err := event.ParseID(cursorPrefix, p.Cursor)
	if err != nil {
		return 0, problem.MalformedField("query cursor", "must be the nextCursor of an earlier answer")
	}
	return id, nil
}

func cursorOf(next event.ID) string {
	if next == 0 {
		return ""
	}
	return next.Public(cursorPrefix)
}

// textOrNil returns nil for an empty text, which is shown as null.
func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

const (
	// maxPageBytes bounds what the bodies on one page take together, about: 250 events of 1 MiB are not an answer.
	maxPageBytes = 8 << 20
	// sliceRows is how many rows are asked for at a time, so that never many more than a page are in memory.
	sliceRows = 10
)

// collect gathers a page of rows with large bodies. It ends early when the bodies have become large enough, or when
// the store has looked for long enough.
func collect[T any](before event.ID, limit int, fetch func(before event.ID, limit int) ([]T, event.ID, error), size func(T) int) (list []T, next event.ID, err error) {
	bytes, rows := 0, sliceRows
	for {
		asked := min(rows, limit-len(list))
		part, next, err := fetch(before, asked)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, part...)
		for _, row := range part {
			bytes += size(row)
		}
		if next == 0 || len(part) < asked || len(list) >= limit || bytes >= maxPageBytes {
			return list, next, nil
		}
		before = next
		if bytes < maxPageBytes/10 { // small rows: the rest may come at once
			rows = limit
		}
	}
}
