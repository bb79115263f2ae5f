package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// NewEvent is an event to publish.
type NewEvent struct {
	// Type is what happened: "order.paid". Required.
	Type string
	// Data is the payload, anything that encodes to JSON; a json.RawMessage is sent as it is but for white space.
	Data any
	// ID is yours: publishing the same again stores nothing twice. Empty: Relay makes one, and repeating is not safe.
	ID string
	// Time is when it happened; zero: now.
	Time time.Time
	// Version is the version of the data's shape.
	Version string
	// Key is the ordering key.
	Key string
	// Attributes are extra members for formats that have room for them.
	Attributes map[string]any
	// DeliverAt holds delivery back until then, at most 30 days; zero: at once.
	DeliverAt time.Time
}

// MarshalJSON implements json.Marshaler.
func (e NewEvent) MarshalJSON() ([]byte, error) {
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(timeLayout)
	}
	return encode(struct {
		Type       string         `json:"type"`
		Data       any            `json:"data"`
		ID         string         `json:"id,omitempty"`
		Timestamp  string         `json:"timestamp,omitempty"`
		Version    string         `json:"version,omitempty"`
		Key        string         `json:"key,omitempty"`
		Attributes map[string]any `json:"attributes,omitempty"`
		DeliverAt  string         `json:"deliverAt,omitempty"`
	}{e.Type, e.Data, e.ID, stamp(e.Time), e.Version, e.Key, e.Attributes, stamp(e.DeliverAt)})
}

// Publish stores an event; when it returns without error the event is durable and will be delivered.
func (c *Client) Publish(ctx context.Context, e NewEvent, opts ...CallOption) (PublishedEvent, error) {
	return ask[PublishedEvent](ctx, c, request{method: http.MethodPost, path: "/v1/events", body: e, opts: opts})
}

// PublishMany stores up to 1,000 events, all or none. With an [IdempotencyKey] repeating it stores nothing twice.
func (c *Client) PublishMany(ctx context.Context, events []NewEvent, opts ...CallOption) (PublishedEvents, error) {
	if len(events) == 0 {
		return PublishedEvents{}, errors.New("publishing no events")
	}
	return ask[PublishedEvents](ctx, c, request{http.MethodPost, "/v1/events", nil, events, opts})
}

// StreamLine is a report on a stream while it runs: how far it is, or the fault of a line.
type StreamLine struct {
	// Line is the last line accounted for, or the bad one.
	Line int `json:"line"`
	// LastLine is the last of the lines that Err is about, when it is about more than one; else zero.
	LastLine int `json:"lastLine"`
	// Accepted and Duplicates count the events stored so far by this stream and before it.
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
	// Err is why the line was not taken; nil for progress. Bad lines do not stop the others.
	Err *Error `json:"error"`
}

// StreamResult sums a stream up.
type StreamResult struct {
	Lines      int // read
	Accepted   int // events stored
	Duplicates int // stored before
	Failed     int // lines that were not taken
}

// streamAnswer is any line of the answer; only the last one has done.
type streamAnswer struct {
	StreamLine
	Done   *bool `json:"done"`
	Lines  int   `json:"lines"`
	Failed int   `json:"failed"`
}

// maxStreamLine bounds a line of a stream's answer, in bytes.
const maxStreamLine = 1 << 20

// PublishStream stores a stream of any length, an event as JSON on each line. tell, if not nil, gets progress and bad
// lines, in order, from the calling goroutine. An error means that the stream was given up: what no progress line
// covered has to be sent again, with ids so that nothing is stored twice. Bad lines are no error, see Failed, unless no
// line at all could be taken.
func (c *Client) PublishStream(ctx context.Context, events io.Reader, tell func(StreamLine)) (StreamResult, error) {
	var result StreamResult
	// The reader may be slow to end, a terminal for example, when the server has given up: the transport then reads it
	// in a goroutine of its own, which ends with the next read.
	res, err := c.send(ctx, request{method: http.MethodPost, path: "/v1/events"}, "application/x-ndjson", io.NopCloser(events))
	if err != nil {
		return result, err
	}
	defer res.Body.Close()
	var last *Error
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(make([]byte, 0, 16<<10), maxStreamLine)
	for lines.Scan() {
		var line streamAnswer
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return result, fmt.Errorf("reading the answer to a stream: %w", err)
		}
		if line.Done == nil {
			if line.Err != nil {
				last = line.Err
			} else {
				result = StreamResult{Lines: line.Line, Accepted: line.Accepted, Duplicates: line.Duplicates}
			}
			if tell != nil {
				tell(line.StreamLine)
			}
			continue
		}
		result = StreamResult{Lines: line.Lines, Accepted: line.Accepted, Duplicates: line.Duplicates, Failed: line.Failed}
		switch {
		case *line.Done:
			return result, nil
		case last != nil:
			return result, fmt.Errorf("the stream was given up after %d lines: %w", line.Lines, last)
		default:
			return result, fmt.Errorf("the stream was given up after %d lines", line.Lines)
		}
	}
	if err := lines.Err(); err != nil {
		return result, fmt.Errorf("reading the answer to a stream: %w", err)
	}
	return result, fmt.Errorf("reading the answer to a stream: %w", io.ErrUnexpectedEOF)
}
