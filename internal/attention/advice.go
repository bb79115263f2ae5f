package attention

import (
	"fmt"

	"github.com/relay-events/relay/internal/exchange"
)

// Title says in a few words what goes wrong.
func (g *Group) Title() string {
	switch g.Kind {
	case exchange.Status:
		if g.Class == 3 {
			return "answers with a redirect"
		}
		return fmt.Sprintf("answers %dxx", g.Class)
	case exchange.Timeout:
		return "does not answer in time"
	case exchange.DNS:
		return "cannot be found: its name does not resolve"
	case exchange.Blocked:
		return "leads to an address that may not be reached"
	case exchange.Connect:
		return "takes no connection"
	case exchange.Proxy:
		return "cannot be reached through the proxy"
	case exchange.TLS:
		return "has no good certificate"
	case exchange.Reset:
		return "breaks the connection off"
	case exchange.Protocol, exchange.TooLarge:
		return "answers with something that is not HTTP as it should be"
	case exchange.Invalid:
		return "cannot be asked: the request is not valid"
	case exchange.Transform:
		return "gets nothing: the transform fails"
	case exchange.Auth:
		return "cannot be asked: no token for it"
	}
	return "fails"
}

// Advice says what to do, the likeliest first.
func (g *Group) Advice() []string {
	status := 0
	if g.Sample.Response != nil {
		status = g.Sample.Response.Status
	}
	switch g.Kind {
	case exchange.Status:
		switch {
		case status == 401 || status == 403:
			return []string{
				"If the endpoint verifies signatures: it must hash the raw bytes of the body, not JSON that was parsed and written again.",
				"The signed text is the timestamp, a period, and the body. Forgetting the period is the usual mistake.",
				"Strip the prefix sha256= from the header before comparing.",
				"If the secret was rotated: every server of the endpoint needs the new one.",
				"If the endpoint asks for a login: check the authentication in the webhook's settings.",
			}
		case status == 404 || status == 405:
			return []string{"The URL is wrong, or its route takes no POST. Mend it in the webhook's settings; the secret stays the same.", "A tunnel such as ngrok has a new URL after each start, unless its domain is reserved."}
		case status == 410:
			return []string{"410 says that the endpoint is gone for good. Give the webhook another URL, or delete it."}
		case status == 408 || status == 429:
			return []string{"The endpoint has too much to do. Relay slows down by itself; a rate limit in the webhook's settings keeps it below."}
		case status == 413:
			return []string{"The endpoint's server refuses bodies of this size: raise its limit, or cut the body with a transform."}
		case g.Class == 3:
			return []string{"Relay follows no redirects. Give the webhook the address that the redirect leads to."}
		case g.Class == 4:
			return []string{"The endpoint refuses the request: the answer's body in the sample most often says why.", "It should answer 2xx as soon as it has stored the event, and look at it afterwards."}
		case status == 502 || status == 503 || status == 504:
			return []string{"The proxy in front of the endpoint cannot reach it: look whether the application runs.", "If it is slow: answer 200 at once, and work in the background."}
		}
		return []string{"The endpoint's handler failed: look into its log at the time of the sample.", "Heavy work such as sending mail or calling slow APIs belongs in a background job: store the event and answer 200 at once."}
	case exchange.Timeout:
		return []string{"Answer first: store the event, return 200 at once, and do the work in a background job.", "If nothing reached the endpoint at all, a firewall may swallow connections from Relay: its addresses are in Account configuration."}
	case exchange.DNS:
		return []string{"Check the host of the URL for a spelling mistake.", "A tunnel such as ngrok has a new URL after each start: change it in the webhook's settings; the secret stays the same."}
	case exchange.Blocked:
		return []string{"The name leads to a private address, which Relay does not call. An operator can allow the network."}
	case exchange.Connect:
		return []string{"Nothing listens there, or a firewall refuses: start the endpoint, check the port, and let in Relay's addresses (Account configuration)."}
	case exchange.Proxy:
		return []string{"The proxy for outgoing requests is the operator's: ask them to look at it."}
	case exchange.TLS:
		return []string{"The certificate has expired, belongs to another name, or its chain is not complete: renew it, and serve the intermediate certificates with it."}
	case exchange.Reset:
		return []string{"The endpoint, or a proxy before it, closes connections while it answers: look whether it restarts or runs out of memory."}
	case exchange.Protocol, exchange.TooLarge:
		return []string{"The answer breaks the rules of HTTP, or its header is too long. Is the port that of the right service?"}
	case exchange.Transform:
		return []string{"The transform throws for these events: the sample has the message and the line. Mend it in the webhook's settings; nothing was sent."}
	case exchange.Auth:
		return []string{"The token endpoint gives no token: check client id, client secret and token endpoint in the webhook's settings."}
	}
	return []string{"Look at the sample: it has the request, the answer and the error."}
}
