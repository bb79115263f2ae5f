package rest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Message is a request that the program sends by itself: a webhook of OpenAPI.
type Message struct {
	Name, Summary, Description string
	Tag                        string
	Schema, Example            json.RawMessage // of the body
}

// messages keep their order.
type messages []Message

// MarshalJSON implements json.Marshaler.
func (m messages) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i := range m {
		if i > 0 {
			b = append(b, ',')
		}
		item, err := json.Marshal(map[string]messageOperation{"post": m[i].operation()})
		if err != nil {
			return nil, err
		}
		b = append(append(strconv.AppendQuote(b, m[i].Name), ':'), item...)
	}
	return append(b, '}'), nil
}

type messageOperation struct {
	ID          string              `json:"operationId"`
	Tags        []string            `json:"tags"`
	Summary     string              `json:"summary"`
	Description string              `json:"description"`
	Security    []security          `json:"security"` // none: requests are signed
	Body        messageBody         `json:"requestBody"`
	Responses   map[string]response `json:"responses"`
}

type messageBody struct {
	Required bool                    `json:"required"`
	Content  map[string]messageMedia `json:"content"`
}

type messageMedia struct {
	Schema  json.RawMessage `json:"schema"`
	Example json.RawMessage `json:"example"`
}

func (m *Message) operation() messageOperation {
	id := "on"
	for word := range strings.FieldsFuncSeq(m.Name, func(r rune) bool { return r == '.' || r == '_' || r == '-' }) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return messageOperation{
		ID: id, Tags: []string{m.Tag}, Summary: m.Summary, Description: m.Description, Security: []security{},
		Body: messageBody{true, map[string]messageMedia{"application/json": {m.Schema, m.Example}}},
		Responses: map[string]response{
			"2XX": {Description: "the event has arrived"},
			"4XX": {Description: "it has not: it is sent again, as the webhook's retry policy says"},
		},
	}
}

// exemplify adds an example to each body of an operation's request.
func (d *Document) exemplify(op *Operation) {
	if op.Body == nil {
		return
	}
	for mediaType, m := range op.Body.Content {
		if m.Example = any(op.example); op.example == nil {
			m.Example = d.example(m.Schema, op.method != http.MethodGet, 0)
		}
		op.Body.Content[mediaType] = m
	}
}
