package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/api"
	"github.com/relay-events/relay/internal/nearest"
)

// The types below are the part of the API's document from which commands are made.

type apiDocument struct {
	Paths      map[string]map[string]*apiOperation `json:"paths"`
	Components struct {
		Schemas map[string]*apiSchema `json:"schemas"`
	} `json:"components"`
}

type apiOperation struct {
	ID          string         `json:"operationId"`
	Summary     string         `json:"summary"`
	Description string         `json:"description"`
	Parameters  []apiParameter `json:"parameters"`
	Body        *struct {
		Content map[string]struct {
			Schema *apiSchema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`

	method, path string
}

type apiParameter struct {
	Name        string     `json:"name"`
	In          string     `json:"in"`
	Description string     `json:"description"`
	Schema      *apiSchema `json:"schema"`
}

type apiSchema struct {
	Ref         string                `json:"$ref"`
	Type        any                   `json:"type"`
	Description string                `json:"description"`
	Enum        []any                 `json:"enum"`
	Usual       json.RawMessage       `json:"x-default"`
	Items       *apiSchema            `json:"items"`
	AnyOf       []*apiSchema          `json:"anyOf"`
	Properties  map[string]*apiSchema `json:"properties"`
	Required    []string              `json:"required"`
}

// describedAPI reads the document of this version's API, once.
var describedAPI = sync.OnceValues(func() (*apiDocument, error) {
	b, err := api.Description()
	if err != nil {
		return nil, err
	}
	d := new(apiDocument)
	if err := json.Unmarshal(b, d); err != nil {
		return nil, fmt.Errorf("reading the API's document: %w", err)
	}
	return d, nil
})

// operation returns an operation of the API.
func (d *apiDocument) operation(id string) *apiOperation {
	for path, methods := range d.Paths {
		for method, op := range methods {
			if op.ID == id {
				op.method, op.path = strings.ToUpper(method), path
				return op
			}
		}
	}
	panic("internal error: the API has no operation " + id)
}

// body returns the members of the operation's request, nil if it has none.
func (d *apiDocument) body(op *apiOperation) *apiSchema {
	if op.Body == nil {
		return nil
	}
	s := op.Body.Content["application/json"].Schema
	if s != nil && s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	return s
}

// kind is the JSON type of a schema without null: "string"; "" if it may be several.
func (s *apiSchema) kind() string {
	switch t := s.Type.(type) {
	case string:
		return t
	case []any:
		if text, ok := t[0].(string); ok {
			return text
		}
	}
	return ""
}

// words returns the texts among the values of a choice.
func (s *apiSchema) words() []string {
	var words []string
	for _, v := range s.Enum {
		if text, ok := v.(string); ok {
			words = append(words, text)
		}
	}
	return words
}

// operationCommand is a command that makes one call of the API.
type operationCommand struct {
	conn   *connection
	doc    *apiDocument
	op     *apiOperation
	path   []string // names of the arguments
	query  map[string]*pflag.Flag
	fields map[string]*pflag.Flag // members of the body that have a flag
	sets   []string               // --set path=value
	file   string                 // --file
	limit  int
}

// newOperation makes a command of an operation. Arguments fill its path, flags its query and body.
func newOperation(env *Env, use, id string) (*cobra.Command, *operationCommand, error) {
	d, err := describedAPI()
	if err != nil {
		return nil, nil, err
	}
	op := d.operation(id)
	cmd := &cobra.Command{Short: op.Summary, Long: longText(op)}
	o := &operationCommand{doc: d, op: op, query: make(map[string]*pflag.Flag), fields: make(map[string]*pflag.Flag)}
	f := cmd.Flags()
	for _, p := range op.Parameters {
		switch {
		case p.In == "path":
			o.path = append(o.path, p.Name)
			use += " " + strings.ToUpper(p.Name)
		case p.In == "query" && p.Name == "limit":
			f.IntVar(&o.limit, "limit", 50, "`number` of entries; 0: all")
		case p.In == "query" && p.Name != "cursor":
			o.query[p.Name] = o.flag(cmd, p.Name, p.Description, p.Schema)
		}
	}
	if body := d.body(op); body != nil {
		for name, s := range body.Properties {
			if f.Lookup(flagName(name)) == nil {
				o.fields[name] = o.flag(cmd, name, s.Description, s)
			}
		}
		f.StringArrayVar(&o.sets, "set", nil, "set a member of the request: `path=value`, such as retry.attempts=5; the value is JSON or a text")
		f.StringVarP(&o.file, "file", "f", "", "`file` with the request as JSON; - for standard input")
	}
	cmd.Use = use
	names := make([]string, len(o.path))
	for i, name := range o.path {
		names[i] = strings.ToUpper(name)
	}
	cmd.Args = exactly(names...)
	o.conn = env.connect(cmd).output(cmd)
	return cmd, o, nil
}

// longText is the help of a command: the operation's summary and description as plain text.
func longText(op *apiOperation) string {
	text := op.Summary + "."
	if op.Body != nil {
		text += " The value @FILE of a flag is the content of a file, @- standard input."
	}
	if d := strings.TrimSpace(op.Description); d != "" {
		text += "\n\n" + d
	}
	return wrapText(strings.ReplaceAll(text, "`", ""), 110)
}

// wrapText breaks lines at spaces.
func wrapText(text string, width int) string {
	var out []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			if line != "" && len(line)+1+len(word) > width {
				out = append(out, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// flagName turns "maxEvents" into "max-events".
func flagName(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// jsonFlag is a flag whose value becomes a member of a request.
type jsonFlag struct {
	schema *apiSchema
	text   string
}

func (j *jsonFlag) String() string { return j.text }

// Set keeps the text, of several flags for a list all of them.
func (j *jsonFlag) Set(v string) error {
	if j.schema.kind() == "array" && j.text != "" {
		v = j.text + "," + v
	}
	j.text = v
	return nil
}

func (j *jsonFlag) Type() string {
	switch kind := j.schema.kind(); {
	case len(j.schema.words()) > 0:
		return strings.Join(j.schema.words(), "|")
	case kind == "boolean":
		return "bool"
	case kind == "integer", kind == "number":
		return "number"
	case kind == "array" && j.schema.Items != nil && j.schema.Items.kind() != "" && j.schema.Items.kind() != "object":
		return "list"
	case kind == "string":
		return "text"
	case kind == "object", kind == "array":
		return "json"
	}
	return "json|text"
}

// value returns the JSON of the flag's text. "@script.js" stands for the content of a file, "@-" for
// standard input.
func (j *jsonFlag) value(e *Env) (any, error) {
	if file, ok := strings.CutPrefix(j.text, "@"); ok && j.Type() != "bool" && j.Type() != "number" {
		b, err := e.readInput(file)
		if err != nil {
			return nil, err
		}
		j.text = strings.TrimRight(string(b), "\r\n")
	}
	if j.schema.kind() == "" && !json.Valid([]byte(j.text)) {
		return j.text, nil // any value, such as an expression
	}
	switch j.Type() {
	case "bool", "number", "json", "json|text":
		if !json.Valid([]byte(j.text)) {
			return nil, fmt.Errorf("must be %s, got %q", map[string]string{"bool": "true or false", "number": "a number", "json": "JSON"}[j.Type()], j.text)
		}
		return json.RawMessage(j.text), nil
	case "list":
		if strings.HasPrefix(j.text, "[") {
			return json.RawMessage(j.text), nil
		}
		list := []any{}
		for part := range strings.SplitSeq(j.text, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			if j.schema.Items.kind() != "string" {
				if !json.Valid([]byte(part)) {
					return nil, fmt.Errorf("must be a list of numbers, got %q", part)
				}
				list = append(list, json.RawMessage(part))
				continue
			}
			list = append(list, part)
		}
		return list, nil
	}
	return j.text, nil
}

func (o *operationCommand) flag(cmd *cobra.Command, name, help string, s *apiSchema) *pflag.Flag {
	if s.Usual != nil && string(s.Usual) != `""` && string(s.Usual) != "[]" {
		help += " (default " + strings.Trim(string(s.Usual), `"`) + ")"
	}
	help = strings.ReplaceAll(strings.TrimSpace(help), "`", "'")
	flag := flagName(name)
	cmd.Flags().Var(&jsonFlag{schema: s}, flag, help)
	f := cmd.Flags().Lookup(flag)
	if s.kind() == "boolean" || slices.Equal(s.words(), []string{"false", "true"}) {
		f.NoOptDefVal = "true"
	}
	if words := s.words(); words != nil {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
	}
	return f
}

// request builds the call from the arguments and the flags.
func (o *operationCommand) request(args []string) (path string, query url.Values, body any, err error) {
	path, query = o.op.path, make(url.Values)
	for i, name := range o.path {
		path = strings.Replace(path, "{"+name+"}", url.PathEscape(args[i]), 1)
	}
	for name, f := range o.query {
		if f.Changed {
			query.Set(name, f.Value.String())
		}
	}
	if schema := o.doc.body(o.op); schema != nil {
		body, err = o.requestBody(schema)
	}
	return path, query, body, err
}

func (o *operationCommand) requestBody(schema *apiSchema) (any, error) {
	in := make(map[string]any)
	if o.file != "" {
		b, err := o.conn.env.readInput(o.file)
		if err != nil {
			return nil, err
		}
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.UseNumber()
		if err := dec.Decode(&in); err != nil {
			return nil, usageError{fmt.Errorf("--file: %w", err)}
		}
	}
	for name, f := range o.fields {
		if !f.Changed {
			continue
		}
		j, ok := f.Value.(*jsonFlag)
		if !ok {
			continue
		}
		v, err := j.value(o.conn.env)
		if err != nil {
			return nil, usageError{fmt.Errorf("--%s %w", f.Name, err)}
		}
		in[name] = v
	}
	for _, set := range o.sets {
		if err := setPath(in, set); err != nil {
			return nil, usageError{fmt.Errorf("--set: %w", err)}
		}
	}
	for _, name := range schema.Required {
		if _, ok := in[name]; !ok && o.file == "" {
			return nil, usageError{fmt.Errorf("--%s must be given", flagName(name))}
		}
	}
	return in, nil
}

// maxInput bounds files that are read whole, in bytes: the API takes no larger request.
const maxInput = 16 << 20

// readInput reads a file, or standard input for "-".
func (e *Env) readInput(name string) ([]byte, error) {
	b, err := readBounded(e, name)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	if len(b) > maxInput {
		return nil, fmt.Errorf("reading %q: it is larger than 16 MiB", name)
	}
	return b, nil
}

// setPath sets a member of an object: "retry.attempts=5". The value is JSON if it looks so, else a
// text.
func setPath(in map[string]any, assignment string) error {
	path, text, ok := strings.Cut(assignment, "=")
	if !ok || path == "" {
		return fmt.Errorf("must be path=value, such as retry.attempts=5, got %q", assignment)
	}
	var value any = text
	if json.Valid([]byte(text)) {
		value = json.RawMessage(text)
	}
	names := strings.Split(path, ".")
	at := in
	for _, name := range names[:len(names)-1] {
		switch next := at[name].(type) {
		case map[string]any:
			at = next
		case nil:
			inner := make(map[string]any)
			at[name], at = inner, inner
		case json.RawMessage:
			inner := make(map[string]any)
			if err := json.Unmarshal(next, &inner); err != nil {
				return fmt.Errorf("%q is not an object", name)
			}
			at[name], at = inner, inner
		default:
			return fmt.Errorf("%q is not an object", name)
		}
	}
	at[names[len(names)-1]] = value
	return nil
}

// one makes the call and returns its answer.
func (o *operationCommand) one(ctx context.Context, args []string) (json.RawMessage, error) {
	c, err := o.conn.client()
	if err != nil {
		return nil, err
	}
	path, query, body, err := o.request(args)
	if err != nil {
		return nil, err
	}
	if o.op.method == http.MethodDelete {
		return nil, c.Do(ctx, o.op.method, path, query, body, nil)
	}
	var answer json.RawMessage
	err = c.Do(ctx, o.op.method, path, query, body, &answer)
	return answer, err
}

// each calls do for the entries of a list, page by page, up to the limit.
func (o *operationCommand) each(ctx context.Context, args []string, do func(json.RawMessage) error) error {
	c, err := o.conn.client()
	if err != nil {
		return err
	}
	path, query, body, err := o.request(args)
	if err != nil {
		return err
	}
	const largest = 250 // entries of a page
	paged := slices.ContainsFunc(o.op.Parameters, func(p apiParameter) bool { return p.Name == "cursor" })
	for n := 0; ; {
		if paged {
			size := largest
			if o.limit > 0 {
				size = min(size, o.limit-n)
			}
			query.Set("limit", strconv.Itoa(size))
		}
		var page client.Page[json.RawMessage]
		if err := c.Do(ctx, o.op.method, path, query, body, &page); err != nil {
			return err
		}
		for _, entry := range page.Data {
			if err := do(entry); err != nil {
				return err
			}
			if n++; o.limit > 0 && n >= o.limit {
				return nil
			}
		}
		if page.NextCursor == "" {
			return nil
		}
		query.Set("cursor", page.NextCursor)
	}
}

// nearPath suggests a member's path.
func nearPath(path string, paths []string) string {
	if near := nearest.Of(path, slices.Values(paths)); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

var errNoInput = errors.New("there is no standard input")

func readBounded(e *Env, name string) ([]byte, error) {
	if name == "-" {
		if e.Stdin == nil {
			return nil, errNoInput
		}
		return readAllBounded(e.Stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAllBounded(f)
}
