package column

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/webhook"
)

func TestTimesAreReadBack(t *testing.T) {
	at := time.Date(2026, 11, 21, 8, 0, 0, int(250*time.Millisecond), time.UTC)
	for _, want := range []time.Time{{}, at, at.AddDate(-80, 0, 0)} {
		if got := Time(Millis(want)); !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%v: got %v", want, got)
		}
	}
}

func TestWebhooksAreReadBack(t *testing.T) {
	at := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	for name, want := range map[string]*webhook.Webhook{
		"new":    {ID: "wh_a", Tenant: 1},
		"paused": {ID: "wh_b", Tenant: 2, Inactive: []webhook.Period{{From: at, To: at.Add(time.Hour)}}},
	} {
		want.Settings.URL = "https://example.com/hook"
		col, err := OfWebhook(want, webhook.InClear{})
		if err != nil {
			t.Fatal(err)
		}
		got := &webhook.Webhook{ID: want.ID, Tenant: want.Tenant}
		if err := col.Read(got, webhook.InClear{}); err != nil {
			t.Fatal(err)
		}
		if got.Settings.URL != want.Settings.URL || len(got.Inactive) != len(want.Inactive) || len(got.Inactive) > 0 && !reflect.DeepEqual(got.Inactive, want.Inactive) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestDamagedColumnsNameTheWebhook(t *testing.T) {
	w := &webhook.Webhook{ID: "wh_a", Tenant: 1}
	col, err := OfWebhook(w, webhook.InClear{})
	if err != nil {
		t.Fatal(err)
	}
	col.Health = "{"
	if err := col.Read(w, webhook.InClear{}); err == nil || !strings.Contains(err.Error(), `"wh_a"`) {
		t.Errorf("got %v, want an error that names wh_a", err)
	}
}
