package api

import (
	"encoding/json"
	"fmt"

	"github.com/relay-events/relay/internal/rest"
)

// Description returns the document of the API as a server of this version serves it, without a server. The command line
// makes its commands from it.
func Description() ([]byte, error) {
	a := &API{face: new(rest.Face)}
	document, err := json.Marshal(rest.DocumentOf(a.about(), a.Routes()))
	if err != nil {
		return nil, fmt.Errorf("encoding the API's document: %w", err)
	}
	return document, nil
}
