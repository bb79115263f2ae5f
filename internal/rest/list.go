package rest

import (
	"encoding/base64"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// List is a page of a list.
type List[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"nextCursor" doc:"give it as cursor to get the next page; null on the last one"`
	SearchedTo *Time   `json:"searchedTo,omitempty" doc:"in lists of events, attempts and deliveries that have a nextCursor: everything since then was looked at"`
}

// Page is what every paged list takes. The cursor is opaque to callers.
type Page struct {
	Cursor string `query:"cursor" doc:"where to go on: nextCursor of the page before"`
	Limit  int    `query:"limit" default:"50" min:"1" max:"250" doc:"the largest number of entries to answer; a page may hold fewer, and only nextCursor tells whether more follow"`
}

// PageOf makes a page; an empty cursor ends the list.
func PageOf[T any](data []T, next string) *List[T] {
	if data == nil {
		data = []T{} // [], not null
	}
	l := &List[T]{Data: data}
	if next != "" {
		l.NextCursor = &next
	}
	return l
}

// PageTo is PageOf for rows that are found by searching back in time; next is the row from which on all was looked at,
// zero if that is everything.
func PageTo[T any](data []T, next event.ID) *List[T] {
	l := PageOf(data, CursorOf(next))
	if next != 0 {
		l.SearchedTo = TimeOrNil(next.Time())
	}
	return l
}

// paged is an answer that may have a cursor.
type paged interface {
	next() *string // nil: there is none
}

func (l *List[T]) next() *string { return l.NextCursor }

// cursorPrefix begins cursors, those of handlers and those of callers, who get them sealed; see sealCursor.
const cursorPrefix = "cur_"

// Before returns the row number at which the page begins, for lists with CursorOf; zero: at the first row.
func (p *Page) Before() (event.ID, error) {
	if p.Cursor == "" {
		return 0, nil
	}
	id, err := event.ParseID(cursorPrefix, p.Cursor)
	if err != nil {
		return 0, problem.MalformedField("query cursor", "must be the nextCursor of an earlier answer")
	}
	return id, nil
}

// CursorOf returns the cursor of a list that goes on before the row next; zero ends the list.
func CursorOf(next event.ID) string {
	if next == 0 {
		return ""
	}
	return next.Public(cursorPrefix)
}

// After returns the text after which the page begins, for lists with TextCursor; "": at the first.
func (p *Page) After() (string, error) {
	if p.Cursor == "" {
		return "", nil
	}
	text, ok := strings.CutPrefix(p.Cursor, cursorPrefix)
	last, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil {
		return "", problem.MalformedField("query cursor", "must be the nextCursor of an earlier answer")
	}
	return string(last), nil
}

// TextCursor returns the cursor of a list in the order of a text, such as a name, that goes on after last.
func TextCursor(last string) string {
	return cursorPrefix + base64.RawURLEncoding.EncodeToString([]byte(last))
}

// TextOrNil returns nil for an empty text, which is shown as null.
func TextOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

const (
	// MaxPageBytes bounds the bodies on one page together, about: 250 events of 1 MiB would be too large an answer.
	MaxPageBytes = 8 << 20
	// SliceRows is how many rows are asked for at a time, so that never many more than a page are in memory.
	SliceRows = 10
)

// Collect gathers a page of rows with large bodies. It ends early when the bodies have become large enough, or when
// the store has looked for long enough.
func Collect[T any](before event.ID, limit int, fetch func(before event.ID, limit int) ([]T, event.ID, error), size func(T) int) (list []T, next event.ID, err error) {
	bytes, rows := 0, SliceRows
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
		if next == 0 || len(part) < asked || len(list) >= limit || bytes >= MaxPageBytes {
			return list, next, nil
		}
		before = next
		if bytes < MaxPageBytes/10 { // small rows: the rest may come at once
			rows = limit
		}
	}
}
