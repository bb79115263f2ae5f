package receiver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/relay-events/relay/receiver"
	"github.com/relay-events/relay/receiver/receivertest"
)

// A program that receives calls and appointments.
func Example() {
	const secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" // in a real program, from the environment
	rc, err := receiver.New(receiver.Config{Secrets: []string{secret}})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/relay-hook", rc.Handle(func(_ context.Context, e receiver.Event) error {
		switch e.Type {
		case receiver.CallCompleted, receiver.CallUrgent:
			call, err := e.Call()
			if err != nil {
				return err
			}
			fmt.Printf("%s called for %d s: %s\n", call.CallerName, call.Duration, call.Summary)
		case receiver.AppointmentBooked:
			appointment, err := e.Appointment()
			if err != nil {
				return err
			}
			fmt.Printf("%s booked %s\n", appointment.CallerName, appointment.StartUTC)
		}
		return nil // events of other types are done as well
	}))
	server := httptest.NewServer(mux)
	defer server.Close()

	// The request as Relay sends it, and repeats it if it did not get the first answer.
	body := []byte(`{"version":"2026-05-05","event":"call.completed","timestamp":"2026-05-05T14:23:00Z","webhookId":"whk_abc123",` +
		`"data":{"callerName":"John Smith","duration":142,"summary":"Caller asked about pricing."}}`)
	for range 2 {
		request, err := receivertest.NewRequest(server.URL+"/relay-hook", secret, "whk_abc123", body)
		if err != nil {
			fmt.Println(err)
			return
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		answer.Body.Close()
		fmt.Println(answer.Status)
	}
	// Output:
	// John Smith called for 142 s: Caller asked about pricing.
	// 200 OK
	// 200 OK
}

// Middleware is for programs that write their own answers: a status of 2xx means done, any other
// means that Relay should retry.
func ExampleReceiver_Middleware() {
	rc, err := receiver.New(receiver.Config{Secrets: []string{"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := rc.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, _ := receiver.EventFrom(r.Context())
		fmt.Println("queueing", e.WebhookID)
		w.WriteHeader(http.StatusAccepted)
	}))

	r := httptest.NewRequest(http.MethodPost, "/relay-hook", nil) // not signed
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output: 401
}

// Read is for formats other than relay: it verifies the signature and leaves the bytes to you.
func ExampleReceiver_Read() {
	rc, err := receiver.New(receiver.Config{Secrets: []string{"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}})
	if err != nil {
		fmt.Println(err)
		return
	}
	http.HandleFunc("/relay-raw", func(w http.ResponseWriter, r *http.Request) {
		body, err := rc.Read(w, r)
		switch {
		case errors.Is(err, receiver.ErrSignature):
			http.Error(w, "bad signature", http.StatusUnauthorized)
		case err != nil:
			http.Error(w, "cannot read the request", http.StatusBadRequest)
		default:
			fmt.Fprintf(io.Discard, "data of %d bytes", len(body))
		}
	})
}
