//go:build unix

package app

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
)

// Servers that share a database share REST hooks: the same subscription at both at once is one hook, each ends what the other
// has subscribed, and both list the end of a hook whose target is gone.
func TestServersShareHooks(t *testing.T) {
	var status atomic.Int64
	status.Store(http.StatusOK)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	t.Cleanup(target.Close)
	c := databaseSettings(t)
	first, second := run(t, c), run(t, c)
	both := []*client.Client{dial(t, first, adminKey), dial(t, second, adminKey)}
	subscribe := func(api *client.Client, path string) string {
		h, err := api.CreateHook(t.Context(), client.CreateHook{TargetURL: client.Set(target.URL + path), Event: client.Set("a.b")})
		if err != nil {
			t.Error(err)
		}
		return h.ID
	}
	for range 3 {
		var ids [2]string
		var wg sync.WaitGroup
		for i, api := range both {
			wg.Go(func() { ids[i] = subscribe(api, "/same") })
		}
		wg.Wait()
		if ids[0] == "" || ids[0] != ids[1] {
			t.Fatalf("the same at both servers at once: got %v, want one hook", ids)
		}
		for _, api := range both { // the second time, and at the other server
			if gone, err := api.DeleteHook(t.Context(), ids[0]); err != nil || !gone.Deleted {
				t.Fatalf("unsubscribing: got %+v, %v", gone, err)
			}
		}
	}
	for range 5 { // what one server ended is not what the other gives, though it may not have heard of it yet
		id := subscribe(both[0], "/again")
		if known := subscribe(both[1], "/again"); known != id {
			t.Fatalf("the same at the other server: got %s, want %s", known, id)
		}
		if _, err := both[0].DeleteHook(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		again := subscribe(both[1], "/again")
		if again == id {
			t.Fatalf("subscribing at one server after unsubscribing at the other: got the ended hook %s", id)
		}
		if _, err := both[1].DeleteHook(t.Context(), again); err != nil {
			t.Fatal(err)
		}
	}
	id := subscribe(both[0], "/gone")
	status.Store(http.StatusGone)
	if _, err := both[0].Publish(t.Context(), client.NewEvent{Type: "a.b", Data: 1}); err != nil {
		t.Fatal(err)
	}
	for _, api := range both {
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			list, err := api.ListHooks(t.Context(), client.ListHooksParams{Status: "ended"})
			if err != nil {
				t.Fatal(err)
			}
			if len(list) > 0 && list[0].ID == id && list[0].Ended != nil && list[0].Ended.Cause == "gone" {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the hook whose target is gone: not listed as ended within 30 s, got %+v", list)
			}
		}
	}
}
