package delivery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// kindTests are the tests of the engine whose promises hold for every kind of destination: retries, order,
// batches, pause, limits, jobs and the log. The others are about HTTP, or take long.
var kindTests = []string{
	"TestNothingLaterThanMaxAge", "TestHangingEndpointTimesOut", "TestRetryAfterIsHonoured", "TestDeliverAt", "TestDisableOn",
	"TestFIFO", "TestBatchBounds", "TestBatchIsRetriedWhole", "TestBatchWaitsLong", "TestBatchSurvivesRestarts",
	"TestPauseQueuesNothingAndHoldsRetries", "TestPauseWhileFull", "TestInterruptedAttemptsComeBackUncounted", "TestDeletedWebhookIsOwedNothing",
	"TestMaxConcurrency", "TestOnlyRequestsCountForTheRate", "TestOneHangingEndpointOfManySlots", "TestFilter",
	"TestRetryCancelResend", "TestCancelWhileBeingSent", "TestRecoverAndReplayGoOnAfterARestart", "TestJobIsCanceled",
	"TestDeliveriesList", "TestDeliveriesAreListedOnce", "TestEventIsGone", "TestExplainSaysWhyItWaits",
}

// onAnotherKind is the test whose rigs deliver to a kind of destination that the engine does not know.
const onAnotherKind = "TestEngineOnAnotherKind"

// TestEngineOnAnotherKind runs the engine's own tests over a kind of destination that is wholly in this file, and in
// memory.
func TestEngineOnAnotherKind(t *testing.T) {
	for _, name := range kindTests {
		if engineTests[name] == nil {
			t.Errorf("%s is not one of engineTests", name)
			continue
		}
		t.Run(name, engineTests[name])
	}
}

// letterbox is a kind of destination that hands messages to the endpoints of a rig without a connection.
type letterbox struct{ net *pipeNet }

type letterboxOptions struct {
	Address string `json:"address"`
}

// Check implements destination.Kind.
func (k letterbox) Check(_ context.Context, s *webhook.Settings) error {
	var o letterboxOptions
	if err := json.Unmarshal(s.Destination.Options, &o); err != nil || o.Address == "" {
		return problem.InvalidField("destination.address", "must be given")
	}
	s.URL = "letterbox:" + o.Address
	return nil
}

// Open implements destination.Kind.
func (k letterbox) Open(w *webhook.Webhook, _ destination.Sender) destination.Sender {
	var o letterboxOptions
	_ = json.Unmarshal(w.Destination.Options, &o) // it was checked
	return &letterboxSender{net: k.net, address: o.Address, timeout: w.Timeout}
}

type letterboxSender struct {
	net     *pipeNet
	address string
	timeout time.Duration
}

func (s *letterboxSender) Target() exchange.Request {
	return exchange.Request{Method: "drop", URL: "letterbox:" + s.address}
}

func (s *letterboxSender) Describe(*destination.Message) (exchange.Request, error) {
	return s.Target(), nil
}

func (s *letterboxSender) Close() {}

// Send hands the message to the endpoint, which sees it as a request.
func (s *letterboxSender) Send(ctx context.Context, m *destination.Message) (r destination.Result) {
	r.Request = s.Target()
	s.net.mu.Lock()
	to := s.net.endpoints[s.address]
	s.net.mu.Unlock()
	if to == nil {
		r.Class, r.Reason, r.Text = destination.Unreachable, exchange.Connect, "there is no such letterbox"
		return r
	}
	waiting, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req := httptest.NewRequestWithContext(waiting, http.MethodPost, "/", bytes.NewReader(m.Body))
	req.Header.Set("X-Relay-Delivery", m.ID)
	req.Header.Set("X-Relay-Event", m.Type)
	req.Header.Set("X-Relay-Attempt", strconv.Itoa(m.Number))
	if m.Batch {
		req.Header.Set("X-Relay-Batch", strconv.Itoa(len(m.Items)))
	}
	start, answer := time.Now(), httptest.NewRecorder()
	to.ServeHTTP(answer, req)
	r.Timing.Total = time.Since(start)
	switch {
	case ctx.Err() != nil:
		r.Class = destination.Interrupted
		return r
	case waiting.Err() != nil:
		r.Class, r.Reason, r.Text = destination.Unreachable, exchange.Timeout, fmt.Sprintf("no answer within %v", s.timeout)
		return r
	}
	r.Code = answer.Code
	r.Response = &exchange.Response{Status: answer.Code, Body: answer.Body.Bytes()}
	switch {
	case answer.Code < 300:
		return r
	case answer.Code == http.StatusTooManyRequests || answer.Code >= 500:
		r.Class = destination.Overloaded
	default:
		r.Class = destination.Refused
	}
	r.Reason, r.Text = exchange.Status, fmt.Sprintf("the endpoint answered %d %s", answer.Code, http.StatusText(answer.Code))
	if after, err := strconv.Atoi(answer.Header().Get("Retry-After")); err == nil {
		r.After = time.Duration(after) * time.Second
	}
	return r
}
