package api_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/access"
)

// TestAuditExport compares both forms of an export with the list, over several pages of it.
func TestAuditExport(t *testing.T) {
	w := newWorld(t)
	for i := range 120 {
		w.made("/v1/campaigns", fmt.Sprintf(`{"id":%d,"name":"=HYPERLINK(%d)"}`, i+1, i), "id")
	}
	var want []string
	for _, e := range w.audit() {
		if e.Action == "campaign.create" {
			want = append(want, e.ID)
		}
	}
	if len(want) != 120 {
		t.Fatalf("the list has %d entries", len(want))
	}

	a := w.do("GET", "/v1/audit/export?action=campaign.*", "")
	if a.status != 200 || a.header.Get("Content-Type") != "application/x-ndjson" || a.header.Get("Content-Disposition") != `attachment; filename="audit.ndjson"` {
		t.Errorf("got %d, %v", a.status, a.header)
	}
	var got []string
	for line := range strings.Lines(string(a.body)) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Target == nil || !strings.Contains(string(e.After), "=HYPERLINK") {
			t.Errorf("got %s, want what the list shows", line)
		}
		got = append(got, e.ID)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("lines: got %d entries %v\nwant %v", len(got), got, want)
	}

	a = w.do("GET", "/v1/audit/export?action=campaign.*&format=csv", "")
	cells, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
	if err != nil || a.status != 200 || a.header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" {
		t.Fatalf("got %d, %v, %v", a.status, a.header, err)
	}
	got = got[:0]
	for _, line := range cells[1:] {
		got = append(got, line[0])
		if name := line[8]; !strings.HasPrefix(name, "'=HYPERLINK(") {
			t.Errorf("got the cell %q, which a spreadsheet takes for a formula", name)
		}
	}
	if cells[0][8] != "target.name" || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("cells: got %v and %d entries, want %d", cells[0], len(got), len(want))
	}

	// Exports are entries themselves, and an empty one is no error.
	if a := w.do("GET", "/v1/audit/export?action=nothing", ""); a.status != 200 || len(a.body) != 0 {
		t.Errorf("without entries: got %d %q", a.status, a.body)
	}
	w.do("GET", "/v1/respondents/export", "")
	log := w.audit()
	if log[0].Action != "respondent.export" || log[1].Action != "audit.export" || !strings.Contains(string(log[1].After), "action=nothing") {
		t.Errorf("got %+v, want the exports", log[:2])
	}
	if a := w.do("GET", "/v1/audit/export?format=csv&action=nothing", ""); strings.Count(string(a.body), "\n") != 1 {
		t.Errorf("CSV without entries: got %q, want the names", a.body)
	}

	w.refused(400, "GET", "/v1/audit/export?format=xml", "")
	w.refused(400, "GET", "/v1/audit/export?limit=5", "")
	w.refused(403, "GET", "/v1/audit/export", "", "Authorization", "Bearer "+w.key(access.ScopeManage))
	w.refused(403, "GET", "/v1/audit/export?of=platform", "", "Authorization", "Bearer "+w.key(access.ScopeAdmin))
}
