package api_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/testenv"
)

type respondentDoc struct {
	ID           string
	CampaignID   int
	Integration  *string
	State        string
	Reason       *string
	Respondent   json.RawMessage
	Note         *string
	DoNotContact bool
	Custom       json.RawMessage
	Extra        json.RawMessage
	Warnings     []struct{ Field, Reason string }
	Duplicate    bool
}

func TestRespondentsAreAdded(t *testing.T) {
	w := newWorld(t)
	const body = `{"campaignId":5000,"respondent":{"firstName":"Søren","lastName":"Ål","phoneNumber":"+45 12 34 56 78","emailAddress":"Soren@Example.com","nick":"S"},
		"note":"n","doNotContact":true,"custom":{"z":1.10,"a":[1]},"loyalty":{"tier":"gold"}}`
	var got respondentDoc
	w.into(&got, 201, "POST", "/v1/respondents", body, "Authorization", "Apikey "+w.key(access.ScopePublish), "Content-Type", "application/json;charset=UTF-8")
	if got.State != "stored" || got.CampaignID != 5000 || !got.DoNotContact || got.Integration != nil || *got.Note != "n" || got.Duplicate ||
		string(got.Custom) != `{"z":1.10,"a":[1]}` || string(got.Extra) != `{"loyalty":{"tier":"gold"}}` || !strings.Contains(string(got.Respondent), `"nick":"S"`) ||
		len(got.Warnings) != 1 || got.Warnings[0].Field != "respondent.phoneNumber" {
		t.Errorf("got %+v", got)
	}
	var again respondentDoc
	w.into(&again, 200, "GET", "/v1/respondents/"+got.ID, "")
	if again.ID != got.ID || string(again.Respondent) != string(got.Respondent) {
		t.Errorf("got %+v, want %+v", again, got)
	}
	// Equal data without a key is another respondent.
	var other respondentDoc
	w.into(&other, 201, "POST", "/v1/respondents", body)
	if other.ID == got.ID || other.Duplicate {
		t.Errorf("equal data: got %+v, want a new respondent", other)
	}
	var k struct {
		ID, Respondents int
		Name            string
	}
	w.into(&k, 200, "GET", "/v1/campaigns/5000", "")
	if k.ID != 5000 || k.Respondents != 2 || k.Name != "" {
		t.Errorf("got campaign %+v, want one with two respondents", k)
	}
	for _, c := range []struct{ query, want string }{
		{"campaignId=5000", "2"}, {"campaignId=5001", "0"}, {"text=s%C3%98ren", "2"}, {"text=%25", "0"}, {"emailAddress=soren@example.com", "2"},
		{"phoneNumber=%2B4512345678", "2"}, {"phoneNumber=0045%2012345678", "2"}, {"doNotContact=false", "0"}, {"integration=none", "2"}, {"integration=dixa", "0"},
		{"state=held", "0"},
	} {
		var list page[respondentDoc]
		w.into(&list, 200, "GET", "/v1/respondents?"+c.query, "")
		if fmt.Sprint(len(list.Data)) != c.want {
			t.Errorf("%s: got %d, want %s", c.query, len(list.Data), c.want)
		}
	}
	w.refused(400, "GET", "/v1/respondents?state=lost", "")
	w.refused(403, "POST", "/v1/respondents", body, "Authorization", "Bearer "+w.key(access.ScopeManage))
	w.refused(403, "GET", "/v1/respondents", "", "Authorization", "Bearer "+w.key(access.ScopePublish))
	w.refused(415, "POST", "/v1/respondents", body, "Content-Type", "text/plain")
	if got := w.refused(422, "POST", "/v1/respondents", `{"campaignId":1,"respondent":{"company":1},"doNotContact":"no"}`).fields(); got != "respondent.company doNotContact" {
		t.Errorf("got %q", got)
	}
	w.refused(413, "POST", "/v1/respondents", `{"campaignId":1,"respondent":{},"note":"`+strings.Repeat("x", 256<<10)+`"}`)
}

func TestRespondentIsAddedOnce(t *testing.T) {
	w := newWorld(t)
	const body, other = `{"campaignId":1,"respondent":{"firstName":"A"}}`, `{"campaignId":1,"respondent":{"firstName":"B"}}`
	const own, otherOwn = `{"campaignId":1,"id":"k","respondent":{"firstName":"A"}}`, `{"campaignId":1,"id":"k","respondent":{"firstName":"B"}}`
	for _, c := range []struct {
		body, key string
		status    int
		duplicate bool
	}{
		{body, "k", 201, false}, {body, "k", 201, true}, {other, "k", 409, false}, {body, "k2", 201, false},
		{own, "", 201, false}, {own, "", 201, true}, {otherOwn, "", 409, false}, {own, "k3", 201, false},
	} {
		a := w.do("POST", "/v1/respondents", c.body, "Idempotency-Key", c.key)
		var got respondentDoc
		_ = json.Unmarshal(a.body, &got)
		if a.status != c.status || got.Duplicate != c.duplicate {
			t.Errorf("%s with key %q: got %d %s, want %d, duplicate %t", c.body, c.key, a.status, a.body, c.status, c.duplicate)
		}
	}
	var list page[respondentDoc]
	w.into(&list, 200, "GET", "/v1/respondents", "")
	if len(list.Data) != 4 {
		t.Errorf("got %d respondents, want 4", len(list.Data))
	}
}

func TestCampaigns(t *testing.T) {
	w := newWorld(t)
	type doc struct {
		ID          int
		Name        string
		Respondents int
	}
	var k doc
	w.into(&k, 201, "POST", "/v1/campaigns", `{"id":7,"name":"Spring"}`)
	w.refused(409, "POST", "/v1/campaigns", `{"id":7}`)
	for body, want := range map[string]string{`{"id":0}`: "id", `{"id":9007199254740992}`: "id", `{}`: "id", `{"id":8,"nam":1}`: "nam", `{"id":8,"name":"` + strings.Repeat("x", 201) + `"}`: "name"} {
		if got := w.refused(422, "POST", "/v1/campaigns", body).fields(); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
	w.into(&k, 200, "PATCH", "/v1/campaigns/7", `{"name":"Summer"}`)
	if k.Name != "Summer" {
		t.Errorf("got %+v", k)
	}
	var r respondentDoc
	w.into(&r, 201, "POST", "/v1/respondents", `{"campaignId":7,"respondent":{}}`)
	w.into(nil, 201, "POST", "/v1/respondents", `{"campaignId":6,"respondent":{}}`)
	var list page[doc]
	w.into(&list, 200, "GET", "/v1/campaigns?limit=1", "")
	if len(list.Data) != 1 || list.Data[0] != (doc{6, "", 1}) || list.NextCursor == nil {
		t.Fatalf("got %+v", list)
	}
	w.into(&list, 200, "GET", "/v1/campaigns?limit=1&cursor="+*list.NextCursor, "")
	if len(list.Data) != 1 || list.Data[0] != (doc{7, "Summer", 1}) || list.NextCursor != nil {
		t.Errorf("got %+v", list)
	}
	// Nothing of it is another tenant's.
	other := []string{"Authorization", "Bearer " + w.otherKey()}
	w.refused(404, "GET", "/v1/campaigns/7", "", other...)
	w.refused(404, "PATCH", "/v1/campaigns/7", `{"name":"x"}`, other...)
	w.refused(404, "DELETE", "/v1/campaigns/7", "", other...)
	w.refused(404, "GET", "/v1/respondents/"+r.ID, "", other...)
	w.refused(404, "DELETE", "/v1/respondents/"+r.ID, "", other...)
	w.refused(404, "GET", "/v1/campaigns/x", "")
	w.into(nil, 204, "DELETE", "/v1/campaigns/7", "")
	w.refused(404, "GET", "/v1/campaigns/7", "")
	w.refused(404, "GET", "/v1/respondents/"+r.ID, "")
	w.refused(404, "DELETE", "/v1/campaigns/7", "")
}

func TestRespondentsAreErased(t *testing.T) {
	w := newWorld(t)
	send := func(email, phone string) (r respondentDoc) {
		w.into(&r, 201, "POST", "/v1/respondents", `{"campaignId":1,"respondent":{"emailAddress":"`+email+`","phoneNumber":"`+phone+`","firstName":"Unmistakable"}}`)
		return r
	}
	a, b, c, d := send("a@example.com", ""), send("A@example.com", "+4511111111"), send("c@example.com", "+45 11111111"), send("d@example.com", "")
	w.into(nil, 204, "DELETE", "/v1/respondents/"+a.ID, "")
	w.refused(404, "DELETE", "/v1/respondents/"+a.ID, "")
	w.refused(404, "GET", "/v1/respondents/"+a.ID, "")
	var erased struct{ Erased int }
	w.into(&erased, 200, "POST", "/v1/respondents/erase", `{"emailAddress":"a@EXAMPLE.com","phoneNumber":"+4511111111"}`)
	if erased.Erased != 2 {
		t.Errorf("got %d erased, want %s and %s", erased.Erased, b.ID, c.ID)
	}
	w.refused(422, "POST", "/v1/respondents/erase", `{}`)
	w.into(nil, 200, "GET", "/v1/respondents/"+d.ID, "")
	w.into(nil, 204, "DELETE", "/v1/respondents/"+d.ID, "")
	// Nothing is left in the files either.
	files, err := filepath.Glob(filepath.Join(w.dir, "gate.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got files %v, %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "Unmistakable") {
			t.Errorf("%s still holds the name of somebody who was erased", filepath.Base(f))
		}
	}
}

func TestExportIsSafe(t *testing.T) {
	w := newWorld(t)
	cells := [][2]string{ // as received, and as exported
		{`=1+1`, `'=1+1`}, {`+1`, `'+1`}, {`-1`, `'-1`}, {`@SUM(A1)`, `'@SUM(A1)`}, {"\tx", "'\tx"}, {"\rx", "'\rx"}, {"\nx", "'\nx"},
		{`a "quoted", cell`, `a "quoted", cell`}, {"two\nlines", "two\nlines"}, {"Ål ;x", "Ål ;x"}, {"", ""}, {"a-b=c@d", "a-b=c@d"},
		// What begins a cell where semicolons divide them, or after blanks.
		{"a;=1+1", "a;'=1+1"}, {"a\n=1+1;", "a\n'=1+1;"}, {"a\t@x", "a\t'@x"}, {"\r\n-1", "'\n'-1"}, {" =1+1", " '=1+1"}, {"; \"+1", "; \"'+1"}, {"＝1+1", "'＝1+1"},
		// Markup, formulas and control characters.
		{`<script>alert(1)</script>`, `<script>alert(1)</script>`}, {`"><img src=x onerror=alert(1)>`, `"><img src=x onerror=alert(1)>`},
		{`</textarea><svg onload=alert(1)>`, `</textarea><svg onload=alert(1)>`}, {`{{constructor.constructor('alert(1)')()}}`, `{{constructor.constructor('alert(1)')()}}`},
		{`=HYPERLINK("https://e/?"&A1)`, `'=HYPERLINK("https://e/?"&A1)`}, {`@SUM(1)`, `'@SUM(1)`}, {"\x1b]0;owned\x07", "\x1b]0;owned\x07"},
		{"ok\n{\"level\":\"INFO\",\"msg\":\"forged\"}", "ok\n{\"level\":\"INFO\",\"msg\":\"forged\"}"},
	}
	for _, c := range cells {
		text, _ := json.Marshal(c[0])
		w.into(nil, 201, "POST", "/v1/respondents", fmt.Sprintf(`{"campaignId":5000,"respondent":{"firstName":%s,"company":{"name":%s}},"note":%s,"custom":{"a":[1.10]},"doNotContact":true}`, text, text, text))
	}
	a := w.do("GET", "/v1/respondents/export?campaignId=5000", "")
	if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") || !strings.Contains(a.header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("got %d %v", a.status, a.header)
	}
	lines, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
	if err != nil || len(lines) != len(cells)+1 {
		t.Fatalf("got %d lines, %v, want %d", len(lines), err, len(cells)+1)
	}
	custom := slices.Index(lines[0], "custom")
	for i, line := range lines[1:] {
		c := cells[len(cells)-1-i]
		for _, name := range []string{"respondent.firstName", "respondent.company.name", "note"} {
			at := slices.Index(lines[0], name)
			if at < 0 {
				t.Fatalf("got the columns %q, want %s among them", lines[0], name)
			}
			if got := line[at]; got != c[1] {
				t.Errorf("%s %q: got %q, want %q", name, c[0], got, c[1])
			}
		}
		if line[custom] != `{"a":[1.10]}` || line[custom-1] != "true" || line[1] != "5000" {
			t.Errorf("got %q", line)
		}
	}
	if a := w.do("GET", "/v1/respondents/export?campaignId=6", ""); a.status != 200 || strings.Count(string(a.body), "\n") != 1 {
		t.Errorf("nobody: got %d %s, want the line of names", a.status, a.body)
	}
	w.refused(400, "GET", "/v1/respondents/export?limit=5", "")
	w.refused(403, "GET", "/v1/respondents/export", "", "Authorization", "Bearer "+w.key(access.ScopePublish))
}

// TestExportIsBounded exports 100,000 respondents and looks at the memory meanwhile, fewer of them under the race detector.
func TestExportIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100,000 respondents")
	}
	n := 100_000
	if testenv.Race {
		n = 20_000
	}
	w := newWorld(t)
	w.fill(n)
	resp, err := http.DefaultClient.Do(w.request("GET", "/v1/respondents/export", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := csv.NewReader(resp.Body)
	in.ReuseRecord = true
	begun := time.Now()
	var top, low uint64
	for lines := 0; ; lines++ {
		_, err := in.Read()
		if err == io.EOF {
			if lines != n+1 {
				t.Errorf("got %d lines, want %d", lines, n+1)
			}
			break
		}
		if err != nil {
			t.Fatalf("after %d lines: %v", lines, err)
		}
		if lines%10_000 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if top = max(top, m.HeapAlloc); low == 0 {
				low = m.HeapAlloc
			}
		}
	}
	// The whole list takes 60 MB; a page of it less than 1.
	if grown := int64(top) - int64(low); grown > 12<<20 {
		t.Errorf("memory grew by %d KiB while %d respondents were exported, want it to stay", grown>>10, n)
	}
	t.Logf("%d respondents in %v", n, time.Since(begun).Round(time.Millisecond))
}
