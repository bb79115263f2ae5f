package dashboard

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/problem"
)

// maxImport bounds a file that is imported on a page, in bytes; the API and the command line take files of any size in parts.
const maxImport = 8 << 20

// importView is an import as pages show it.
type importView struct {
	*audience.Task
	Shown                     state
	Added, Removed, Unchanged int64
	Percent                   int
}

var importClasses = map[audience.TaskState]state{
	audience.TaskOpen: {Class: "warn", Word: "to be started"}, audience.TaskRunning: {Class: "warn", Word: "running"}, audience.TaskDone: {Class: "ok", Word: "done"},
	audience.TaskFailed: {Class: "bad", Word: "failed"}, audience.TaskCanceled: {Word: "canceled"},
}

func showImport(t *audience.Task) importView {
	v := importView{Task: t, Shown: importClasses[t.State]}
	v.Added, v.Removed, v.Unchanged = t.Import.Difference(&t.Import.Count)
	switch {
	case t.State == audience.TaskDone:
		v.Percent = 100
	case t.Import.Total > 0:
		v.Percent = int(min(t.Done*100/t.Import.Total, 99))
	}
	return v
}

// Mode says what the import does with the profiles of its rows.
func (v importView) Mode() string {
	return map[audience.ImportMode]string{audience.ImportAdd: "Add", audience.ImportRemove: "Remove", audience.ImportReplace: "Replace"}[v.Import.Mode]
}

// importForm is the form that takes a file.
type importForm struct {
	audienceView
	Mode, Text string
	Table      *tableForm // the columns of a table; nil: it is none, or was not looked at
	Wrong      map[string]string
}

// tableForm is the step in which people say what the columns of a table are.
type tableForm struct {
	Columns []columnForm
	Kinds   []choice
	Lines   bool   // it is no table: lines of JSON
	Note    string // what was found
	Wrong   string
}

// columnForm is a column, and what it is.
type columnForm struct {
	Name   string
	Sample string
	Kind   string // a value of columnKinds
	Key    string // the variable, the partner number, or the purpose
}

var columnKinds = []choice{
	{"profileId", "Profile id"}, {"sourceId", "Source id"}, {"partnerIds", "Identifier of the partner number"}, {"variables", "Variable: text"},
	{"number", "Variable: number"}, {"bool", "Variable: yes or no"}, {"json", "Variable: JSON"}, {"consent", "Consent to the purpose"}, {"doNotContact", "Do not contact"}, {"test", "Test profile"},
	{"", "Leave out"},
}

// Keyed reports whether the column's kind needs a key.
func (c columnForm) Keyed() bool {
	return slices.Contains([]string{"partnerIds", "variables", "number", "bool", "json", "consent"}, c.Kind)
}

// target is the column's entry of a mapping; see audience.CSVRows.
func (c columnForm) target() string {
	switch c.Kind {
	case "number", "bool", "json":
		return "variables." + c.Key + ":" + c.Kind
	case "variables", "partnerIds", "consent":
		return c.Kind + "." + c.Key
	}
	return c.Kind
}

// guess says what a column probably is, by its name.
func guess(name string) columnForm {
	c := columnForm{Name: name, Kind: "variables", Key: name}
	switch first, rest, found := strings.Cut(name, "."); {
	case slices.Contains([]string{"profileId", "sourceId", "doNotContact", "test"}, name):
		c.Kind, c.Key = name, ""
	case found && slices.Contains([]string{"partnerIds", "consent", "variables"}, first):
		c.Kind, c.Key = first, rest
		if i := strings.LastIndexByte(rest, ':'); first == "variables" && i >= 0 && slices.Contains([]string{"number", "bool", "json"}, rest[i+1:]) {
			c.Kind, c.Key = rest[i+1:], rest[:i]
		}
	}
	return c
}

// table reads the head of a text: which columns it has, and what they may be.
func table(text string) *tableForm {
	f := &tableForm{Kinds: columnKinds}
	switch text = strings.TrimPrefix(text, "\ufeff"); {
	case strings.TrimSpace(text) == "":
		return nil
	case isJSON(text):
		f.Lines, f.Note = true, "Lines of JSON: each is a profile with its profileId."
		return f
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = separator(text), -1, true
	head, err := r.Read()
	if err != nil {
		f.Wrong = "The first line cannot be read: it must name the columns."
		return f
	}
	first, err := r.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		first = nil
	}
	for i, name := range head {
		c := guess(name)
		if i < len(first) {
			c.Sample = first[i]
		}
		f.Columns = append(f.Columns, c)
	}
	if !slices.ContainsFunc(f.Columns, func(c columnForm) bool { return c.Kind == "profileId" }) {
		// Somebody's id is what it probably is, and the first column if there is none.
		i := max(slices.IndexFunc(f.Columns, func(c columnForm) bool {
			name := strings.ToLower(c.Name)
			return name == "id" || name == "profile" || strings.HasSuffix(name, "id")
		}), 0)
		f.Columns[i].Kind, f.Columns[i].Key = "profileId", ""
	}
	f.Note = fmt.Sprintf("A table with %d columns. The first row is shown as an example.", len(f.Columns))
	return f
}

// maxColumns bounds the columns that a page asks about.
const maxColumns = 200

func isJSON(text string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")
}

// separator is what stands between the cells of a table: spreadsheets of many countries write semicolons.
func separator(text string) rune {
	line, _, _ := strings.Cut(text, "\n")
	best, most := ',', strings.Count(line, ",")
	for _, c := range ";\t" {
		if n := strings.Count(line, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

// commas returns a table with commas between its cells.
func commas(text string) (string, error) {
	from := separator(text)
	if from == ',' {
		return text, nil
	}
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = from, -1, true
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			w.Flush()
			return b.String(), w.Error()
		}
		if err != nil {
			return "", problem.InvalidField("text", "cannot be read as CSV: %v", err)
		}
		if err := w.Write(cells); err != nil {
			return "", fmt.Errorf("writing a table: %w", err)
		}
	}
}

func (f *importForm) answer(status int) answer {
	return answer{page: "import-form", title: "Import", section: "audiences", data: f, status: status}
}

func (d *Dashboard) importForm(ctx context.Context, q *request) (*importForm, error) {
	v, err := d.audience(ctx, q)
	return &importForm{audienceView: v, Mode: string(audience.ImportAdd), Wrong: make(map[string]string)}, err
}

func (d *Dashboard) importPage(ctx context.Context, q *request) (answer, error) {
	f, err := d.importForm(ctx, q)
	return f.answer(0), err
}

// importColumns looks at the head of a file, which the page sends before the file itself.
func (d *Dashboard) importColumns(ctx context.Context, q *request) (answer, error) {
	f, err := d.importForm(ctx, q)
	if err != nil {
		return answer{}, err
	}
	f.Table = table(q.form.Get("head"))
	a := f.answer(0)
	a.block = "import-columns"
	return a, nil
}

// mapping reads what was said of the columns.
func (f *importForm) mapping(q *request) map[string]string {
	names := q.form["column"]
	if len(names) == 0 || len(names) > maxColumns {
		return nil
	}
	t := &tableForm{Kinds: columnKinds}
	mapping := make(map[string]string)
	for i, name := range names {
		n := strconv.Itoa(i)
		c := columnForm{Name: name, Sample: q.form.Get("sample-" + n), Kind: q.form.Get("kind-" + n), Key: strings.TrimSpace(q.form.Get("key-" + n))}
		t.Columns = append(t.Columns, c)
		switch {
		case c.Keyed() && c.Key == "":
			t.Wrong = fmt.Sprintf("The column %q needs a name, a partner number or a purpose beside it.", clip(name, 60))
		case c.Kind != "":
			mapping[name] = c.target()
		}
	}
	f.Table = t
	return mapping
}

// rows reads the rows of a text.
func (f *importForm) rows(q *request, text string) ([]audience.ImportRow, error) {
	if !utf8.ValidString(text) {
		return nil, problem.InvalidField("text", "is no text in UTF-8: save the table as \"CSV UTF-8\"")
	}
	text = strings.TrimPrefix(text, "\ufeff")
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "":
		return nil, problem.InvalidField("text", "is empty: choose a file, or paste rows")
	case trimmed[0] == '[':
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(trimmed), &list); err != nil {
			return nil, problem.InvalidField("text", "cannot be read as a JSON array: %v", err)
		}
		rows := make([]audience.ImportRow, len(list))
		for i, raw := range list {
			rows[i] = audience.JSONRow(int64(i+1), raw)
		}
		return rows, nil
	case trimmed[0] == '{':
		return audience.LineRows(1, text), nil
	}
	mapping := f.mapping(q)
	if f.Table != nil && f.Table.Wrong != "" {
		return nil, problem.InvalidField("mapping", "is not complete: %s", f.Table.Wrong)
	}
	if mapping == nil {
		// Without a word about the columns their names say what they are; if these do not, the page asks.
		f.Table = table(text)
	}
	text, err := commas(text)
	if err != nil {
		return nil, err
	}
	return audience.CSVRows(2, text, mapping)
}

// importCreate takes a file, and leads to what it would change. Nothing is changed yet.
func (d *Dashboard) importCreate(ctx context.Context, q *request) (answer, error) {
	f, err := d.importForm(ctx, q)
	if err != nil {
		return answer{}, err
	}
	f.Text = strings.ReplaceAll(q.form.Get("text"), "\r\n", "\n")
	if mode := q.value("mode"); mode == string(audience.ImportRemove) || mode == string(audience.ImportReplace) {
		f.Mode = mode
	}
	text := f.Text
	if file := q.files["file"]; len(file) > 0 {
		text = string(file)
	}
	rows, err := f.rows(q, text)
	if err != nil {
		return f.answer(422), refuseFields(err, f.Wrong, "text", "mapping")
	}
	t, err := d.Audiences.NewImport(ctx, q.who.Tenant, f.Number, audience.ImportMode(f.Mode))
	if err == nil {
		err = d.Audiences.AddRows(ctx, q.who.Tenant, f.Number, t.ID, rows)
	}
	if err != nil {
		return answer{}, err
	}
	return answer{to: q.path("audiences", f.NumberText(), "imports", t.ID)}, nil
}

// rejectedShown bounds the rows left out that a page lists.
const rejectedShown = 100

type importPageView struct {
	audienceView
	V        importView
	Rejected []audience.ImportRow
	Brake    string // why it must be forced
	Wrong    string
	MayEdit  bool
}

func (d *Dashboard) importStatus(ctx context.Context, q *request) (answer, error) {
	return d.showImportPage(ctx, q, "")
}

func (d *Dashboard) showImportPage(ctx context.Context, q *request, wrong string) (answer, error) {
	a, err := d.audience(ctx, q)
	if err != nil {
		return answer{}, err
	}
	t, err := d.Audiences.ImportOf(ctx, q.who.Tenant, a.Number, q.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	v := importPageView{audienceView: a, V: showImport(t), Wrong: wrong, MayEdit: q.who.Allows(access.EditRespondents)}
	if t.Import.Count.Rejected > 0 {
		if v.Rejected, err = d.Audiences.RejectedRows(ctx, q.who.Tenant, a.Number, t.ID, 0, rejectedShown); err != nil {
			return answer{}, err
		}
	}
	if t.State == audience.TaskOpen {
		if err := t.Import.Brake(); err != nil {
			text, _, _ := strings.Cut(asProblem(err).Detail, ": start it with force")
			v.Brake = sentence(text)
		}
	}
	out := answer{page: "import", block: "import-progress", title: "Import", section: "audiences", data: v}
	if wrong != "" {
		out.status = 409
	}
	return out, nil
}

func (d *Dashboard) importStart(ctx context.Context, q *request) (answer, error) {
	a, err := d.audience(ctx, q)
	if err != nil {
		return answer{}, err
	}
	id := q.PathValue("id")
	_, err = d.Audiences.StartImport(ctx, q.who, a.Number, id, q.value("force") != "")
	if err != nil {
		if problem.KindOf(err) != problem.Conflict {
			return answer{}, err
		}
		return d.showImportPage(ctx, q, sentence(asProblem(err).Detail))
	}
	return answer{to: q.path("audiences", a.NumberText(), "imports", id)}, nil
}

func (d *Dashboard) importCancel(ctx context.Context, q *request) (answer, error) {
	a, err := d.audience(ctx, q)
	if err != nil {
		return answer{}, err
	}
	if err := d.Audiences.CancelImport(ctx, q.who, a.Number, q.PathValue("id")); err != nil {
		return answer{}, err
	}
	return answer{to: q.path("audiences", a.NumberText())}, nil
}
