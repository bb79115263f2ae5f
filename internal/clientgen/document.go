package clientgen

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// document is the part of an OpenAPI document that matters to a client.
type document struct {
	Paths      ordered[ordered[*operation]] `json:"paths"`
	Components struct {
		Schemas   ordered[*schema] `json:"schemas"`
		Responses ordered[struct {
			Description string `json:"description"`
		}] `json:"responses"`
	} `json:"components"`
}

type operation struct {
	ID          string           `json:"operationId"`
	Summary     string           `json:"summary"`
	Description string           `json:"description"`
	Parameters  []parameter      `json:"parameters"`
	Body        *body            `json:"requestBody"`
	Responses   ordered[content] `json:"responses"`

	method, path string
}

type parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description"`
	Schema      *schema `json:"schema"`
}

type body struct {
	Required bool           `json:"required"`
	Content  ordered[media] `json:"content"`
}

type content struct {
	Ref     string         `json:"$ref"`
	Content ordered[media] `json:"content"`
}

type media struct {
	Schema *schema `json:"schema"`
}

// schema is a JSON Schema as package rest makes them.
type schema struct {
	Ref         string           `json:"$ref"`
	Type        types            `json:"type"`
	Description string           `json:"description"`
	Format      string           `json:"format"`
	Pattern     string           `json:"pattern"`
	Enum        []any            `json:"enum"`
	Default     json.RawMessage  `json:"default"`
	Usual       json.RawMessage  `json:"x-default"` // of a member of a request
	Items       *schema          `json:"items"`
	Properties  ordered[*schema] `json:"properties"`
	Required    []string         `json:"required"`
	Additional  json.RawMessage  `json:"additionalProperties"`
	AnyOf       []*schema        `json:"anyOf"`
	OneOf       []*schema        `json:"oneOf"`
}

// types is a list of types, of which the document writes a single one without brackets.
type types []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *types) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(t))
	}
	*t = types{""}
	return json.Unmarshal(b, &(*t)[0])
}

// ordered is a JSON object whose members keep their order, because people read what is made of them.
type ordered[T any] []member[T]

type member[T any] struct {
	name  string
	value T
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *ordered[T]) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("want an object, got %v, %w", t, err)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		m := member[T]{name: fmt.Sprint(name)}
		if err := dec.Decode(&m.value); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		*o = append(*o, m)
	}
	return nil
}

// get returns the member with the name, the zero value if there is none.
func (o ordered[T]) get(name string) (v T) {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return v
}
