package push_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/receiver/push"
)

// read decodes the payload of an event into its struct and returns it as JSON again.
func read[T interface{ EventName() string }](e push.Event) (string, []byte, error) {
	v, err := push.As[T](e)
	if err != nil {
		return "", nil, err
	}
	b, err := json.Marshal(v)
	return v.EventName(), b, err
}

var readers = []func(push.Event) (string, []byte, error){
	read[push.AccountDeactivate], read[push.ChannelConsentUpdate], read[push.MessageActionTaken], read[push.MessageDelivered],
	read[push.MessageUndelivered], read[push.NotificationAttempted], read[push.NotificationAuthLinkUsed],
	read[push.NotificationDelivered], read[push.NotificationNotAttempted], read[push.NotificationUndelivered],
	read[push.NotificationChannelAdd], read[push.NotificationChannelRemove], read[push.PowerupsDataArtifactAvailable],
	read[push.PowerupsDataReceived], read[push.TextMessageReceived], read[push.TwowayAgentPing], read[push.TwowayChannelClosed],
	read[push.TwowayWebhookAgentMessageSent], read[push.TwowayWebhookCustomerMessageSent], read[push.TwowayWebhookSystemMessageSent],
}

func decoded(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var m map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestExamplesComeBack reads the example of each type in the form in which Relay sends it, and finds
// every member in the type's struct.
func TestExamplesComeBack(t *testing.T) {
	n := 0
	for _, typ := range catalogue.Types() {
		if typ.Pack != "push" {
			continue
		}
		body, _ := format.Append(nil, format.Push, &event.Event{
			Name: typ.ExampleID, Type: typ.Name, Time: typ.ExampleTime, Data: typ.Example, Attributes: typ.ExampleAttributes,
		}, event.DeliveryID{})
		events, err := push.ParseBatch(fmt.Appendf(nil, "[%s]", body))
		if err != nil {
			t.Fatalf("%s: %v", typ.Name, err)
		}
		e := events[0]
		if e.ID != typ.ExampleID || e.Type != typ.Name || !e.Time.Equal(typ.ExampleTime) || string(e.Payload) != string(typ.Example) {
			t.Errorf("%s: got the envelope %+v", typ.Name, e)
		}
		if typ.ExampleAttributes != nil && len(e.Attributes) != len(decoded(t, typ.ExampleAttributes)) {
			t.Errorf("%s: got the attributes %v, want %s", typ.Name, e.Attributes, typ.ExampleAttributes)
		}
		for _, r := range readers {
			name, again, err := r(e)
			if errors.Is(err, push.ErrType) {
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", typ.Name, err)
				continue
			}
			n++
			got := decoded(t, again)
			for member, want := range decoded(t, typ.Example) {
				if name != typ.Name || !reflect.DeepEqual(got[member], want) {
					t.Errorf("%s: %s: got %v, want %v", name, member, got[member], want)
				}
			}
		}
	}
	if n != 20 {
		t.Errorf("read %d examples, want 20", n)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, body := range []string{
		"", "[]", "{}", `{"event_id":"a","event_name":"b","event_ts":"2026-05-05T14:23:00Z"}`, `{"event_id":"a","event_name":"","event_ts":"2026-05-05T14:23:00Z","payload":{}}`,
		`{"event_id":"a","event_name":"b","event_ts":"yesterday","payload":{}}`, `{"event_id":7,"event_name":"b","event_ts":"2026-05-05T14:23:00Z","payload":{}}`,
	} {
		if _, err := push.Parse([]byte(body)); !errors.Is(err, push.ErrEnvelope) {
			t.Errorf("%s: got %v, want ErrEnvelope", body, err)
		}
	}
	if _, err := push.ParseBatch([]byte(`[{}]`)); !errors.Is(err, push.ErrEnvelope) {
		t.Errorf("a batch: got %v, want ErrEnvelope", err)
	}
}
