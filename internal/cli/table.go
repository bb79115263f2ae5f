package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"
	"unicode/utf8"
)

func readAllBounded(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, maxInput+1)) }

// people reports whether the output is for a person: a terminal, and no --json.
func (c *connection) people() bool { return !c.asJSON && isTerminal(c.env.Stdout) }

// printJSON prints a document on one line.
func (e *Env) printJSON(b json.RawMessage) error {
	var line bytes.Buffer
	if err := json.Compact(&line, b); err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	line.WriteByte('\n')
	_, err := e.Stdout.Write(line.Bytes())
	return err
}

// table collects the rows of a list, and prints them in columns.
type table struct {
	columns []string // paths of members, such as "health.state"
	rows    [][]string
}

// add adds an object of the API as a row.
func (t *table) add(entry json.RawMessage, now time.Time) error {
	var v any
	dec := json.NewDecoder(bytes.NewReader(entry))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	row := make([]string, len(t.columns))
	for i, path := range t.columns {
		row[i] = clip(cell(lookPath(v, path), now), 60)
	}
	t.rows = append(t.rows, row)
	return nil
}

// lookPath returns a member of a member: "health.state".
func lookPath(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		o, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = o[name]
	}
	return v
}

// cell is a value as a table shows it. Times are said as how long ago they are.
func cell(v any, now time.Time) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return ago(now.Sub(at))
		}
		return printable(v)
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = cell(one, now)
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		b, _ := json.Marshal(v) // was JSON
		return printable(string(b))
	}
	return fmt.Sprint(v)
}

// ago says how long ago a time is: "3m ago", "in 30s".
func ago(d time.Duration) string {
	say := func(d time.Duration) string {
		switch {
		case d < time.Minute:
			return fmt.Sprintf("%ds", int(d.Seconds()))
		case d < time.Hour:
			return fmt.Sprintf("%dm", int(d.Minutes()))
		case d < 48*time.Hour:
			return fmt.Sprintf("%dh", int(d.Hours()))
		}
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
	if d < -time.Second {
		return "in " + say(-d)
	}
	return say(max(d, 0)) + " ago"
}

// heading is a column's title: "status" of "health.status".
func heading(path string) string {
	return strings.ToUpper(path[strings.LastIndexByte(path, '.')+1:])
}

// print writes the rows in columns, the last one unpadded.
func (t *table) print(e *Env) error {
	widths := make([]int, len(t.columns))
	for i, path := range t.columns {
		widths[i] = len(heading(path))
	}
	for _, row := range t.rows {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	line := func(cells []string) string {
		var b strings.Builder
		for i, text := range cells {
			b.WriteString(text)
			if i < len(cells)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)+2))
			}
		}
		return b.String()
	}
	titles := make([]string, len(t.columns))
	for i, path := range t.columns {
		titles[i] = heading(path)
	}
	if _, err := fmt.Fprintln(e.Stdout, newStyle(e).dim(line(titles))); err != nil {
		return err
	}
	for _, row := range t.rows {
		if _, err := fmt.Fprintln(e.Stdout, line(row)); err != nil {
			return err
		}
	}
	return nil
}

// printObject prints the members of an object for people, those of objects in it indented.
func (e *Env) printObject(b json.RawMessage) error {
	var v any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	var out strings.Builder
	writeMembers(&out, v, 0)
	_, err := io.WriteString(e.Stdout, out.String())
	return err
}

func writeMembers(out *strings.Builder, v any, depth int) {
	o, ok := v.(map[string]any)
	if !ok {
		fmt.Fprintf(out, "%s%s\n", strings.Repeat("  ", depth), plain(v))
		return
	}
	names := make([]string, 0, len(o))
	width := 0
	for name := range o {
		names = append(names, name)
		width = max(width, len(name))
	}
	sort.Slice(names, func(i, j int) bool { // the id first
		if (names[i] == "id") != (names[j] == "id") {
			return names[i] == "id"
		}
		return names[i] < names[j]
	})
	for _, name := range names {
		pad := strings.Repeat("  ", depth)
		switch inner := o[name].(type) {
		case map[string]any:
			if len(inner) > 0 {
				fmt.Fprintf(out, "%s%s\n", pad, printable(name))
				writeMembers(out, inner, depth+1)
				continue
			}
			fmt.Fprintf(out, "%s%-*s  {}\n", pad, width, printable(name))
		case []any:
			if len(inner) > 0 {
				if _, ok := inner[0].(map[string]any); ok {
					fmt.Fprintf(out, "%s%s\n", pad, printable(name))
					for _, one := range inner {
						writeMembers(out, one, depth+1)
						out.WriteByte('\n')
					}
					continue
				}
			}
			fmt.Fprintf(out, "%s%-*s  %s\n", pad, width, printable(name), plain(inner))
		default:
			fmt.Fprintf(out, "%s%-*s  %s\n", pad, width, printable(name), plain(inner))
		}
	}
}

// plain is a value on one line.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case string:
		return printable(v)
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = plain(one)
		}
		return strings.Join(parts, ", ")
	}
	b, _ := json.Marshal(v) // was JSON
	return printable(string(b))
}
