package api_test

import "testing"

// TestRowsByTheAPI: rows come as objects, as lines and as a table, and are checked before anything is stored.
func TestRowsByTheAPI(t *testing.T) {
	w := newWorld(t)
	anAudience(w)
	w.into(nil, 204, "POST", "/v1/audiences/101/members", `{"rows":[{"profileId":"p1","partnerIds":{"2001":["a"]}}]}`)
	if a := w.do("POST", "/v1/audiences/101/members", `{"rows":[{"profileId":"p2"},{"id":"p3"}]}`); a.status != 422 {
		t.Errorf("a row that is wrong: got %d %s", a.status, a.body)
	}
	id := w.made("/v1/audiences/101/imports", `{"mode":"replace"}`, "id")
	for _, body := range []string{
		`{"rows":[{"profileId":"p4","consent":{"news":{"state":"granted"}}},{"profileId":""}]}`,
		`{"line":3,"text":"{\"profileId\":\"p5\"}\n"}`,
		`{"line":4,"format":"csv","text":"who,points\np6,7.5\n","mapping":{"who":"profileId","points":"variables.points:number"}}`,
	} {
		w.into(nil, 204, "POST", "/v1/audiences/101/imports/"+id+"/rows", body)
	}
	var got struct{ Rows, Rejected, Added, Removed, Unchanged int }
	w.into(&got, 200, "GET", "/v1/audiences/101/imports/"+id, "")
	if got.Rows != 4 || got.Rejected != 1 || got.Added != 3 || got.Removed != 1 || got.Unchanged != 0 {
		t.Errorf("got %+v", got)
	}
	if a := w.do("POST", "/v1/audiences/101/imports/"+id+"/start", `{}`); a.status != 409 {
		t.Errorf("it removes all: got %d %s", a.status, a.body)
	}
}
