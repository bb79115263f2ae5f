package api

import (
	"strings"

	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/web"
)

var tags = []rest.Tag{
	{Name: "Events", Description: "Publish events, look them up, and follow their deliveries."},
	{Name: "Event types", Description: "The catalogue: event types, their schemas, and rules that derive events from others."},
	{Name: "Webhooks", Description: "Subscriptions: where events go, which ones, in which shape."},
	{Name: "REST hooks", Description: "Subscriptions that automation platforms such as Zapier, n8n and Make create and end by themselves."},
	{Name: "Log", Description: "Every request made to an endpoint, and its answer."},
	{Name: "Deliveries", Description: "The state of each event for each webhook."},
	{Name: "Respondents", Description: "People in campaigns, and on their way there."},
	{Name: "Gate", Description: "The endpoint that decides which respondents integrations may add, and the integrations. Only for admins."},
	{Name: "Connectors", Description: "Partner platforms, described by documents, and the connections to them."},
	{Name: "Audiences", Description: "Profiles, the audiences they are in, and the partners that get them."},
	{Name: "Journeys", Description: "Steps that profiles take over time: waits, branches, and sends to partners."},
	{Name: "Audit", Description: "Who made which change."},
	{Name: "Jobs", Description: "Recoveries and replays in the background."},
	{Name: "Stats", Description: "Counters over time."},
	{Name: "Tenants", Description: "Isolated accounts. Only for those who run the installation."},
	{Name: "Plans", Description: "Limits of tenants, and how much of them is used."},
	{Name: "Keys", Description: "API keys."},
	{Name: "Users", Description: "People who sign in, and what they may do in a tenant."},
	{Name: "Sign-in", Description: "Sessions, for browsers: a person signs in and gets a cookie. Programs send a key."},
	{Name: "Portal", Description: "Your customers manage their webhooks inside of your product: links for them, and how the pages look."},
	{Name: "Probes", Description: "For load balancers, monitoring and people: no key needed."},
}

const introduction = "Relay stores events durably and delivers them to webhooks: signed, filtered, retried, logged.\n\n" +
	"Send a key with each request: `Authorization: Bearer KEY`, `Authorization: Apikey KEY` or `ApiKey: KEY`. " +
	"Errors are problem documents (RFC 9457) that name the offending fields. Unknown fields and query parameters are rejected, " +
	"so that a typo does not pass unnoticed. Times are RFC 3339 in UTC with milliseconds. " +
	"Lists return `data` and `nextCursor`; send it as `cursor` to get the next page."

// about has the words of the API's document about the whole.
func (a *API) about() rest.About {
	about := rest.About{
		Title: "Relay API", Version: a.Version, Introduction: introduction, Tags: tags,
		Contact:  rest.Contact{Name: "Relay", URL: "https://github.com/relay-events/relay"},
		Messages: messages(),
		Schemes: []rest.Scheme{
			{Key: "bearer", Type: "http", Scheme: "bearer", Description: "Authorization: Bearer KEY. The scheme Apikey works as well."},
			{Key: "apiKey", Type: "apiKey", In: "header", Name: "ApiKey", Description: "ApiKey: KEY"},
			{Key: "sessionCookie", Type: "apiKey", In: "cookie", Name: web.SecureCookie, Description: "the session of a person who has signed in, see signIn. Over http:// the cookie is called relay"},
		},
		Headers: []rest.Parameter{{Name: "Relay-Tenant", In: "header", Schema: &rest.Schema{Type: "string"},
			Description: "the tenant to act for: any, with a key of the scope platform; one of their own, for a person who has signed in"}},
	}
	if len(a.EgressIPs) > 0 {
		about.Introduction += "\n\nRequests to webhooks come from `" + strings.Join(a.EgressIPs, "`, `") + "`."
	}
	return about
}

var docOpenAPI = rest.Doc{ID: "getDocument", Tag: "Probes", Summary: "This document, as OpenAPI 3.1",
	Text: "Its `webhooks` are the events of the built-in packs and those about webhooks, as endpoints receive them in the format `relay`."}

var docDocs = rest.Doc{ID: "getDocs", Tag: "Probes", Summary: "This document, as a page", Answer: "text/html",
	Text: "For people. It loads nothing from elsewhere."}
