package dashboard_test

import (
	"encoding/csv"
	"net/http"
	"slices"
	"testing"

	"github.com/relay-events/relay/client"
)

// TestLogExport exports a log of several pieces: each attempt once, the newest first, with the filters of the page, nothing
// that a spreadsheet takes for a formula, and an entry in the audit log.
func TestLogExport(t *testing.T) {
	s, e := startServer(t), newEndpoint(t)
	for _, h := range []struct {
		path   string
		events []string
	}{{"/=HYPERLINK(1)", []string{"order.paid", "order.lost"}}, {"/b", []string{"order.paid"}}} {
		if _, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{URL: e.URL + h.path, Events: client.Set(h.events)}); err != nil {
			t.Fatal(err)
		}
	}
	s.publishMany("order.paid", 140)
	s.publishMany("order.lost", 20)
	for range 300 {
		e.next(t)
	}
	c := s.person()
	rows := func(query string) [][]string {
		t.Helper()
		r, err := c.Get(s.URL() + "/t/default/log-export" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Fatalf("%s: got %s", query, r.Status)
		}
		list, err := csv.NewReader(r.Body).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return list[1:]
	}
	all := rows("")
	for len(all) < 300 { // the last ones may not be recorded yet
		all = rows("")
	}
	ids := make(map[string]bool)
	for i, row := range all {
		ids[row[11]] = true
		if i > 0 && row[11] > all[i-1][11] {
			t.Errorf("row %d: the attempt %s comes after the older %s", i, row[11], all[i-1][11])
		}
		if row[1] != "delivered" || row[2] != "200" {
			t.Errorf("row %d: got %q", i, row)
		}
	}
	if len(ids) != 300 {
		t.Errorf("got %d attempts in %d rows, want 300", len(ids), len(all))
	}
	if got := rows("?type=order.lost&before=" + all[0][11]); len(got) != 20 || slices.ContainsFunc(got, func(row []string) bool { return row[4] != "order.lost" }) {
		t.Errorf("the filter by type: got %d rows", len(got))
	}
	if got := rows("?outcome=failed"); len(got) != 0 {
		t.Errorf("the filter by outcome: got %d rows", len(got))
	}
	if got := rows("?kind=timeout"); len(got) != 0 {
		t.Errorf("the filter by the kind of error: got %d rows", len(got))
	}
	if r, err := c.Get(s.URL() + "/t/default/log-export?kind=late"); err != nil || r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an error that is none: got %v, %v", r.Status, err)
	}
	if r, err := c.Get(s.URL() + "/t/default/log-export?code=9xx"); err != nil || r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a code that is none: got %v, %v", r.Status, err)
	}
	page, err := s.api.ListAuditPage(t.Context(), client.ListAuditParams{Action: "attempts.export"})
	if err != nil || len(page.Data) < 3 {
		t.Errorf("got %d entries in the audit log, %v, want one for each export", len(page.Data), err)
	}
}
