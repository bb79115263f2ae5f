package cli

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// column fills a member of an event from a column of a table.
type column struct {
	member string // "type", "data.total"
	index  int
	kind   string // text, number, bool or json
}

var columnKinds = []string{"text", "number", "bool", "json"}

// csvLines returns the rows of a table as events. The first line names the columns.
func csvLines(in io.Reader, o publishOptions) (func() (line, error), error) {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the table is empty: its first line must name the columns")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the names of the columns: %w", err)
	}
	head = slices.Clone(head)
	head[0] = strings.TrimPrefix(head[0], "\ufeff") // spreadsheets begin files with a byte order mark
	columns, err := mapColumns(head, o)
	if err != nil {
		return nil, usageError{err}
	}
	return func() (line, error) {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return line{}, io.EOF
		}
		at, _ := r.FieldPos(0)
		if wrong := new(csv.ParseError); errors.As(err, &wrong) {
			if errors.Is(err, csv.ErrFieldCount) {
				return line{number: wrong.StartLine, err: fmt.Errorf("has %d columns, but the first line names %d", len(row), len(head))}, nil
			}
			// After such a line it is not known where the next row begins.
			return line{}, fmt.Errorf("line %d: %w", wrong.StartLine, wrong.Err)
		}
		if err != nil {
			return line{}, fmt.Errorf("reading the table: %w", err)
		}
		event, err := rowEvent(row, columns, o.eventType)
		return line{number: at, event: event, err: err}, nil
	}, nil
}

// mapColumns reads the flags --map. Without any, each column is a text in data.
func mapColumns(head []string, o publishOptions) ([]column, error) {
	var columns []column
	if len(o.maps) == 0 {
		for i, name := range head {
			columns = append(columns, column{"data." + strings.ReplaceAll(name, ".", "_"), i, "text"})
		}
	}
	for _, m := range o.maps {
		member, from, ok := strings.Cut(m, "=")
		name, kind, typed := from, "text", false
		if i := strings.LastIndexByte(from, ':'); i >= 0 && slices.Contains(columnKinds, from[i+1:]) {
			name, kind, typed = from[:i], from[i+1:], true
		}
		top, _, inner := strings.Cut(member, ".")
		switch {
		case !ok || member == "" || name == "":
			return nil, fmt.Errorf("--map must be member=column, such as data.total=amount:number, got %q", m)
		case !slices.Contains(append([]string{"type", "data"}, eventMembers...), top), inner && top != "data" && top != "attributes":
			return nil, fmt.Errorf("--map %q: events have no member %q; data.%s would be in its data", m, member, member)
		case top == "attributes" && !inner && !typed:
			kind = "json"
		}
		i := slices.Index(head, name)
		if i < 0 {
			return nil, fmt.Errorf("--map %q: the table has no column %q%s\nIt has: %s", m, name, nearPath(name, head), strings.Join(head, ", "))
		}
		columns = append(columns, column{member, i, kind})
	}
	if o.eventType == "" && !slices.ContainsFunc(columns, func(c column) bool { return c.member == "type" }) {
		return nil, errors.New("--type must name the type of the events, or --map type=COLUMN the column that does")
	}
	return columns, nil
}

// rowEvent makes an event of a row. Empty cells leave members out, but for texts in data.
func rowEvent(row []string, columns []column, eventType string) (json.RawMessage, error) {
	event := map[string]any{"data": map[string]any{}}
	if eventType != "" {
		event["type"] = eventType
	}
	for _, c := range columns {
		text := row[c.index]
		var value any = text
		switch {
		case text == "" && (c.kind != "text" || !strings.HasPrefix(c.member, "data")):
			continue
		case c.kind == "number":
			if n := json.Number(strings.TrimSpace(text)); json.Valid([]byte(n)) && strings.ContainsAny(n.String()[:1], "-0123456789") {
				value = n
			} else {
				return nil, fmt.Errorf("member %s must be a number, got %q", c.member, clip(text, 40))
			}
		case c.kind == "bool":
			switch strings.ToLower(strings.TrimSpace(text)) {
			case "true", "yes", "1":
				value = true
			case "false", "no", "0":
				value = false
			default:
				return nil, fmt.Errorf("member %s must be true or false, got %q", c.member, clip(text, 40))
			}
		case c.kind == "json":
			if !json.Valid([]byte(text)) {
				return nil, fmt.Errorf("member %s must be JSON, got %q", c.member, clip(text, 40))
			}
			value = json.RawMessage(text)
		}
		if err := setMember(event, strings.Split(c.member, "."), value); err != nil {
			return nil, err
		}
	}
	return json.Marshal(event)
}

// setMember sets a member of a member, and makes the objects on the way.
func setMember(at map[string]any, names []string, value any) error {
	for _, name := range names[:len(names)-1] {
		inner, ok := at[name].(map[string]any)
		if !ok {
			if at[name] != nil {
				return fmt.Errorf("member %s is not an object", strings.Join(names, "."))
			}
			inner = make(map[string]any)
			at[name] = inner
		}
		at = inner
	}
	at[names[len(names)-1]] = value
	return nil
}
