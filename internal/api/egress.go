package api

import (
	"context"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/rest"
)

// EgressIPs is where requests to webhooks come from.
type EgressIPs struct {
	IPs []string `json:"ips" doc:"addresses and networks, in the form of CIDR; empty when the operator has not stated them" example:"[\"203.0.113.7\",\"198.51.100.0/24\"]"`
}

var docEgressIPs = rest.Doc{ID: "getEgressIPs", Tag: "Webhooks", Summary: "List the addresses that requests to webhooks come from",
	Text: "For receivers that let only known addresses through. The operator of this server states them (setting `egress.ips`); a signature tells more than an address."}

func (a *API) egressIPs(context.Context, *access.Principal, *rest.None) (*EgressIPs, error) {
	return &EgressIPs{IPs: append([]string{}, a.EgressIPs...)}, nil
}
