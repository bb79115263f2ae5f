// Command clients publishes an event with each of two clients that public generators make of the document. They are made
// by tools/document-test, in the folders oapi and ogen.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/ogen-go/ogen/ogenerrors"

	"github.com/relay-events/relay/tools/clients/go/oapi"
	"github.com/relay-events/relay/tools/clients/go/ogen"
)

func main() {
	for name, publish := range map[string]func(ctx context.Context, url, key string) error{"oapi-codegen": withOapi, "ogen": withOgen} {
		if err := publish(context.Background(), os.Getenv("RELAY_URL"), os.Getenv("RELAY_KEY")); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
		fmt.Println(name + ": ok")
	}
}

func withOapi(ctx context.Context, url, key string) error {
	c, err := oapi.NewClientWithResponses(url, oapi.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+key)
		return nil
	}))
	if err != nil {
		return err
	}
	id := "oapi-1"
	var in oapi.PublishRequest
	if err := in.FromNewEvent(oapi.NewEvent{Id: &id, Type: "call.completed", Data: map[string]int{"duration": 1}}); err != nil {
		return err
	}
	out, err := c.PublishEventsWithResponse(ctx, nil, in)
	if err != nil {
		return err
	}
	if out.StatusCode() != http.StatusAccepted {
		return fmt.Errorf("got %s %s, want 202", out.Status(), out.Body)
	}
	e, err := out.JSON202.AsPublishedEvent()
	if err != nil || e.Id != id {
		return fmt.Errorf("got %+v, %w, want the event %s", e, err, id)
	}
	return nil
}

// keys shows the key to ogen's client, in one of the ways it has.
type keys string

func (k keys) Bearer(context.Context, ogen.OperationName) (ogen.Bearer, error) {
	return ogen.Bearer{Token: string(k)}, nil
}

func (keys) ApiKey(context.Context, ogen.OperationName) (ogen.ApiKey, error) {
	return ogen.ApiKey{}, ogenerrors.ErrSkipClientSecurity
}

func (keys) SessionCookie(context.Context, ogen.OperationName) (ogen.SessionCookie, error) {
	return ogen.SessionCookie{}, ogenerrors.ErrSkipClientSecurity
}

func withOgen(ctx context.Context, url, key string) error {
	c, err := ogen.NewClient(url, keys(key))
	if err != nil {
		return err
	}
	in := ogen.NewNewEventPublishRequest(ogen.NewEvent{ID: ogen.NewOptNilString("ogen-1"), Type: "call.completed", Data: []byte(`{"duration":1}`)})
	out, err := c.PublishEvents(ctx, &in, ogen.PublishEventsParams{})
	if err != nil {
		return err
	}
	answer, ok := out.(*ogen.PublishAnswer) // which is the answer 202
	if !ok || answer.PublishedEvent.ID != "ogen-1" {
		return fmt.Errorf("got %T %+v, want the event ogen-1", out, out)
	}
	return nil
}
