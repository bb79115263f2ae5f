package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/logview"
	"github.com/relay-events/relay/internal/passkey"
	"github.com/relay-events/relay/internal/portal"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/webhook"
)

// canary is a text that is in all data of the tenant that Erase erases.
const canary = "canary-4f1c9e"

// Erase fills a store with data of two tenants, erases the second, and wants those of the first untouched. remains looks
// for what is left of a text or of a tenant in the store's files and tables, and describes what it finds.
func Erase(t *testing.T, s Backend, remains func(text string, tenant event.TenantID) []string) {
	const own, other event.TenantID = 2, 1
	at := time.Now().UTC().Truncate(time.Millisecond)
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	// Events of both in the same commits, small and large, so that they share blocks.
	for i := range 40 {
		pubs := []*ingest.Publication{
			Publication(Event(fmt.Sprint("other", i), "a.b", fmt.Sprintf(`{"n":%d}`, i))),
			{Tenant: own, Items: []ingest.Item{Event(fmt.Sprint(canary, i), canary, fmt.Sprintf(`"%s %0*d"`, canary, i*400, i)), Event("", "c.d", `"`+canary+`"`)}},
		}
		MustAppend(t, s, pubs...)
	}
	attempts := MakeAttempts(at, 1000)
	for _, a := range attempts {
		if a.Tenant == own {
			a.EventType, a.EventName = canary, canary
			a.Request.URL, a.Error = "https://"+canary+".example.com", canary
			if a.Response != nil {
				a.Response.Body = []byte(canary)
			}
		}
	}
	for part := range slices.Chunk(attempts, 100) {
		check("recording", s.Record(ctx, &delivery.Record{Attempts: part}))
	}
	owed := delivery.Owed{Tenant: own, Event: event.FirstID(at), Webhook: 4, Due: at, Since: at, Reason: delivery.ReasonRetry}
	check("owing", s.Record(ctx, &delivery.Record{Owe: []delivery.Owed{owed}}))

	for _, tenant := range []event.TenantID{other, own} {
		word := map[event.TenantID]string{own: canary, other: "other"}[tenant]
		entry := &access.Entry{Tenant: tenant, At: at, Action: "test." + word, Actor: access.Actor{Kind: access.ActorKey, Name: word}, After: []byte(`"` + word + `"`)}
		check("a key", s.KeyCreate(ctx, account.Key{ID: "key_" + word, Tenant: tenant, Name: word, Hash: account.HashKey(word), CreatedAt: at}, entry))
		_, _, err := s.RateDay(ctx, tenant, 20000, 1, 1, 10)
		check("a rate", err)
		check("its use", s.KeyUsed(ctx, []account.KeyUse{{Key: "key_" + word, Tenant: tenant, At: at, Address: word}}))
		w := &webhook.Webhook{ID: "wh_" + word, Tenant: tenant, Settings: webhook.Default(), Status: webhook.Active, CreatedAt: at, UpdatedAt: at}
		w.Description = word
		_, err = s.WebhookCreate(ctx, w, nil, nil)
		check("a webhook", err)
		check("a type", s.CatalogueChange(ctx, catalogue.RecordChange{Tenant: tenant, Put: []catalogue.Record{{Tenant: tenant, Kind: "type", Name: word, Version: "1", Body: []byte(`"` + word + `"`)}}}))
		check("a record", s.RecordChange(ctx, "test", []*registry.Record{{Tenant: tenant, Kind: "test", Name: word, Body: []byte(`"` + word + `"`)}}, nil, nil))
		check("the gate", s.GatePut(ctx, tenant, []byte(`{"url":"`+word+`"}`), entry))
		_, err = s.CampaignCreate(ctx, gate.Campaign{Tenant: tenant, ID: 7, Name: word, CreatedAt: at, UpdatedAt: at}, entry)
		check("a campaign", err)
		check("a respondent", s.RespondentWrite(ctx, []*gate.Change{{Add: &gate.Respondent{Tenant: tenant, Campaign: 7, State: gate.Stored, Payload: []byte(`{"n":"` + word + `"}`), CreatedAt: at, DecidedAt: at}}}))
		_, err = s.AnswerBegin(ctx, account.Answer{Key: account.AnswerKey(word, tenant, word), Tenant: tenant, At: at}, at.Add(-time.Hour), at.Add(-time.Hour))
		check("an answer", err)
		link := &portal.Link{ID: "pl_" + word, Hash: portal.HashToken(word), Tenant: tenant, Session: word, Grant: portal.Grant{User: portal.User{Name: word}}, CreatedAt: at, ExpiresAt: at.Add(time.Hour)}
		check("a portal link", s.PortalLinkCreate(ctx, link, nil, entry))
		check("a portal session", s.PortalOpen(ctx, &portal.Session{ID: "ps_" + word, Hash: portal.HashToken("s" + word), Tenant: tenant, Link: link.ID, Session: word, Grant: link.Grant, CreatedAt: at, ExpiresAt: at.Add(time.Hour)}, 9, entry))
		view := logview.View{ID: "view_" + word, Tenant: tenant, Name: word, Filter: logview.Filter{EventType: word}, By: word, At: at}
		check("a view of the log", s.LogViewAdd(ctx, &view, 9, nil))
		check("a job", s.JobPut(ctx, delivery.Job{ID: "job_" + word, Tenant: tenant, Kind: delivery.JobReplay, State: delivery.JobDone, Error: word, CreatedAt: at}, nil))
		for _, id := range []string{word, "both"} {
			u := user.User{ID: "usr_" + id, Tenant: tenant, Email: id + "@example.com", Name: word, Role: access.RoleAdmin, State: user.Invited, CreatedAt: at, Version: 1}
			l := user.Link{Hash: user.HashToken(word + id), Kind: user.Invitation, Person: u.ID, Tenant: tenant, CreatedAt: at, ExpiresAt: at.Add(time.Hour)}
			check("somebody", s.UserInvite(ctx, &u, &l, nil, entry))
			f := user.Factor{Person: u.ID, Secret: []byte(word), CreatedAt: at, ConfirmedAt: at}
			if err := s.FactorPut(ctx, f); errors.Is(err, user.ErrExists) {
				continue // somebody in both tenants
			}
			p, _, err := s.PersonGet(ctx, u.ID)
			check("a person", err)
			identity := user.Identity{Issuer: "https://id.example.com", Subject: word + id, Person: u.ID, Provider: word, CreatedAt: at, SeenAt: at}
			check("an identity", s.IdentityUse(ctx, user.IdentityUse{Identity: identity, Was: p.Password}, nil))
			check("a second factor", s.FactorConfirm(ctx, f, [][32]byte{user.HashToken(u.ID)}, "", nil))
			k := user.Passkey{ID: "psk_" + word + id, Person: u.ID, Name: word, Party: word, CreatedAt: at, Key: passkey.Key{Credential: []byte(word + id), Public: []byte(word)}}
			check("a passkey", s.PasskeyAdd(ctx, k, user.Challenge{Hash: user.HashToken("c" + u.ID), ExpiresAt: at.Add(time.Hour)}, 9, nil))
			check("a sign-in that waits", s.PendingPut(ctx, user.Pending{Hash: user.HashToken(u.ID), Person: u.ID, CreatedAt: at, ExpiresAt: at.Add(time.Hour)}, "", 9))
		}
	}

	list := func(tenant event.TenantID) []event.Event {
		t.Helper()
		var all []event.Event
		check("scanning", s.EventScan(ctx, tenant, 0, 1<<62, func(e *event.Event) bool { all = append(all, *e); return true }))
		return all
	}
	before := list(other)
	if len(remains(canary, own)) < 10 || len(list(own)) != 80 {
		t.Fatalf("the canary was found only in %q", remains(canary, own))
	}
	for range 2 { // again, as after an interruption
		check("erasing", s.TenantErase(ctx, own))
	}
	verify := func() {
		t.Helper()
		for _, left := range remains(canary, own) {
			t.Errorf("left: %s", left)
		}
		if got := list(own); len(got) != 0 {
			t.Errorf("got %d events of the erased tenant, such as %+v", len(got), got[0])
		}
		if got := list(other); !same(got, before) {
			t.Errorf("the other tenant has %d events, want %d as they were", len(got), len(before))
		}
		kept := slices.DeleteFunc(slices.Clone(attempts), func(a *delivery.Attempt) bool { return a.Tenant == own })
		checkGet(t, s, kept)
		checkOfEvent(t, s, kept)
		if got, _, err := s.AttemptList(ctx, delivery.LogQuery{Tenant: own, Limit: 250}); err != nil || len(got) != 0 {
			t.Errorf("got %d attempts of the erased tenant, %v", len(got), err)
		}
		if p, ok, err := s.PersonGet(ctx, "usr_both"); err != nil || !ok || len(p.Users) != 1 || p.Users[0].Tenant != other {
			t.Errorf("somebody in both tenants: got %+v, %t, %v, want them in the other", p, ok, err)
		}
		if _, ok, err := s.PersonGet(ctx, "usr_"+canary); ok || err != nil {
			t.Errorf("somebody of the tenant alone is still there, %v", err)
		}
		for id, want := range map[string]bool{"usr_both": true, "usr_other": true, "usr_" + canary: false} {
			f, ok, err := s.FactorGet(ctx, id)
			if ok != want || err != nil || ok && f.Codes != 1 {
				t.Errorf("the second factor of %s: got %+v, %t, %v, want it kept %t", id, f, ok, err, want)
			}
			if list, err := s.PasskeyList(ctx, id); len(list) > 0 != want || err != nil {
				t.Errorf("the passkeys of %s: got %+v, %v, want them kept %t", id, list, err, want)
			}
			if list, err := s.IdentityList(ctx, id); len(list) > 0 != want || err != nil {
				t.Errorf("the identities of %s: got %+v, %v, want them kept %t", id, list, err, want)
			}
			if _, ok, err := s.PendingGet(ctx, user.HashToken(id)); ok != want || err != nil {
				t.Errorf("a sign-in of %s that waits: got %t, %v, want it kept %t", id, ok, err, want)
			}
		}
		if len(remains("other", other)) < 10 {
			t.Errorf("of the other tenant there is only %q", remains("other", other))
		}
	}
	verify()
	s.Reopen(t)
	verify()
	MustAppend(t, s, Publication(Event("later", "a.b", `1`)))
	check("recording", s.Record(ctx, &delivery.Record{Attempts: MakeAttempts(time.Now(), 9)[:3]}))
}
