package connector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Payload comes to a connector from audiences and journeys: nine members, in this order and with these types
// (custom-connectors.txt, "Data sent through custom connectors"). There is never a tenth.
type Payload struct {
	SiteNumber    int64  // "specific to your organization"
	PartnerNumber int64  // the type of the external identifiers
	AudienceID    string // partnerAudienceId: the segment at the partner, or the External ID; empty if there is none
	Audience      int64  // relay42AudienceNumber
	PartnerIDs    []string
	// Variables and Data are JSON objects; nil stands for {}.
	Variables json.RawMessage
	ProfileID string
	SourceID  string
	Data      json.RawMessage
}

// Append appends the payload as JSON.
func (p *Payload) Append(dst []byte) []byte {
	dst = append(dst, `{"siteNumber":`...)
	dst = strconv.AppendInt(dst, p.SiteNumber, 10)
	dst = append(dst, `,"partnerNumber":`...)
	dst = strconv.AppendInt(dst, p.PartnerNumber, 10)
	dst = append(dst, `,"partnerAudienceId":`...)
	dst = appendText(dst, p.AudienceID)
	dst = append(dst, `,"relay42AudienceNumber":`...)
	dst = strconv.AppendInt(dst, p.Audience, 10)
	dst = append(dst, `,"partnerIds":[`...)
	for i, id := range p.PartnerIDs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, id)
	}
	dst = append(dst, `],"audienceVariables":`...)
	dst = appendObject(dst, p.Variables)
	dst = append(dst, `,"profileId":`...)
	dst = appendText(dst, p.ProfileID)
	dst = append(dst, `,"sourceId":`...)
	dst = appendText(dst, p.SourceID)
	dst = append(dst, `,"data":`...)
	return append(appendObject(dst, p.Data), '}')
}

func appendObject(dst []byte, object json.RawMessage) []byte {
	if len(object) == 0 {
		return append(dst, "{}"...)
	}
	return append(dst, object...)
}

// appendText appends a JSON string that is written as it is, without the escapes that HTML would need.
func appendText(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string never fails
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte{'\n'})...)
}

// payloadJSON is the form in which people write payloads, in tests of definitions and in try-outs. Members may be left
// out.
type payloadJSON struct {
	SiteNumber            int64           `json:"siteNumber"`
	PartnerNumber         int64           `json:"partnerNumber"`
	PartnerAudienceID     string          `json:"partnerAudienceId"`
	Relay42AudienceNumber int64           `json:"relay42AudienceNumber"`
	PartnerIDs            []string        `json:"partnerIds"`
	AudienceVariables     json.RawMessage `json:"audienceVariables"`
	ProfileID             string          `json:"profileId"`
	SourceID              string          `json:"sourceId"`
	Data                  json.RawMessage `json:"data"`
}

// ParsePayload reads a payload; members may be left out, others than the nine are refused.
func ParsePayload(raw []byte) (Payload, error) {
	var v payloadJSON
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return Payload{}, fmt.Errorf("a payload has the members siteNumber, partnerNumber, partnerAudienceId, relay42AudienceNumber, partnerIds, audienceVariables, profileId, sourceId and data: %w", err)
	}
	for name, object := range map[string]*json.RawMessage{"audienceVariables": &v.AudienceVariables, "data": &v.Data} {
		switch text := bytes.TrimSpace(*object); {
		case len(text) == 0, string(text) == "null":
			*object = nil
		case text[0] != '{':
			return Payload{}, fmt.Errorf("%s must be an object", name)
		default:
			var b bytes.Buffer
			if err := json.Compact(&b, text); err != nil {
				return Payload{}, fmt.Errorf("reading %s: %w", name, err)
			}
			*object = b.Bytes()
		}
	}
	return Payload{
		SiteNumber: v.SiteNumber, PartnerNumber: v.PartnerNumber, AudienceID: v.PartnerAudienceID, Audience: v.Relay42AudienceNumber,
		PartnerIDs: v.PartnerIDs, Variables: v.AudienceVariables, ProfileID: v.ProfileID, SourceID: v.SourceID, Data: v.Data,
	}, nil
}
