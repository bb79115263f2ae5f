package audience_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/audience"
)

// imported brings a table into the audience.
func (r *rig) imported(mode audience.ImportMode, rows []audience.ImportRow, force bool) (*audience.Task, error) {
	r.t.Helper()
	ctx := context.Background()
	k, err := r.audiences.NewImport(ctx, tenant, 101, mode)
	if err == nil {
		err = r.audiences.AddRows(ctx, tenant, 101, k.ID, rows)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.audiences.StartImport(ctx, r.who, 101, k.ID, force); err != nil {
		k, getErr := r.audiences.ImportOf(ctx, tenant, 101, k.ID)
		if getErr != nil {
			r.t.Fatal(getErr)
		}
		return k, err
	}
	r.rest()
	k, err = r.audiences.ImportOf(ctx, tenant, 101, k.ID)
	if err != nil || k.State != audience.TaskDone || k.Done != k.Import.Total {
		r.t.Fatalf("got %+v, %v", k, err)
	}
	return k, nil
}

func people(from, to int) (rows []audience.ImportRow) {
	var text strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&text, "{\"profileId\":\"p%04d\",\"partnerIds\":{\"2001\":[\"m%04d\"]}}\n", i, i)
	}
	return audience.LineRows(1, text.String())
}

// TestImport: a table enters at the partner; a replacement shows its difference, is refused where it removes much, and makes
// exactly that difference.
func TestImport(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRig(t, list)
	r.attach("A")
	rows := people(0, 1000)
	k, err := r.imported(audience.ImportAdd, append(rows, audience.JSONRow(1001, []byte(`{"profileId":""}`))), false)
	if err != nil || k.Import.Count.Rows != 1001 || k.Import.Count.Rejected != 1 {
		t.Fatalf("got %+v, %v", k.Import, err)
	}
	if got := r.list(); len(got) != 1000 || got[7] != "m0007 basic" {
		t.Fatalf("the partner has %d: %.100v", len(got), got)
	}
	bad, err := r.audiences.RejectedRows(ctx, tenant, 101, k.ID, 0, 10)
	if err != nil || len(bad) != 1 || bad[0].Line != 1001 || !strings.Contains(bad[0].Error, "profileId must have") {
		t.Errorf("got %+v, %v", bad, err)
	}
	for what, c := range map[string]struct {
		rows []audience.ImportRow
		want string
	}{
		"no rows":          {nil, "has no rows and would remove all 1000 members"},
		"21 % fewer":       {people(210, 1000), "would remove 210 of 1000 members, more than 20 %"},
		"a row is refused": {append(people(1, 1000), audience.JSONRow(1000, []byte(`{"id":"p0000"}`))), "1 rows are left out, and 1 members"},
	} {
		if k, err := r.imported(audience.ImportReplace, c.rows, false); err == nil || !strings.Contains(err.Error(), c.want) || k.State != audience.TaskOpen {
			t.Errorf("%s: got %v, want %q", what, err, c.want)
		}
	}
	before := r.requests
	k, err = r.imported(audience.ImportReplace, people(210, 1010), true)
	if added, removed, unchanged := k.Import.Difference(&k.Import.Count); err != nil || added != 10 || removed != 210 || unchanged != 790 {
		t.Errorf("got %d added, %d removed, %d unchanged, %v", added, removed, unchanged, err)
	}
	if got := r.list(); len(got) != 800 || got[0] != "m0210 basic" || got[799] != "m1009 basic" {
		t.Errorf("the partner has %d: %.100v", len(got), got)
	}
	if n := r.requests - before; n > 12 { // 210 in fifties, and 10; batches may close early on a slow machine
		t.Logf("%d requests for 220 changes", n)
	}
	if _, err = r.imported(audience.ImportRemove, people(210, 1010), false); err != nil || len(r.list()) != 0 {
		t.Errorf("removed: the partner has %v, %v", r.list(), err)
	}
	if n, err := r.store.MemberCount(ctx, tenant, 101); n != 0 || err != nil {
		t.Errorf("removed: got %d members, %v", n, err)
	}
}

// TestImportGoesOn: lines that are sent twice count once, and a canceled import takes no more.
func TestImportGoesOn(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRig(t, list)
	k, err := r.audiences.NewImport(ctx, tenant, 101, audience.ImportAdd)
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range [][]audience.ImportRow{people(0, 3), people(0, 5)} {
		if err := r.audiences.AddRows(ctx, tenant, 101, k.ID, rows); err != nil {
			t.Fatal(err)
		}
	}
	if k, err = r.audiences.ImportOf(ctx, tenant, 101, k.ID); err != nil || k.Import.Count.Rows != 5 || k.Import.Count.Profiles != 5 {
		t.Errorf("got %+v, %v", k.Import, err)
	}
	if err := r.audiences.CancelImport(ctx, r.who, 101, k.ID); err != nil {
		t.Fatal(err)
	}
	if err := r.audiences.AddRows(ctx, tenant, 101, k.ID, people(5, 6)); err == nil || !strings.Contains(err.Error(), "is canceled") {
		t.Errorf("got %v", err)
	}
	if _, err := r.audiences.ImportOf(ctx, 2, 101, k.ID); err == nil {
		t.Error("another tenant sees it")
	}
	// Of rows that name the same profile the last one wins.
	if err := r.audiences.PutMembers(ctx, tenant, 101, audience.ImportAdd, audience.LineRows(1, `{"profileId":"x","variables":{"n":1},"sourceId":"s"}
{"profileId":"x","variables":{"n":2}}`)); err != nil {
		t.Fatal(err)
	}
	if p, err := r.audiences.Profile(ctx, tenant, "x"); err != nil || string(p.Variables) != `{"n":2}` || p.SourceID != "s" {
		t.Errorf("got %+v, %v", p, err)
	}
	err = r.audiences.PutMembers(ctx, tenant, 101, audience.ImportAdd, audience.LineRows(1, "{\"profileId\":\"y\"}\n{\"profileId\":\"z\",\"partnerIds\":{\"crm\":[\"1\"]}}"))
	if _, none := r.audiences.Profile(ctx, tenant, "y"); err == nil || none == nil || !strings.Contains(err.Error(), "rows.1") {
		t.Errorf("got %v and %v, want nothing stored", err, none)
	}
}

func TestRowsOfTables(t *testing.T) {
	t.Parallel()
	mapping := map[string]string{"customer": "profileId", "crm": "partnerIds.2001", "old crm": "partnerIds.2001", "points": "variables.points:number", "e-mail": "variables.email", "quiet": "doNotContact"}
	text := "\ufeffcustomer,crm,old crm,points,e-mail,quiet,ignored\n" +
		"a,x,y,7.50,a@example.com,yes,1\n" +
		"b,,,,\"two\nlines\",,\n" +
		",x,,,,,\n" +
		"c,,,many,,,\n" +
		"d,x\n" +
		"e,,,,,perhaps,\n"
	rows, err := audience.CSVRows(2, text, mapping)
	if err != nil || len(rows) != 6 {
		t.Fatalf("got %+v, %v", rows, err)
	}
	if a := rows[0]; a.Line != 2 || a.Profile != "a" || !slices.Equal(a.Input.PartnerIDs["2001"], []string{"x", "y"}) ||
		string(a.Input.Variables) != `{"email":"a@example.com","points":7.50}` || a.Input.DoNotContact == nil || !*a.Input.DoNotContact || a.Error != "" {
		t.Errorf("got %+v", a)
	}
	if b := rows[1]; b.Profile != "b" || b.Input.PartnerIDs != nil || string(b.Input.Variables) != `{"email":"two\nlines"}` {
		t.Errorf("got %+v", b)
	}
	for i, want := range []string{"profileId must have 1 to 256 bytes", `column "points" must be a number`, "has 2 columns, but the first line names 7", `column "quiet" must be true or false`} {
		if r := rows[2+i]; !strings.Contains(r.Error, want) || r.Line != int64(4+i) || r.Profile != "" {
			t.Errorf("got %+v, want %q", r, want)
		}
	}
	// Without a mapping the names decide.
	rows, err = audience.CSVRows(2, "profileId,partnerIds.2001,tier\np,m,gold\n", nil)
	if err != nil || len(rows) != 1 || rows[0].Input.PartnerIDs["2001"][0] != "m" || string(rows[0].Input.Variables) != `{"tier":"gold"}` {
		t.Errorf("got %+v, %v", rows, err)
	}
	for text, want := range map[string]string{
		"":              "text is empty",
		"a,b\n1,2\n":    "no column is the profileId; the table has a, b",
		"profileId\n\"": "cannot be read as CSV",
	} {
		if _, err := audience.CSVRows(2, text, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	for to, want := range map[string]string{"email": "cannot be", "variables": "cannot be", "partnerIds.crm": "is no partner number", "profileId.x": "cannot be"} {
		if _, err := audience.CSVRows(2, "a,b\n1,2\n", map[string]string{"a": "profileId", "b": to}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", to, err, want)
		}
	}
	if _, err := audience.CSVRows(2, "a\n1\n", map[string]string{"b": "profileId"}); err == nil || !strings.Contains(err.Error(), `no column "b"`) {
		t.Errorf("got %v", err)
	}
}
