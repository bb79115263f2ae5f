package api

import (
	"context"
	"strconv"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
)

// Import is a table of profiles on its way into an audience.
type Import struct {
	ID        string    `json:"id" example:"\"job_6xfkskvosjcfykau\""`
	Mode      string    `json:"mode" enum:"add,remove,replace" example:"\"replace\""`
	State     string    `json:"state" enum:"open,running,done,failed,canceled" doc:"open: it takes rows" example:"\"open\""`
	Rows      int64     `json:"rows" example:"1000"`
	Rejected  int64     `json:"rejected" doc:"rows that are left out, see its rejected rows" example:"3"`
	Added     int64     `json:"added" doc:"profiles that enter; of an open import as of now, else as of its start" example:"12"`
	Removed   int64     `json:"removed" doc:"members that leave" example:"4"`
	Unchanged int64     `json:"unchanged" doc:"members that stay" example:"981"`
	Done      int64     `json:"done" doc:"how many of the steps in total are done" example:"500"`
	Total     int64     `json:"total" example:"1001"`
	Error     *string   `json:"error"`
	CreatedAt rest.Time `json:"createdAt"`
	UpdatedAt rest.Time `json:"updatedAt"`
}

func showImport(t *audience.Task) *Import {
	c := &t.Import.Count
	v := &Import{
		ID: t.ID, Mode: string(t.Import.Mode), State: string(t.State), Rows: c.Rows, Rejected: c.Rejected, Done: t.Done, Total: t.Import.Total,
		Error: rest.TextOrNil(t.Error), CreatedAt: rest.Time(t.CreatedAt), UpdatedAt: rest.Time(t.UpdatedAt),
	}
	v.Added, v.Removed, v.Unchanged = t.Import.Difference(c)
	return v
}

// CreateImport makes an import.
type CreateImport struct {
	Mode string `json:"mode" required:"true" enum:"add,remove,replace" doc:"add: the profiles of the rows enter; remove: they leave; replace: they enter, and all others leave" example:"\"replace\""`
}

type createImportInput struct {
	audiencePath
	Body CreateImport `body:"required"`
}

var docImportCreate = rest.Doc{ID: "createImport", Tag: "Audiences", Summary: "Begin an import into an audience", Status: 201,
	Text: "It takes rows, shows what would change, and is then started."}

func (a *API) importCreate(ctx context.Context, c *access.Principal, in *createImportInput) (*Import, error) {
	t, err := a.Audiences.NewImport(ctx, c.Tenant, in.Number, audience.ImportMode(in.Body.Mode))
	if err != nil {
		return nil, err
	}
	return showImport(t), nil
}

var docImportList = rest.Doc{ID: "listImports", Tag: "Audiences", Summary: "List an audience's latest imports", Text: "The newest first; never paged. The rows of an open one are counted by getImport."}

func (a *API) importList(ctx context.Context, c *access.Principal, in *audiencePath) (*rest.List[Import], error) {
	tasks, err := a.Audiences.Tasks(ctx, c.Tenant, in.Number)
	if err != nil {
		return nil, err
	}
	var data []Import
	for i := range tasks {
		if tasks[i].Kind == audience.ImportTask {
			data = append(data, *showImport(&tasks[i]))
		}
	}
	return rest.PageOf(data, ""), nil
}

type importPath struct {
	audiencePath
	ID string `path:"id" doc:"the import's id"`
}

var docImportGet = rest.Doc{ID: "getImport", Tag: "Audiences", Summary: "Get an import: what would change, or how far it is"}

func (a *API) importGet(ctx context.Context, c *access.Principal, in *importPath) (*Import, error) {
	t, err := a.Audiences.ImportOf(ctx, c.Tenant, in.Number, in.ID)
	if err != nil {
		return nil, err
	}
	return showImport(t), nil
}

// ImportRows are rows of a table.
type ImportRows struct {
	Line    int64             `json:"line" default:"1" doc:"number of the first row; a line that the import has is passed over, so that a table can be sent again from any line" example:"1"`
	Rows    []rest.RawJSON    `json:"rows" doc:"objects with profileId, sourceId, partnerIds, variables, test and doNotContact" example:"[{\"profileId\":\"p1\",\"partnerIds\":{\"2001\":[\"037f9dcf\"]}}]"`
	Text    string            `json:"text" doc:"instead of rows: lines of such objects, or CSV whose first line names the columns"`
	Format  string            `json:"format" enum:"ndjson,csv" default:"\"ndjson\"" doc:"of the text"`
	Mapping map[string]string `json:"mapping" doc:"of CSV, by column: profileId, sourceId, test, doNotContact, partnerIds.NUMBER, variables.NAME, with :number, :bool or :json behind a variable. Empty: by the names of the columns, others are variables" example:"{\"customer\":\"profileId\",\"crm\":\"partnerIds.2001\",\"points\":\"variables.points:number\"}"`
}

// Room implements rest.Roomy.
func (*ImportRows) Room() (bytes int64, depth int) { return 8 << 20, event.MaxDepth + 4 }

func (b *ImportRows) read() ([]audience.ImportRow, error) {
	first := max(b.Line, 1)
	switch {
	case b.Text != "" && len(b.Rows) > 0:
		return nil, problem.InvalidField("text", "must be left out beside rows")
	case b.Text != "" && b.Format == "csv":
		return audience.CSVRows(first, b.Text, b.Mapping)
	case b.Text != "":
		return audience.LineRows(first, b.Text), nil
	}
	rows := make([]audience.ImportRow, len(b.Rows))
	for i, raw := range b.Rows {
		rows[i] = audience.JSONRow(first+int64(i), raw)
	}
	return rows, nil
}

type importRowsInput struct {
	importPath
	Body ImportRows `body:"required"`
}

var docImportRows = rest.Doc{ID: "addImportRows", Tag: "Audiences", Summary: "Add rows to an import", Status: 204,
	Text: "At most 8 MiB a request. A row that is wrong is left out and listed; the others are taken."}

func (a *API) importRows(ctx context.Context, c *access.Principal, in *importRowsInput) (*rest.None, error) {
	rows, err := in.Body.read()
	if err != nil {
		return nil, err
	}
	return nil, a.Audiences.AddRows(ctx, c.Tenant, in.Number, in.ID, rows)
}

// RejectedRow is a row that an import leaves out.
type RejectedRow struct {
	Line   int64  `json:"line" example:"17"`
	Reason string `json:"reason" example:"\"partnerIds must be by partner number, got \\\"crm\\\"\""`
}

type rejectedInput struct {
	rest.Page
	importPath
}

var docImportRejected = rest.Doc{ID: "listRejectedRows", Tag: "Audiences", Summary: "List the rows that an import leaves out", Text: "In the order of their lines."}

func (a *API) importRejected(ctx context.Context, c *access.Principal, in *rejectedInput) (*rest.List[RejectedRow], error) {
	text, err := in.After()
	if err != nil {
		return nil, err
	}
	after, err := strconv.ParseInt(text, 10, 64)
	if text != "" && err != nil {
		return nil, problem.InvalidField("cursor", "is not one that this list has given")
	}
	rows, err := a.Audiences.RejectedRows(ctx, c.Tenant, in.Number, in.ID, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	var data []RejectedRow
	for i := range rows {
		if i == in.Limit {
			return rest.PageOf(data, rest.TextCursor(strconv.FormatInt(rows[i-1].Line, 10))), nil
		}
		data = append(data, RejectedRow{rows[i].Line, rows[i].Error})
	}
	return rest.PageOf(data, ""), nil
}

// StartImport starts an import.
type StartImport struct {
	Force bool `json:"force" doc:"also if a replacement removes more than 20 % of the members, or leaves rows out"`
}

type startImportInput struct {
	importPath
	Body StartImport `body:"optional"`
}

var docImportStart = rest.Doc{ID: "startImport", Tag: "Audiences", Summary: "Start an import", Status: 202,
	Text: "It is applied in the background. A replacement that removes more than 20 % of the members, or leaves rows out while it removes members, is refused unless it is forced."}

func (a *API) importStart(ctx context.Context, c *access.Principal, in *startImportInput) (*Import, error) {
	t, err := a.Audiences.StartImport(ctx, c, in.Number, in.ID, in.Body.Force)
	if err != nil {
		return nil, err
	}
	return showImport(t), nil
}

var docImportCancel = rest.Doc{ID: "cancelImport", Tag: "Audiences", Summary: "Cancel an import", Status: 204, Text: "What was applied stays."}

func (a *API) importCancel(ctx context.Context, c *access.Principal, in *importPath) (*rest.None, error) {
	return nil, a.Audiences.CancelImport(ctx, c, in.Number, in.ID)
}

// PutMembers has profiles enter or leave.
type PutMembers struct {
	Mode string         `json:"mode" enum:"add,remove" default:"\"add\"" doc:"whether they enter or leave"`
	Rows []rest.RawJSON `json:"rows" required:"true" maxItems:"1000" doc:"objects with profileId, sourceId, partnerIds, variables, test and doNotContact" example:"[{\"profileId\":\"p1\"}]"`
}

// Room implements rest.Roomy.
func (*PutMembers) Room() (bytes int64, depth int) { return 8 << 20, event.MaxDepth + 4 }

type putMembersInput struct {
	audiencePath
	Body PutMembers `body:"required"`
}

var docMembersPut = rest.Doc{ID: "putMembers", Tag: "Audiences", Summary: "Have up to 1,000 profiles enter or leave an audience", Status: 204,
	Text: "All of them or, if a row is wrong, none. Repeating it changes nothing. For more, see imports."}

func (a *API) membersPut(ctx context.Context, c *access.Principal, in *putMembersInput) (*rest.None, error) {
	if len(in.Body.Rows) > 1000 {
		return nil, problem.InvalidField("rows", "must be at most 1,000: an import takes more")
	}
	rows := make([]audience.ImportRow, len(in.Body.Rows))
	for i, raw := range in.Body.Rows {
		rows[i] = audience.JSONRow(int64(i+1), raw)
	}
	return nil, a.Audiences.PutMembers(ctx, c.Tenant, in.Number, audience.ImportMode(in.Body.Mode), rows)
}
