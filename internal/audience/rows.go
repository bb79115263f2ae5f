package audience

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/problem"
)

// rowOf checks what a row says of a profile.
func rowOf(line int64, profile string, in Input) ImportRow {
	r := ImportRow{Line: line, Profile: profile, Input: in}
	err := CheckID(profile)
	if err == nil {
		err = in.apply(&Profile{})
	}
	if err != nil {
		r.Profile, r.Input, r.Error = "", Input{}, reasonOf(err)
	}
	return r
}

func reasonOf(err error) string {
	var p *problem.Error
	if errors.As(err, &p) && len(p.Fields) > 0 {
		return p.Fields[0].Name + " " + p.Fields[0].Reason
	}
	return err.Error()
}

// JSONRow reads a row that is a JSON object: the members of a profile, and its profileId.
func JSONRow(line int64, text []byte) ImportRow {
	var row struct {
		ProfileID string `json:"profileId"`
		Input
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&row)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("one object a line")
		}
	}
	if err != nil {
		return ImportRow{Line: line, Error: "must be an object with profileId, sourceId, partnerIds, variables, consent, test and doNotContact: " + strings.TrimPrefix(err.Error(), "json: ")}
	}
	return rowOf(line, row.ProfileID, row.Input)
}

// LineRows reads lines of JSON objects, the first of which has the given number. Empty lines are counted and passed over.
func LineRows(first int64, text string) (rows []ImportRow) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			rows = append(rows, JSONRow(first, []byte(line)))
		}
		first++
	}
	return rows
}

// CSVRows reads a table whose first line names the columns. first is the number of the row behind it: 2 for a whole table.
// mapping says what columns are by their names, see Column; those without are ignored. An empty mapping is made of the names.
func CSVRows(first int64, text string, mapping map[string]string) ([]ImportRow, error) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))) // spreadsheets begin files with a byte order mark
	r.ReuseRecord = true
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, problem.InvalidField("text", "is empty: the first line must name the columns")
	}
	if err != nil {
		return nil, problem.InvalidField("text", "the names of the columns cannot be read: %v", err)
	}
	columns, err := columnsOf(slices.Clone(head), mapping)
	if err != nil {
		return nil, err
	}
	var rows []ImportRow
	for line := first; ; line++ {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if errors.Is(err, csv.ErrFieldCount) {
			rows = append(rows, ImportRow{Line: line, Error: fmt.Sprintf("has %d columns, but the first line names %d", len(cells), len(head))})
			continue
		}
		if err != nil { // where the next row begins is not known
			return nil, problem.InvalidField("text", "cannot be read as CSV: %v", err)
		}
		rows = append(rows, csvRow(line, cells, columns))
	}
}

// column is a column of a table that is a member of profiles.
type column struct {
	index  int
	name   string
	member string // profileId, sourceId, test, doNotContact, partnerIds, consent or variables
	key    string // a partner number, a purpose, or the name of a variable
	kind   string // of a variable: text, number, bool or json
}

var columnKinds = []string{"text", "number", "bool", "json"}

// columnsOf reads a mapping: {"e-mail": "variables.email", "crm": "partnerIds.2001", "points": "variables.points:number"}.
func columnsOf(head []string, mapping map[string]string) ([]column, error) {
	for name := range mapping {
		if !slices.Contains(head, name) {
			return nil, problem.InvalidField("mapping", "the table has no column %q; it has %s", problem.Clip(name), problem.Clip(strings.Join(head, ", ")))
		}
	}
	var columns []column
	for i, name := range head {
		to, given := mapping[name]
		if !given && len(mapping) > 0 {
			continue
		}
		if !given {
			if to = name; !slices.Contains([]string{"profileId", "sourceId", "test", "doNotContact"}, name) && !strings.HasPrefix(name, "partnerIds.") && !strings.HasPrefix(name, "variables.") && !strings.HasPrefix(name, "consent.") {
				to = "variables." + name
			}
		}
		c := column{index: i, name: name, kind: "text"}
		c.member, c.key, _ = strings.Cut(to, ".")
		if k := strings.LastIndexByte(c.key, ':'); k >= 0 && slices.Contains(columnKinds, c.key[k+1:]) {
			c.key, c.kind = c.key[:k], c.key[k+1:]
		}
		keyed := c.member == "partnerIds" || c.member == "variables" || c.member == "consent"
		switch {
		case !slices.Contains([]string{"profileId", "sourceId", "test", "doNotContact", "partnerIds", "variables", "consent"}, c.member), keyed != (c.key != ""):
			return nil, problem.InvalidField("mapping", "column %q cannot be %q: profileId, sourceId, test, doNotContact, partnerIds.NUMBER, consent.PURPOSE or variables.NAME, and :number, :bool or :json behind a variable", problem.Clip(name), problem.Clip(to))
		case c.member == "partnerIds":
			if _, err := strconv.ParseUint(c.key, 10, 63); err != nil {
				return nil, problem.InvalidField("mapping", "column %q: %q is no partner number", problem.Clip(name), problem.Clip(c.key))
			}
		}
		columns = append(columns, c)
	}
	if !slices.ContainsFunc(columns, func(c column) bool { return c.member == "profileId" }) {
		return nil, problem.InvalidField("mapping", "no column is the profileId; the table has %s", problem.Clip(strings.Join(head, ", ")))
	}
	return columns, nil
}

// csvRow makes a row of cells. An empty cell leaves its member out.
func csvRow(line int64, cells []string, columns []column) ImportRow {
	var profile string
	var in Input
	variables := make(map[string]json.RawMessage)
	bad := func(c *column, want string) ImportRow {
		return ImportRow{Line: line, Error: fmt.Sprintf("column %q must be %s", c.name, want)}
	}
	for i := range columns {
		c := &columns[i]
		cell := cells[c.index]
		if cell == "" {
			continue
		}
		switch c.member {
		case "profileId":
			profile = cell
		case "sourceId":
			text := strings.Clone(cell)
			in.SourceID = &text
		case "partnerIds":
			if in.PartnerIDs == nil {
				in.PartnerIDs = make(map[string][]string)
			}
			in.PartnerIDs[c.key] = append(in.PartnerIDs[c.key], cell)
		case "consent":
			if cell != string(Granted) && cell != string(Denied) {
				return bad(c, "granted or denied")
			}
			if in.Consent == nil {
				in.Consent = make(map[string]*Consent)
			}
			in.Consent[c.key] = &Consent{State: ConsentState(cell)}
		case "variables":
			v, ok := variable(cell, c.kind)
			if !ok {
				return bad(c, map[string]string{"number": "a number", "bool": "true or false", "json": "JSON"}[c.kind])
			}
			variables[c.key] = v
		default:
			yes, ok := boolean(cell)
			if !ok {
				return bad(c, "true or false")
			}
			if c.member == "test" {
				in.Test = &yes
			} else {
				in.DoNotContact = &yes
			}
		}
	}
	if len(variables) > 0 {
		in.Variables, _ = json.Marshal(variables) // of valid JSON
	}
	return rowOf(line, profile, in)
}

func boolean(cell string) (yes, ok bool) {
	switch strings.ToLower(strings.TrimSpace(cell)) {
	case "true", "yes", "1":
		return true, true
	case "false", "no", "0":
		return false, true
	}
	return false, false
}

// variable returns a cell as JSON.
func variable(cell, kind string) (json.RawMessage, bool) {
	text := strings.TrimSpace(cell)
	switch kind {
	case "number":
		return json.RawMessage(text), json.Valid([]byte(text)) && strings.ContainsAny(text[:1], "-0123456789")
	case "bool":
		yes, ok := boolean(cell)
		return json.RawMessage(strconv.FormatBool(yes)), ok
	case "json":
		return json.RawMessage(text), json.Valid([]byte(text))
	}
	v, err := json.Marshal(cell)
	return v, err == nil
}
