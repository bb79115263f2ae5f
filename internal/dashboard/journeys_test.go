package dashboard_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
)

// voyage has a step of each kind. SLY and CON are put into it.
const voyage = `name: SLY
profile: event.data.customer
entry: {event: customer.created, where: "event.data.country == 'DK'", reentry: always}
exit:
  - {event: customer.deleted}
  - {when: "profile.consent.newsletter == 'denied'"}
settings: {timeZone: Europe/Copenhagen, quietHours: {from: "02:00", until: "02:01"}, cap: {count: 3, per: 24h}}
steps:
  - {name: due, wait: {untilField: entry.data.dueAt}}
  - name: country_of_the_customer_by_its_language
    branch:
      cases:
        - when: "entry.data.language == '<img src=x onerror=1>' || entry.data.language == 'a language with quite a long name'"
          steps:
            - {name: greet, send: {connection: CON, externalId: SUMMER, onRejected: end}}
            - name: half
              split:
                percent: 30
                steps: [{name: list, audience: {add: 103}}, {name: over, end: }]
        - when: "true"
          steps: [{name: only, filter: {when: "true"}}]
  - name: order
    until:
      event: order.created
      timeout: 3d
      onTimeout: [{name: morning, wait: {until: "09:00"}}]
  - {name: rest, wait: {for: 7d}}
`

// journeys makes journeys with profiles in each state, beside what partners has made, and returns their pages.
func (s *server) journeys(con string) map[string]string {
	s.t.Helper()
	ctx := s.t.Context()
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	document := strings.NewReplacer("SLY", fmt.Sprintf("%q", sly+strings.Repeat(" Wörter ohne Ende", 4)), "CON", con).Replace(voyage)
	_, err := s.api.CreateJourney(ctx, client.CreateJourney{Number: 201, Document: document})
	must(err)
	_, err = s.api.CreateJourney(ctx, client.CreateJourney{Number: 202, Mode: client.Set("paused"), Document: "name: Nobody\nprofile: event.key\nentry: {event: customer.created}\nsteps: [{name: rest, wait: {for: 1h}}]\n"})
	must(err)
	enter := func(customer, due, language string) {
		_, err := s.api.Publish(ctx, client.NewEvent{Type: "customer.created", Data: map[string]any{"customer": customer, "country": "DK", "dueAt": due, "language": language}})
		must(err)
	}
	enter("p040", "2020-01-01", "a language with quite a long name") // is sent, and perhaps done
	enter("p001", "no time at all", "da")                            // fails
	enter(sly+"/?#", "2020-01-01", "da")                             // waits for an order
	s.stand(201, 3, "failed:1")
	_, err = s.api.UpdateJourney(ctx, "201", client.UpdateJourney{Document: client.Set(strings.ReplaceAll(document, "name: order", "name: purchase"))})
	must(err)
	for i := range 30 {
		enter(fmt.Sprintf("p%03d", i), "2020-01-01", "da")
	}
	s.stand(201, 33, "")
	run := func(profile string, state string) string {
		page, err := s.api.ListEnrolmentsPage(ctx, "201", client.ListEnrolmentsParams{ProfileID: profile, State: state, Limit: 1})
		if err != nil || len(page.Data) == 0 {
			s.t.Fatalf("no run of %s is %s: %v", profile, state, err)
		}
		return "/journeys/201/enrolments/" + page.Data[0].ID
	}
	return map[string]string{
		"journeys": "/journeys", "journeys-none": "/journeys?q=nothing", "journey": "/journeys/201", "journey-first": "/journeys/201?version=1&state=failed", "journey-paused": "/journeys/202",
		"journey-edit": "/journeys/201/edit", "journey-try": "/journeys/201/dry-run", "journey-move": "/journeys/201/move", "journey-stop": "/journeys/201/stop", "journey-delete": "/journeys/201/delete",
		"run": run("p020", "waiting"), "run-failed": run("p001", "failed"), "run-hostile": run(sly+"/?#", ""), "run-sent": run("p040", ""),
	}
}

// stand waits until a journey has let in a number of profiles and none of them has a step that is due, and until as many are in
// a state: "failed:1".
func (s *server) stand(number, entered int64, state string) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		j, err := s.api.GetJourney(s.t.Context(), fmt.Sprint(number))
		if err != nil {
			s.t.Fatal(err)
		}
		all, moving := int64(j.Done+j.Exited), false
		has := state == ""
		for _, p := range j.Places {
			all += int64(p.Count)
			moving = moving || p.State == "running"
			has = has || fmt.Sprintf("%s:%d", p.State, p.Count) == state
		}
		if all == entered && !moving && has {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the journey has %+v", j)
		}
	}
}

// TestWalkJourneys goes with a journey from the example to a profile that takes its steps, in a browser.
func TestWalkJourneys(t *testing.T) {
	s, p := startServer(t), newPlatform(t)
	_, err := s.api.CreateConnector(t.Context(), client.CreateConnector{Document: bonuskort})
	if err == nil {
		_, err = s.api.UpdateConnector(t.Context(), "bonuskort", client.UpdateConnector{Version: "1.0.0", State: client.Set("live")})
	}
	if err == nil {
		_, err = s.api.CreateConnection(t.Context(), client.CreateConnection{Connector: "bonuskort", Name: client.Set("Bonuskort, Denmark"), Fields: client.Set(map[string]string{"url": p.URL, "key": platformKey})})
	}
	if err == nil {
		_, err = s.api.PutProfile(t.Context(), "ann", client.PutProfile{PartnerIDs: client.Set(map[string][]string{"2001": {"m-ann"}})})
	}
	if err != nil {
		t.Fatal(err)
	}
	b := openTab(t, s.URL())
	b.expect("422")
	s.signIn(b)

	// From the example: mistakes are told at their line, and the steps are drawn while one types.
	b.press("Journeys")
	b.see("Create your first journey")
	b.press("Start from the example")
	b.see("No mistake")
	b.until(`[...document.querySelectorAll("#findings .flow .node b")].map((e) => e.innerText).join() === "Entry,greet,order,morning,remind,rest,End"`)
	b.see("send by Bonuskort, Denmark to WELCOME")
	example := b.text(`document.querySelector("#document").value`)
	b.write("#document", strings.Replace(example, "timeout: 3d", "timeot: 3d", 1))
	b.see(`did you mean "timeout"?`)
	line := strings.Count(example[:strings.Index(example, "timeout: 3d")], "\n") + 1
	b.click(fmt.Sprintf("[data-line='%d']", line))
	b.until(fmt.Sprintf(`document.activeElement.id === "document" && document.activeElement.value.slice(0, document.activeElement.selectionStart).split("\n").length === %d`, line))
	b.write("#document", strings.Replace(example, "name: rest", "name: calm", 1))
	b.until(`[...document.querySelectorAll("#findings .flow .node b")].some((e) => e.innerText === "calm")`)

	// Walked through: without an order it is reminded, with one it is not. Nothing is sent.
	b.press("Walk through")
	b.until(`[...document.querySelectorAll("#walked .trail strong")].map((e) => e.innerText).join() === "Entry,greet,order,morning,remind,calm"`)
	b.see("It came to the end of the journey.")
	b.write("#events", b.text(`document.querySelector("#events").value`)+"- {at: 1h, type: order.created, data: {customer: p1}}\n- {at: 2h, type: customer.deleted, data: {customer: p1}}\n")
	b.press("Walk through")
	b.until(`[...document.querySelectorAll("#walked .trail strong")].map((e) => e.innerText).join() === "Entry,greet,order,Exit"`)
	b.write("#events", "- {at: soon}")
	b.press("Walk through")
	b.see("Line 1, column 8: [0].at must be a time such as")
	p.has(t, "WELCOME", 0)

	// Published, a profile enters by an event: it is counted where it stands, and sent.
	b.press("Publish")
	b.see("Nobody has entered yet")
	b.pill("live")
	if _, err := s.api.Publish(t.Context(), client.NewEvent{Type: "customer.created", Data: map[string]any{"customer": "ann"}}); err != nil {
		t.Fatal(err)
	}
	p.has(t, "WELCOME", 1)
	b.until(`document.querySelector('.flow a[href*="step=order"] .pill')?.innerText.startsWith("1")`) // by itself
	b.click(`.flow a[href*="step=order"]`)
	b.see("In the step order")
	b.press("ann")
	b.see("It waits for the event order.created.")
	b.pill("delivered") // by itself
	b.press("See the request")
	b.until(`location.pathname.includes("/log/att_")`)
	b.see("/segments/WELCOME/add")
	b.open("/t/default/profiles/ann")
	b.press("Welcome")
	b.see("Steps taken")

	// Paused and resumed.
	b.press("Journeys")
	b.press("Welcome")
	b.press("Pause")
	b.see("Nobody goes on, and who enters waits.")
	b.pill("paused")
	b.press("Resume")
	b.pill("live")
}

// asked sends a form and returns what came of it.
func (s *server) asked(c *http.Client, path string, form url.Values) (status int, to, page string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL()+"/t/default"+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Origin", s.URL())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := c.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, strings.TrimPrefix(res.Header.Get("Location"), "/t/default"), string(body)
}

// TestJourneyForms sends the forms of journeys: those of somebody who was overtaken, those that must choose something first,
// and the life of a journey to its end.
func TestJourneyForms(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.person()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	want := func(path string, form url.Values, status int, to, words string) {
		t.Helper()
		gotStatus, gotTo, page := s.asked(c, path, form)
		if gotStatus != status || gotTo != to || !strings.Contains(page, words) {
			t.Fatalf("POST %s %v: got %d to %q, want %d to %q with %q in\n%s", path, form, gotStatus, gotTo, status, to, words, page)
		}
	}
	first := "name: First\nprofile: event.key\nentry: {event: go}\nsteps:\n  - {name: due, wait: {untilField: profile.variables.at}}\n  - {name: rest, wait: {for: 1h}}\n"
	want("/journeys/new", url.Values{"number": {"x"}, "document": {first}}, 422, "", "must be a whole number")
	want("/journeys/new", url.Values{"number": {"201"}, "document": {"name: First"}}, 422, "", "must be given")
	want("/journeys/new", url.Values{"number": {"201"}, "document": {first}, "mode": {"live"}}, 303, "/journeys/201", "")
	want("/journeys/new", url.Values{"number": {"201"}, "document": {first}, "mode": {"live"}}, 409, "", "number-wrong")
	want("/journeys/check", url.Values{"document": {"name: ["}}, 200, "", "cannot be read")

	// At the limit of the plan there is no other, but the one that is there can be changed.
	limit := func(l client.Opt[client.LimitFields]) {
		t.Helper()
		if _, err := s.api.UpdateTenant(t.Context(), "default", client.UpdateTenant{Limits: l}); err != nil {
			t.Fatal(err)
		}
	}
	limit(client.Set(client.LimitFields{Journeys: client.Set(1)}))
	want("/journeys/new", url.Values{"number": {"202"}, "document": {first}, "mode": {"live"}}, 403, "", "journeys")
	if html := s.page(c, "/t/default/journeys"); !strings.Contains(html, "All journeys of the plan are used.") || strings.Contains(html, "/journeys/new") {
		t.Errorf("at the limit of the plan the list has\n%s", html)
	}
	limit(client.Null[client.LimitFields]())

	// Two fail, of which one is retried by itself and one with all others.
	for _, key := range []string{"a", "b"} {
		if _, err := s.api.PutProfile(t.Context(), key, client.PutProfile{Variables: map[string]any{"at": "never"}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.api.Publish(t.Context(), client.NewEvent{Type: "go", Key: key, Data: map[string]any{}}); err != nil {
			t.Fatal(err)
		}
	}
	s.stand(201, 2, "failed:2")
	page, err := s.api.ListEnrolmentsPage(t.Context(), "201", client.ListEnrolmentsParams{})
	if err != nil {
		t.Fatal(err)
	}
	run := "/journeys/201/enrolments/" + page.Data[0].ID
	if html := s.page(c, "/t/default"+run); !strings.Contains(html, "The step could not be taken: ") || !strings.Contains(html, "Retry") {
		t.Errorf("the page of a run that failed has\n%s", html)
	}
	for _, key := range []string{"a", "b"} {
		if _, err := s.api.PutProfile(t.Context(), key, client.PutProfile{Variables: map[string]any{"at": "2020-01-01"}}); err != nil {
			t.Fatal(err)
		}
	}
	want(run+"/retry", url.Values{}, 303, run, "")
	s.stand(201, 2, "waiting:1")
	want(run+"/retry", url.Values{}, 409, "", "only those that failed are retried")
	want("/journeys/201/retry", url.Values{}, 303, "/journeys/201?retried=1", "")
	s.stand(201, 2, "waiting:2")

	// A version without the step in which they stand.
	second := strings.Replace(first, "name: rest", "name: calm", 1)
	want("/journeys/201/edit", url.Values{"was": {"1"}, "document": {second}}, 303, "/journeys/201", "")
	want("/journeys/201/edit", url.Values{"was": {"1"}, "document": {second}}, 409, "", "Somebody else has published a version")
	want("/journeys/201/move", url.Values{}, 422, "", "Say where they go on.")
	want("/journeys/201/move", url.Values{"to-rest": {"nowhere"}}, 422, "", "Say where they go on.")
	want("/journeys/201/move", url.Values{"to-rest": {"calm"}}, 303, "/journeys/201?moved=2", "")
	want("/journeys/201/dry-run", url.Values{"profileId": {"a"}, "start": {"2026-12-01T10:00"}, "variables": {`{"at": "2026-12-01"}`}}, 200, "", "It came to the end of the journey.")
	want("/journeys/201/dry-run", url.Values{"profileId": {"a"}, "start": {"?"}, "variables": {`[]`}, "refused": {"calm"}, "audiences": {"x"}}, 422, "", "must be a JSON object")
	want("/journeys/201/dry-run", url.Values{"profileId": {"a"}, "start": {"2026-12-01T10:00"}, "events": {"- {type: go, key: b}"}}, 200, "", "The profile does not enter")

	// Its life.
	want("/journeys/201/mode", url.Values{"mode": {"paused"}}, 303, "/journeys/201", "")
	want("/journeys/201/mode", url.Values{"mode": {"live"}}, 422, "", "what becomes of waits")
	want("/journeys/201/mode", url.Values{"mode": {"live"}, "resume": {"catchUp"}}, 303, "/journeys/201", "")
	want("/journeys/201/mode", url.Values{"mode": {"draining"}}, 303, "/journeys/201", "")
	want("/journeys/201/delete", url.Values{"number": {"201"}}, 422, "", "stop the journey first")
	want("/journeys/201/mode", url.Values{"mode": {"stopped"}}, 303, "/journeys/201/stop", "")
	if html := s.page(c, "/t/default/journeys/201/stop"); !strings.Contains(html, "2 profiles") {
		t.Errorf("before it is stopped, the page has\n%s", html)
	}
	want("/journeys/201/mode", url.Values{"mode": {"stopped"}, "sure": {"1"}}, 303, "/journeys/201", "")
	s.stand(201, 2, "")
	want("/journeys/201/delete", url.Values{"number": {"201"}}, 303, "/journeys", "")
}
