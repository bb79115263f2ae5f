package api_test

import (
	"strings"
	"testing"
)

// TestJourneys: a journey is tried in virtual time, made, entered, published anew, moved and stopped.
func TestJourneys(t *testing.T) {
	w := newWorld(t)
	con := aConnection(w)
	document := `name: Welcome\nprofile: event.data.who\nentry: {event: customer.created}\nsteps:\n  - {name: pause, wait: {for: 1h}}\n  - {name: greet, send: {connection: ` + con + `, data: {n: \"${profile.variables.n}\"}}}\n`
	type step struct{ At, Step, Kind, Words string }
	var dry struct {
		Runs []struct {
			State string
			Steps []step
			Sends []struct {
				At, Step, State string
				Payload         struct {
					Relay42AudienceNumber int64
					ProfileID             string
					Data                  map[string]any
				}
			}
		}
	}
	w.into(&dry, 200, "POST", "/v1/journeys/dry-run", `{"number":201,"document":"`+document+`","profile":{"profileId":"p","variables":{"n":7}},"events":[{"at":"2026-01-01T10:00:00Z","type":"customer.created","data":{"who":"p"}}]}`)
	if len(dry.Runs) != 1 || dry.Runs[0].State != "done" || len(dry.Runs[0].Steps) != 3 || dry.Runs[0].Steps[1].At != "2026-01-01T11:00:00.000Z" {
		t.Fatalf("got %+v", dry)
	}
	if s := dry.Runs[0].Sends[0]; s.At != "2026-01-01T11:00:00.000Z" || s.State != "delivered" || s.Payload.ProfileID != "p" || s.Payload.Relay42AudienceNumber != 201 || s.Payload.Data["n"] != 7.0 {
		t.Errorf("got %+v", s)
	}
	for body, want := range map[string]string{
		`{"profile":{"profileId":"p"},"events":[]}`:                                                                                        "404",
		`{"document":"` + document + `","profile":{"profileId":"p"},"events":[]}`:                                                          "events must be 1 to 1000",
		`{"document":"` + document + `","profile":{"profileId":""},"events":[{"at":"2026-01-01T10:00:00Z","type":"x"}]}`:                   "profileId",
		`{"document":"` + document + `","profile":{"profileId":"p"},"outcomes":{"greet":"lost"},"events":[{"at":"2026-01-01T10:00:00Z"}]}`: "outcomes.greet must be delivered, rejected or skipped",
		`{"document":"name: n","profile":{"profileId":"p"},"events":[{"at":"2026-01-01T10:00:00Z"}]}`:                                      "document.entry must be given (line 1, column 1)",
	} {
		a := w.do("POST", "/v1/journeys/dry-run", body)
		if text := string(a.body); a.status != 422 && a.status != 404 || !strings.Contains(strings.ReplaceAll(text, `","reason":"`, " "), want) {
			t.Errorf("%s: got %d %s, want %s", body, a.status, text, want)
		}
	}

	var made struct {
		Number   int64
		Name     string
		Mode     string
		Version  int
		Document string
		Versions []struct{ Version int }
		Places   []struct {
			Version     int
			Step, State string
			Count       int64
		}
		Exited int64
	}
	w.into(&made, 201, "POST", "/v1/journeys", `{"number":201,"document":"`+document+`"}`)
	if made.Name != "Welcome" || made.Mode != "live" || made.Version != 1 || !strings.Contains(made.Document, "pause") {
		t.Errorf("got %+v", made)
	}
	if a := w.do("POST", "/v1/audiences", `{"number":201,"name":"a"}`); a.status != 422 {
		t.Errorf("an audience of the same number: got %d %s", a.status, a.body)
	}
	w.into(nil, 202, "POST", "/v1/events", `{"type":"customer.created","data":{"who":"p"}}`)
	var list page[struct{ ID, ProfileID, State, Step, Entry string }]
	eventually(t, "the profile is in", func() bool {
		w.into(&list, 200, "GET", "/v1/journeys/201/enrolments?profileId=p", "")
		return len(list.Data) == 1
	})
	if e := list.Data[0]; e.Step != "pause" || !strings.HasPrefix(e.Entry, "evt_") {
		t.Errorf("got %+v", e)
	}
	var one struct {
		State string
		Steps []step
		Words string
	}
	w.into(&one, 200, "GET", "/v1/journeys/201/enrolments/"+list.Data[0].ID, "")
	if len(one.Steps) != 1 || one.Steps[0].Kind != "enter" {
		t.Errorf("got %+v", one)
	}
	w.into(&made, 200, "PATCH", "/v1/journeys/201", `{"document":"`+strings.ReplaceAll(document, "pause", "rest")+`"}`)
	if made.Version != 2 || len(made.Versions) != 2 || made.Places[0].Version != 1 || made.Places[0].Count != 1 {
		t.Errorf("got %+v", made)
	}
	if a := w.do("POST", "/v1/journeys/201/move", `{}`); a.status != 422 || !strings.Contains(string(a.body), "steps.pause") {
		t.Errorf("got %d %s", a.status, a.body)
	}
	var move struct {
		Version int
		Moved   int64
		Places  []struct{ Step, To string }
	}
	w.into(&move, 200, "POST", "/v1/journeys/201/move", `{"steps":{"pause":"rest"},"preview":true}`)
	if move.Moved != 0 || move.Version != 2 || move.Places[0].To != "rest" {
		t.Errorf("got %+v", move)
	}
	w.into(&move, 200, "POST", "/v1/journeys/201/move", `{"steps":{"pause":"rest"}}`)
	if move.Moved != 1 {
		t.Errorf("got %+v", move)
	}
	w.into(&made, 200, "PATCH", "/v1/journeys/201", `{"mode":"paused"}`)
	if a := w.do("PATCH", "/v1/journeys/201", `{"mode":"live"}`); a.status != 422 || !strings.Contains(string(a.body), "resume") {
		t.Errorf("got %d %s", a.status, a.body)
	}
	w.into(&made, 200, "PATCH", "/v1/journeys/201", `{"mode":"live","resume":"shift"}`)
	if a := w.do("DELETE", "/v1/journeys/201", ""); a.status != 409 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	w.into(&made, 200, "PATCH", "/v1/journeys/201", `{"mode":"stopped"}`)
	if made.Exited != 1 || len(made.Places) != 0 {
		t.Errorf("got %+v", made)
	}
	w.into(&one, 200, "GET", "/v1/journeys/201/enrolments/"+list.Data[0].ID, "")
	if one.State != "exited" || one.Words != "the journey was stopped" {
		t.Errorf("got %+v", one)
	}
	w.into(nil, 204, "DELETE", "/v1/journeys/201", "")
}
