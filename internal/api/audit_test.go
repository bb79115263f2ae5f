package api_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/pquerna/otp/totp"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// auditedCall is a call that changes something. The first %s in its path or body is the id that make returns.
type auditedCall struct {
	make         func(w *world) string // prepares the object of the change, with changes of its own; nil: needs none
	path         string                // instead of the route's
	body         string
	action       string // of its entry; empty: it leaves none, because it changes nothing
	before, data string // text that the entry must hold in before and after
	platform     bool   // its entry is in the log of the installation
	session      bool   // it is made by somebody who has signed in, and not with the key
	actor        string // the kind of the entry's actor: empty: key, or user by a session
}

// calls are all routes that may change something. A new route must be added here.
var calls = map[string]auditedCall{
	"POST /v1/events": {body: `{"type":"order.created","data":1}`}, // publishing is what Relay is for: the event is its own record

	"POST /v1/events/{id}/resend": {make: published, action: "event.resend"},
	"POST /v1/event-types":        {body: `{"name":"a.b","description":"first"}`, action: "event-type.create", data: `"first"`},
	"PATCH /v1/event-types/{name}": {make: aType, body: `{"description":"second"}`, action: "event-type.update",
		before: `"first"`, data: `"second"`},
	"DELETE /v1/event-types/{name}":            {make: aType, action: "event-type.delete", before: `"first"`},
	"POST /v1/event-types/import":              {path: "/v1/event-types/import?format=json-schema", body: `{"title":"x.y","type":"object"}`, action: "event-type.import", data: "x.y"},
	"PATCH /v1/catalogue":                      {body: `{"validation":"strict"}`, action: "catalogue.update", data: "strict"},
	"POST /v1/derivation-rules":                {body: aRule, action: "rule.create", data: "big"},
	"PATCH /v1/derivation-rules/{name}":        {make: rule, body: `{"enabled":false,"description":"off"}`, action: "rule.update", data: `"off"`},
	"DELETE /v1/derivation-rules/{name}":       {make: rule, action: "rule.delete", before: "big"},
	"POST /v1/webhooks":                        {body: `{"url":"http://127.0.0.1:47999/","headers":{"X-Own":"s3cret"},"auth":{"type":"basic","username":"u","password":"s3cret"}}`, action: "webhook.create", data: "127.0.0.1:47999"},
	"PATCH /v1/webhooks/{id}":                  {make: hook, body: `{"description":"new words","headers":{"X-Own":"s3cret"}}`, action: "webhook.update", before: `"old words"`, data: `"new words"`},
	"DELETE /v1/webhooks/{id}":                 {make: hook, action: "webhook.delete", before: "old words"},
	"POST /v1/webhooks/{id}/test":              {make: hook},
	"POST /v1/webhooks/{id}/preview":           {make: hook, body: `{"events":[{"type":"a.b","data":1}]}`},
	"POST /v1/webhooks/{id}/pause":             {make: hook, action: "webhook.pause", before: `"active"`, data: `"paused"`},
	"POST /v1/webhooks/{id}/resume":            {make: paused, action: "webhook.resume", before: `"paused"`, data: `"active"`},
	"POST /v1/webhooks/{id}/rotate-secret":     {make: hook, action: "webhook.rotate-secret"},
	"POST /v1/webhooks/{id}/reveal-secret":     {make: revealing, action: "webhook.reveal-secret"},
	"POST /v1/webhooks/{id}/recover":           {make: hook, body: `{"since":"2026-11-01T00:00:00Z"}`, action: "webhook.recover"},
	"POST /v1/webhooks/{id}/replay":            {make: hook, body: `{"since":"2026-11-01T00:00:00Z"}`, action: "webhook.replay"},
	"POST /v1/hooks":                           {body: `{"url":"http://127.0.0.1:47999/","event":"a.b"}`, action: "hook.create", data: "127.0.0.1:47999"},
	"DELETE /v1/hooks/{id}":                    {make: restHook, action: "hook.end", before: `"active"`, data: `"unsubscribed"`},
	"POST /v1/hooks/{id}/restore":              {make: endedHook, action: "hook.restore", before: `"ended"`, data: `"active"`},
	"POST /v1/hooks/{id}/resume":               {make: disabledHook, action: "hook.resume", before: `"disabled"`, data: `"active"`},
	"POST /v1/deliveries/{id}/retry":           {make: held, action: "delivery.retry"},
	"POST /v1/deliveries/{id}/cancel":          {make: held, action: "delivery.cancel"},
	"POST /v1/jobs/{id}/cancel":                {make: func(w *world) string { return "job_none" }}, // a job would be done too soon
	"POST /v1/campaigns":                       {body: `{"id":7,"name":"one"}`, action: "campaign.create", data: `"one"`},
	"PATCH /v1/campaigns/{id}":                 {make: campaign, body: `{"name":"two"}`, action: "campaign.update", before: `"one"`, data: `"two"`},
	"DELETE /v1/campaigns/{id}":                {make: campaign, action: "campaign.delete", before: `"one"`},
	"POST /v1/respondents":                     {body: aRespondent},
	"POST /v1/respondents/erase":               {make: respondent, body: `{"emailAddress":"ann@example.com"}`, action: "respondent.erase", data: `"erased":1`},
	"DELETE /v1/respondents/{id}":              {make: respondent, action: "respondent.erase"},
	"POST /v1/respondents/{id}/retry":          {make: func(w *world) string { return "resp_none" }}, // one that is held takes an endpoint: package gate
	"POST /v1/integrations/{name}/respondents": {path: "/v1/integrations/dixa/respondents", body: aRespondent},
	"PATCH /v1/gate":                           {body: `{"url":"http://127.0.0.1:47999/","enabled":true,"auth":{"type":"apiKey","token":"s3cret"}}`, action: "gate.update", before: `"enabled":false`, data: `"enabled":true`},
	"POST /v1/gate/test":                       {},
	"POST /v1/integrations":                    {body: `{"name":"own","description":"ours"}`, action: "integration.create", data: `"ours"`},
	"DELETE /v1/integrations/{name}":           {make: integration, action: "integration.delete", before: `"ours"`},
	"POST /v1/connectors":                      {body: `{"document":"connector: own\nversion: 1.0.0\n"}`, action: "connector.create", data: "draft"},
	"POST /v1/connectors/check":                {body: `{"document":"connector: own\nversion: 1.0.0\n"}`},
	"PATCH /v1/connectors/{name}":              {make: aConnector, body: `{"version":"1.0.0","state":"testing"}`, action: "connector.update", before: `"draft"`, data: `"testing"`},
	"DELETE /v1/connectors/{name}":             {make: aConnector, action: "connector.delete", before: `"draft"`},
	"POST /v1/connectors/{name}/plan":          {make: aConnector, body: `{"version":"1.0.0","step":"look"}`, action: "connector.update", data: `"look"`},
	"POST /v1/connectors/{name}/try":           {path: "/v1/connectors/http/try", body: `{"payload":{}}`},
	"POST /v1/connections":                     {body: `{"connector":"http","name":"one","fields":{"url":"http://127.0.0.1:47999/"}}`, action: "connection.create", data: "127.0.0.1:47999"},
	"PATCH /v1/connections/{id}":               {make: aConnection, body: `{"name":"two"}`, action: "connection.update", before: `"one"`, data: `"two"`},
	"DELETE /v1/connections/{id}":              {make: aConnection, action: "connection.delete", before: `"one"`},
	// Profiles that come and go are what audiences are for: their rows are the record. Erasing one is written down.
	"PATCH /v1/profiles/{id}":                        {path: "/v1/profiles/p1", body: `{"sourceId":"shop"}`},
	"DELETE /v1/profiles/{id}":                       {make: aProfile, action: "profile.erase"},
	"PATCH /v1/audiences/{number}/members/{id}":      {make: anAudience, path: "/v1/audiences/101/members/p1"},
	"DELETE /v1/audiences/{number}/members/{id}":     {make: anAudience, path: "/v1/audiences/101/members/p1"},
	"POST /v1/audiences":                             {body: `{"number":101,"name":"one"}`, action: "audience.create", data: `"one"`},
	"PATCH /v1/audiences/{number}":                   {make: anAudience, path: "/v1/audiences/101", body: `{"name":"two"}`, action: "audience.update", before: `"one"`, data: `"two"`},
	"DELETE /v1/audiences/{number}":                  {make: anAudience, path: "/v1/audiences/101", action: "audience.delete", before: `"one"`},
	"POST /v1/audiences/{number}/attachments":        {make: connected, path: "/v1/audiences/101/attachments", body: `{"connection":"{id}"}`, action: "audience.update", data: "att_"},
	"POST /v1/audiences/{number}/members":            {make: anAudience, path: "/v1/audiences/101/members", body: `{"rows":[{"profileId":"p1"}]}`},
	"POST /v1/audiences/{number}/imports":            {make: anAudience, path: "/v1/audiences/101/imports", body: `{"mode":"add"}`},
	"POST /v1/audiences/{number}/imports/{id}/rows":  {make: anImport, path: "/v1/audiences/101/imports/{id}/rows", body: `{"rows":[{"profileId":"p1"}]}`},
	"POST /v1/audiences/{number}/imports/{id}/start": {make: anImport, path: "/v1/audiences/101/imports/{id}/start", body: `{}`, action: "audience.import", data: `"mode":"add"`},
	"DELETE /v1/audiences/{number}/imports/{id}":     {make: anImport, path: "/v1/audiences/101/imports/{id}", action: "audience.cancelImport", data: `"mode":"add"`},
	"DELETE /v1/audiences/{number}/attachments/{id}": {make: attached, path: "/v1/audiences/101/attachments/{id}?members=keep", action: "audience.update", data: `"leaving":"keep"`},
	"PATCH /v1/audiences/{number}/attachments/{id}":  {make: attached, path: "/v1/audiences/101/attachments/{id}", body: `{"paused":true}`, action: "audience.update", data: `"paused":true`},

	"POST /v1/connections/{id}/check": {make: aConnection},

	"POST /v1/journeys":                                {body: journeyBody, action: "journey.create", data: "customer.created"},
	"POST /v1/journeys/dry-run":                        {body: `{"document":"name: n\nentry: {audience: 7}\nsteps: [{name: a, end: }]\n","profile":{"profileId":"p"},"events":[{"at":"2026-01-01T00:00:00Z","audience":7}]}`, make: audience7},
	"PATCH /v1/journeys/{number}":                      {make: aJourney, path: "/v1/journeys/201", body: `{"mode":"paused"}`, action: "journey.update", before: `"live"`, data: `"paused"`},
	"DELETE /v1/journeys/{number}":                     {make: aJourney, path: "/v1/journeys/201", action: "journey.delete", before: `"live"`},
	"POST /v1/journeys/{number}/move":                  {make: secondJourney, path: "/v1/journeys/201/move", body: `{"steps":{"a":"end"}}`, action: "journey.move", data: `"end"`},
	"POST /v1/journeys/{number}/retry":                 {make: aJourney, path: "/v1/journeys/201/retry", action: "journey.retry"},
	"POST /v1/journeys/{number}/enrolments/{id}/retry": {make: aJourney, path: "/v1/journeys/201/enrolments/enr_none/retry"}, // one that has failed: package journey

	"POST /v1/log-views":        {body: `{"name":"late","shared":true,"filter":{"errorKind":"timeout"}}`, action: "log-view.create", data: `"timeout"`},
	"DELETE /v1/log-views/{id}": {make: sharedView, action: "log-view.delete", before: `"timeout"`},

	"POST /v1/keys":                   {body: `{"name":"shop","scopes":["publish"]}`, action: "key.create", data: `"shop"`},
	"POST /v1/keys/{id}/replace":      {make: key, body: `{"overlap":"1h"}`, action: "key.replace", data: `"hint":"rk_`},
	"DELETE /v1/keys/{id}":            {make: key, action: "key.revoke", before: `"shop"`},
	"POST /v1/encryption-keys/rotate": {}, // see package app

	"POST /v1/plans":          {body: `{"name":"starter","limits":{"webhooks":3}}`, action: "plan.create", data: `"webhooks":3`, platform: true},
	"PATCH /v1/plans/{name}":  {make: starter, body: `{"limits":{"webhooks":4}}`, action: "plan.update", before: `"webhooks":3`, data: `"webhooks":4`, platform: true},
	"DELETE /v1/plans/{name}": {make: starter, action: "plan.delete", before: `"webhooks":3`, platform: true},

	"POST /v1/tenants":              {body: `{"id":"acme","name":"Acme"}`, action: "tenant.create", data: `"Acme"`, platform: true},
	"PATCH /v1/tenants/{id}":        {make: acme, body: `{"name":"Acme"}`, action: "tenant.update", before: `"acme"`, data: `"Acme"`, platform: true},
	"DELETE /v1/tenants/{id}":       {make: acme, path: "/v1/tenants/{id}?confirm=acme", action: "tenant.delete", before: `"active"`, data: `"deleted"`, platform: true},
	"POST /v1/tenants/{id}/restore": {make: deletedAcme, action: "tenant.restore", before: `"deleted"`, data: `"active"`, platform: true},
	"POST /v1/tenants/{id}/suspend": {make: acme, action: "tenant.suspend", before: `"active"`, data: `"suspended"`, platform: true},
	"POST /v1/tenants/{id}/resume":  {make: suspendedAcme, action: "tenant.resume", before: `"suspended"`, data: `"active"`, platform: true},

	"POST /v1/users":                        {body: `{"email":"ann@example.com","name":"Ann","role":"viewer"}`, action: "user.invite", data: `"ann@example.com"`},
	"PATCH /v1/users/{id}":                  {make: person, body: `{"role":"admin"}`, action: "user.update", before: `"viewer"`, data: `"admin"`},
	"DELETE /v1/users/{id}":                 {make: person, action: "user.delete", before: `"ann@example.com"`},
	"POST /v1/users/{id}/disable":           {make: person, action: "user.disable", before: `"active"`, data: `"disabled"`},
	"POST /v1/users/{id}/enable":            {make: disabled, action: "user.enable", before: `"disabled"`, data: `"active"`},
	"POST /v1/users/{id}/invite":            {make: invited, action: "user.invite-again", data: `"invited"`},
	"POST /v1/users/{id}/login-link":        {make: person, action: "user.login-link", data: `"ann@example.com"`},
	"POST /v1/session":                      {make: person, body: `{"email":"ann@example.com","password":"four words nobody says"}`, action: "user.login", data: `"password"`, actor: "user"},
	"POST /v1/session/link":                 {make: token, body: `{"token":"{id}","password":"four words nobody says"}`, action: "user.accept", data: `"invitation"`, actor: "user"},
	"DELETE /v1/session":                    {make: person, session: true, action: "user.logout", data: `"ses_`},
	"DELETE /v1/sessions":                   {make: person, session: true, action: "user.logout-everywhere"},
	"DELETE /v1/sessions/{id}":              {make: (*world).signIn, session: true, action: "user.logout", data: `"ses_`},
	"POST /v1/session/code":                 {make: waiting, body: `{"token":"{id}","code":"{code}"}`, action: "user.login", data: `"secondFactor":true`, actor: "user"},
	"POST /v1/session/passkey":              {make: atTheDoor, body: `{"credential":{code}}`, action: "user.login", data: `"passkey":"psk_`, actor: "user"},
	"POST /v1/passkeys":                     {make: offered, session: true, body: `{"name":"Laptop","credential":{code}}`, action: "user.passkey-add", data: `"Laptop"`},
	"PATCH /v1/passkeys/{id}":               {make: aPasskey, session: true, body: `{"name":"Phone"}`, action: "user.passkey-rename", data: `"Phone"`},
	"DELETE /v1/passkeys/{id}":              {make: aPasskey, session: true, action: "user.passkey-remove", data: `"Laptop"`},
	"POST /v1/second-factor":                {make: person, session: true}, // holds nothing before it is confirmed
	"POST /v1/second-factor/confirm":        {make: settingUp, session: true, body: `{"code":"{id}"}`, action: "user.factor-enable"},
	"POST /v1/second-factor/recovery-codes": {make: enrolled, session: true, body: `{"code":"{code}"}`, action: "user.recovery-codes"},
	"POST /v1/second-factor/disable":        {make: enrolled, session: true, body: `{"code":"{code}"}`, action: "user.factor-disable"},
	"DELETE /v1/users/{id}/second-factor":   {make: enrolled, action: "user.factor-disable", data: `"ann@example.com"`},
	"PATCH /v1/portal":                      {body: `{"name":"Acme"}`, action: "portal.create", data: `"Acme"`},
	"POST /v1/portal-links":                 {body: `{"user":{"name":"Ana"}}`, action: "portal-link.create", data: `"Ana"`},
	"DELETE /v1/portal-links":               {make: portalLink, path: "/v1/portal-links?sessionId=s1", action: "portal-link.delete", before: `"s1"`},
	"DELETE /v1/portal-links/{id}":          {make: portalLink, action: "portal-link.delete"},
	"PATCH /v1/sign-in":                     {body: `{"secondFactor":["admin"]}`, action: "sign-in.create", data: `"admin"`},
	"POST /v1/sign-in/providers":            {body: aProvider, action: "signInProvider.create", data: `"hasClientSecret":true`, platform: true},
	"PATCH /v1/sign-in/providers/{name}":    {make: company, body: `{"label":"Corp"}`, action: "signInProvider.update", before: `"label":"company"`, data: `"label":"Corp"`, platform: true},
	"DELETE /v1/sign-in/providers/{name}":   {make: company, action: "signInProvider.delete", before: `"label":"company"`, platform: true},
	"POST /v1/session/confirm":              {make: person, session: true, body: `{"password":"four words nobody says"}`, action: "user.confirm", data: `"by":"password"`},
	"POST /v1/password":                     {make: person, session: true, body: `{"password":"four words nobody says","newPassword":"five other words nobody says"}`, action: "user.password"},
}

const (
	aProvider   = `{"name":"company","issuer":"https://id.example.com","clientId":"relay","clientSecret":"canary"}`
	aRule       = `{"name":"big","on":"order.created","type":"order.big","data":"event.data"}`
	aRespondent = `{"campaignId":1,"respondent":{"firstName":"Ann","emailAddress":"ann@example.com"}}`
)

func sharedView(w *world) string {
	return w.made("/v1/log-views", `{"name":"late","shared":true,"filter":{"errorKind":"timeout"}}`, "id")
}

func portalLink(w *world) string {
	return w.made("/v1/portal-links", `{"sessionId":"s1"}`, "id")
}

func (w *world) made(path, body, member string) string {
	w.t.Helper()
	var v map[string]any
	w.into(&v, 201, "POST", path, body)
	return fmt.Sprint(v[member])
}

func anAudience(w *world) string {
	return w.made("/v1/audiences", `{"number":101,"name":"one"}`, "number")
}

func connected(w *world) string {
	anAudience(w)
	return aConnection(w)
}

func attached(w *world) string {
	return w.made("/v1/audiences/101/attachments", `{"connection":"`+connected(w)+`"}`, "id")
}

func anImport(w *world) string {
	anAudience(w)
	return w.made("/v1/audiences/101/imports", `{"mode":"add"}`, "id")
}

const journeyBody = `{"number":201,"document":"name: Welcome\nprofile: event.data.who\nentry: {event: customer.created}\nsteps:\n  - {name: pause, wait: {for: 1h}}\n"}`

func aJourney(w *world) string {
	return w.made("/v1/journeys", journeyBody, "number")
}

func secondJourney(w *world) string {
	n := aJourney(w)
	w.into(nil, 200, "PATCH", "/v1/journeys/201", `{"document":"name: Welcome\nprofile: event.data.who\nentry: {event: customer.created}\nsteps: [{name: b, end: }]\n"}`)
	return n
}

func audience7(w *world) string {
	return w.made("/v1/audiences", `{"number":7,"name":"seven"}`, "number")
}

func aProfile(w *world) string {
	w.into(nil, 200, "PATCH", "/v1/profiles/p1", `{"sourceId":"shop"}`)
	return "p1"
}

func aConnector(w *world) string {
	return w.made("/v1/connectors", `{"document":"connector: own\nversion: 1.0.0\nkind: message\nname: Own\nconnection: {url: {type: url}}\nmessage: {url: \"${connection.url}\"}\nplan: [look]\ntests: [{name: a, answer: {status: 200}, verdict: delivered}]\n"}`, "connector")
}

func aConnection(w *world) string {
	return w.made("/v1/connections", `{"connector":"http","name":"one","fields":{"url":"http://127.0.0.1:47999/"}}`, "id")
}

func hook(w *world) string {
	return w.made("/v1/webhooks", `{"url":"http://127.0.0.1:47999/","description":"old words","events":["a.b"]}`, "id")
}

func restHook(w *world) string {
	return w.made("/v1/hooks", `{"url":"http://127.0.0.1:47999/","event":"a.b"}`, "id")
}

func endedHook(w *world) string {
	id := restHook(w)
	w.into(nil, 200, "DELETE", "/v1/hooks/"+id, "")
	return id
}

// disabledHook returns the id of a REST hook that the rule has disabled.
func disabledHook(w *world) string {
	id := restHook(w)
	_, err := w.hooks.SetHealth(context.Background(), event.DefaultTenant, id, func(h webhook.Health) (webhook.Health, webhook.Status) {
		h.DisabledAt, h.DisabledReason = time.Now(), "nothing but failures"
		return h, webhook.Disabled
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func revealing(w *world) string {
	w.into(nil, 200, "PATCH", "/v1/tenants/default", `{"revealSecrets":true}`)
	return hook(w)
}

func paused(w *world) string {
	id := hook(w)
	w.into(nil, 200, "POST", "/v1/webhooks/"+id+"/pause", "")
	return id
}

func published(w *world) string {
	w.made("/v1/webhooks", `{"url":"http://127.0.0.1:47999/","events":["a.b"]}`, "id")
	var v struct{ ID string }
	w.into(&v, 202, "POST", "/v1/events", `{"type":"a.b","data":1}`)
	return v.ID
}

// held returns the id of a delivery that waits: its endpoint refuses connections.
func held(w *world) string {
	id := published(w)
	var v struct{ Data []struct{ ID, State string } }
	for v.Data == nil || v.Data[0].State != "waiting" {
		time.Sleep(time.Millisecond)
		w.into(&v, 200, "GET", "/v1/events/"+id+"/deliveries", "")
	}
	return v.Data[0].ID
}

func aType(w *world) string {
	return w.made("/v1/event-types", `{"name":"a.b","description":"first"}`, "name")
}

func rule(w *world) string     { return w.made("/v1/derivation-rules", aRule, "name") }
func campaign(w *world) string { return w.made("/v1/campaigns", `{"id":7,"name":"one"}`, "id") }
func integration(w *world) string {
	return w.made("/v1/integrations", `{"name":"own","description":"ours"}`, "name")
}
func starter(w *world) string {
	return w.made("/v1/plans", `{"name":"starter","limits":{"webhooks":3}}`, "name")
}
func acme(w *world) string { return w.made("/v1/tenants", `{"id":"acme"}`, "id") }
func suspendedAcme(w *world) string {
	id := acme(w)
	w.into(nil, 200, "POST", "/v1/tenants/acme/suspend", "")
	return id
}
func deletedAcme(w *world) string {
	id := acme(w)
	w.into(nil, 200, "DELETE", "/v1/tenants/acme?confirm=acme", "")
	return id
}
func key(w *world) string { return w.made("/v1/keys", `{"name":"shop","scopes":["publish"]}`, "id") }

// password is that of people in tests.
const password = "four words nobody says"

// invitation invites somebody and returns the user and the token.
func (w *world) invitation(email, role string, headers ...string) (id, token string) {
	w.t.Helper()
	var v struct {
		ID   string
		Link struct{ Token string }
	}
	w.into(&v, 201, "POST", "/v1/users", fmt.Sprintf(`{"email":%q,"name":"N. N.","role":%q}`, email, role), headers...)
	return v.ID, v.Link.Token
}

// join makes somebody a user who is signed in, and returns their cookie.
func (w *world) join(email, role string, headers ...string) (id, cookie string) {
	w.t.Helper()
	id, token := w.invitation(email, role, headers...)
	a := w.do("POST", "/v1/session/link", fmt.Sprintf(`{"token":%q,"password":%q}`, token, password), "Authorization", "", "Origin", w.url)
	if a.status != 201 {
		w.t.Fatalf("accepting: got %d %s", a.status, a.body)
	}
	return id, cookieOf(a)
}

// cookieOf returns the cookie that an answer sets, as browsers send it.
func cookieOf(a answer) string {
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	return cookie
}

// person returns the id of Ann, whose session is the world's from then on.
func person(w *world) (id string) {
	w.t.Helper()
	id, w.cookie = w.join("ann@example.com", "viewer")
	return id
}

// signIn returns the id of a session of Ann's.
func (w *world) signIn() string {
	w.t.Helper()
	person(w)
	var v struct{ Session struct{ ID string } }
	w.into(&v, 201, "POST", "/v1/session", fmt.Sprintf(`{"email":"ann@example.com","password":%q}`, password))
	return v.Session.ID
}

// settingUp returns the code by which Ann confirms her second factor.
func settingUp(w *world) string {
	w.t.Helper()
	person(w)
	var v struct{ Secret string }
	w.intoAs(w.cookie, &v, 201, "POST", "/v1/second-factor", "")
	code, err := totp.GenerateCode(v.Secret, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// enrolled returns the id of Ann, who has a second factor. w.code is a recovery code of hers.
func enrolled(w *world) string {
	w.t.Helper()
	code := settingUp(w)
	var v struct{ RecoveryCodes []string }
	w.intoAs(w.cookie, &v, 200, "POST", "/v1/second-factor/confirm", fmt.Sprintf(`{"code":%q}`, code))
	w.code = v.RecoveryCodes[0]
	var me struct{ ID string }
	w.intoAs(w.cookie, &me, 200, "GET", "/v1/session", "")
	return me.ID
}

func company(w *world) string {
	w.t.Helper()
	return w.made("/v1/sign-in/providers", aProvider, "name")
}

// waiting returns the token of a sign-in of Ann's that waits for her second factor.
func waiting(w *world) string {
	w.t.Helper()
	enrolled(w)
	var v struct{ SecondFactor struct{ Token string } }
	w.into(&v, 201, "POST", "/v1/session", fmt.Sprintf(`{"email":"ann@example.com","password":%q}`, password), "Authorization", "")
	return v.SecondFactor.Token
}

func disabled(w *world) string {
	id := person(w)
	w.into(nil, 200, "POST", "/v1/users/"+id+"/disable", "")
	return id
}

func invited(w *world) string {
	id, _ := w.invitation("ann@example.com", "viewer")
	return id
}

func token(w *world) string {
	_, token := w.invitation("ann@example.com", "viewer")
	return token
}

func respondent(w *world) string {
	var v struct{ ID string }
	w.into(&v, 201, "POST", "/v1/respondents", aRespondent)
	return v.ID
}

// entry is a line of the audit log.
type entry struct {
	ID, Action    string
	Actor         struct{ Kind, ID, KeyID, Name string }
	Target        *string
	Before, After json.RawMessage
	Request       struct{ ID, Address, UserAgent string }
}

func (w *world) audit(of ...string) []entry {
	w.t.Helper()
	var v struct{ Data []entry }
	w.into(&v, 200, "GET", "/v1/audit?limit=250&of="+cmp.Or(strings.Join(of, ""), "tenant"), "")
	return v.Data
}

// changing returns the routes of the document that may change something.
func (w *world) changing() []string {
	var list []string
	for path, operations := range w.document().Paths {
		for method := range operations {
			if method = strings.ToUpper(method); method != "GET" {
				list = append(list, method+" "+path)
			}
		}
	}
	slices.Sort(list)
	return list
}

// call makes the call of a route, about the object that was made for it.
func (w *world) call(route, id string) answer {
	w.t.Helper()
	c := calls[route]
	method, path, _ := strings.Cut(route, " ")
	if c.path != "" {
		path = c.path
	}
	names := strings.NewReplacer("{id}", id, "{name}", id, "{code}", w.code)
	headers := []string{"User-Agent", "test/1"}
	if c.session {
		headers = append(headers, "Authorization", "", "Cookie", w.cookie, "Origin", w.url)
	}
	return w.do(method, names.Replace(path), names.Replace(c.body), headers...)
}

// TestEveryChangeIsAudited calls every route that changes something, and finds one entry that says who, what and from where.
func TestEveryChangeIsAudited(t *testing.T) {
	for _, route := range newWorld(t).changing() {
		t.Run(route, func(t *testing.T) {
			c, ok := calls[route]
			if !ok {
				t.Fatalf("%s is not in calls: say which entry it leaves in the audit log", route)
			}
			w := newWorld(t)
			id := ""
			if c.make != nil {
				id = c.make(w)
			}
			of := map[bool]string{true: "platform", false: "tenant"}[c.platform]
			before := w.audit(of)
			a := w.call(route, id)
			if c.action != "" && a.status >= 300 {
				t.Fatalf("got %d %s", a.status, a.body)
			}
			entries := w.audit(of)
			entries = entries[:len(entries)-len(before)]
			if c.action == "" {
				if len(entries) != 0 {
					t.Errorf("got entries %+v, want none", entries)
				}
				return
			}
			if len(entries) != 1 || entries[0].Action != c.action {
				t.Fatalf("got %d entries %+v, want one of %s", len(entries), entries, c.action)
			}
			e := entries[0]
			switch kind := cmp.Or(c.actor, map[bool]string{true: "user", false: "key"}[c.session]); {
			case e.Actor.Kind != kind || e.Actor.Name == "",
				kind == "key" && (e.Actor.KeyID != "key_admin" || e.Actor.ID != "key_admin"),
				kind == "user" && (e.Actor.KeyID != "" || !strings.HasPrefix(e.Actor.ID, "usr_")):
				t.Errorf("got actor %+v, want the %s", e.Actor, kind)
			}
			if e.Request.Address != "127.0.0.1" || e.Request.UserAgent != "test/1" || e.Request.ID == "" || e.Request.ID != a.header.Get("X-Request-Id") {
				t.Errorf("got request %+v, want that of %s", e.Request, a.header.Get("X-Request-Id"))
			}
			if !strings.Contains(string(e.Before), c.before) || c.before != "" && string(e.Before) == "null" {
				t.Errorf("got before %s, want %s in it", e.Before, c.before)
			}
			if !strings.Contains(string(e.After), c.data) || c.data != "" && string(e.After) == "null" {
				t.Errorf("got after %s, want %s in it", e.After, c.data)
			}
			for _, secret := range []string{"s3cret", "whsec_", "rk_test", "rl_", "rs_", "words nobody says", "argon2", "rp_", "otpauth"} {
				if text := string(e.Before) + string(e.After); strings.Contains(text, secret) {
					t.Errorf("the entry shows a secret: %s", text)
				}
			}
		})
	}
}

// refuseAudit makes every further write of the audit log fail, in both files that have one.
func (w *world) refuseAudit() {
	w.t.Helper()
	for _, file := range []string{"relay.db", "gate.db"} {
		db, err := sqlite3.OpenFlags(filepath.Join(w.dir, file), sqlite3.OPEN_READWRITE)
		if err == nil {
			err = db.Exec(`CREATE TRIGGER audit_refused BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is refused'); END`)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		db.Close()
	}
}

// state is everything that calls can change, as the API shows it.
func (w *world) state() string {
	w.t.Helper()
	var b strings.Builder
	for _, path := range []string{
		"/v1/webhooks", "/v1/event-types", "/v1/catalogue", "/v1/derivation-rules", "/v1/campaigns", "/v1/respondents", "/v1/gate", "/v1/integrations",
		"/v1/keys", "/v1/jobs", "/v1/users", "/v1/sign-in", "/v1/sign-in/providers", "/v1/tenants", "/v1/plans", "/v1/audit",
	} {
		a := w.do("GET", path, "")
		fmt.Fprintf(&b, "%s %d %s\n", path, a.status, a.body)
	}
	return b.String()
}

// TestNoChangeWithoutItsEntry makes the audit log refuse, and finds that nothing has changed: not in what is shown, and not
// after a restart, for which the stored rows are compared.
func TestNoChangeWithoutItsEntry(t *testing.T) {
	for route, c := range calls {
		if c.action == "" {
			continue
		}
		t.Run(route, func(t *testing.T) {
			w := newWorld(t)
			id := ""
			if c.make != nil {
				id = c.make(w)
			}
			w.refuseAudit()
			stable := func() string { return w.state() }
			if strings.Contains(route, "deliveries") || strings.Contains(route, "resend") {
				stable = func() string { return "" } // attempts go on by themselves
			}
			before, rows := stable(), storedRows(t, w.dir)
			if a := w.call(route, id); a.status < 500 {
				t.Fatalf("got %d %s, want that it fails", a.status, a.body)
			}
			if after := stable(); after != before {
				t.Errorf("got\n%s\nwant, as before,\n%s", after, before)
			}
			if after := storedRows(t, w.dir); after != rows {
				t.Errorf("got rows\n%s\nwant, as before,\n%s", after, rows)
			}
		})
	}
}

// storedRows returns the configuration as it is stored, but for webhooks' health, which goes on by itself.
func storedRows(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, q := range []struct{ file, sql string }{
		{"relay.db", `SELECT 'key', id, revoked FROM api_key ORDER BY 2`},
		{"relay.db", `SELECT 'person', id, email || password FROM person ORDER BY 2`},
		{"relay.db", `SELECT 'user', person, tenant || role || state || name FROM tenant_user ORDER BY 2`},
		{"relay.db", `SELECT 'session', id, person FROM session ORDER BY 2`},
		{"relay.db", `SELECT 'link', hex(hash), person || kind FROM login_link ORDER BY 2`},
		{"relay.db", `SELECT 'factor', person, confirmed || '/' || step || hex(sealed) FROM second_factor ORDER BY 2`},
		{"relay.db", `SELECT 'recovery', hex(hash), person FROM recovery_code ORDER BY 2`},
		{"relay.db", `SELECT 'record', kind || name || tenant, body FROM record ORDER BY 2`},
		{"relay.db", `SELECT 'pending', hex(hash), person FROM pending_login ORDER BY 2`},
		{"relay.db", `SELECT 'webhook', id, settings || hex(secrets) || status FROM webhook ORDER BY 2`},
		{"relay.db", `SELECT 'catalogue', kind || name || version, body FROM catalogue ORDER BY 2`},
		{"relay.db", `SELECT 'job', id, state FROM job ORDER BY 2`},
		{"gate.db", `SELECT 'campaign', CAST(id AS TEXT), name FROM campaign ORDER BY 2`},
		{"gate.db", `SELECT 'respondent', CAST(id AS TEXT), CAST(state AS TEXT) FROM respondent ORDER BY 2`},
		{"gate.db", `SELECT 'gate', CAST(tenant AS TEXT), settings FROM gate ORDER BY 2`},
	} {
		db, err := sqlite3.OpenFlags(filepath.Join(dir, q.file), sqlite3.OPEN_READONLY)
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := db.Prepare(q.sql)
		if err != nil {
			t.Fatalf("%s: %v", q.sql, err)
		}
		for s.Step() {
			fmt.Fprintln(&b, s.ColumnText(0), s.ColumnText(1), s.ColumnText(2))
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		s.Close()
		db.Close()
	}
	return b.String()
}

// TestRoutesNeedWhatTheListSays compares the permissions of all routes with a list that somebody has read.
func TestRoutesNeedWhatTheListSays(t *testing.T) {
	text, err := os.ReadFile("testdata/routes.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for path, operations := range newWorld(t).document().Paths {
		for method, op := range operations {
			got = append(got, strings.TrimSpace(strings.ToUpper(method)+" "+path+" "+op.Scope))
		}
	}
	slices.Sort(got)
	if want := strings.Split(strings.TrimSpace(string(text)), "\n"); !slices.Equal(got, want) {
		for _, line := range got {
			if !slices.Contains(want, line) {
				t.Errorf("%s is not in testdata/routes.txt", line)
			}
		}
		for _, line := range want {
			if !slices.Contains(got, line) {
				t.Errorf("%s is in testdata/routes.txt, and no such route", line)
			}
		}
	}
}
