// Package receiver is for programs that receive webhooks from Relay.
//
// A request from Relay is a POST with a JSON body, the envelope, and a signature over its raw bytes. A receiver has to
// check the signature before it believes anything, has to be prepared for the same event arriving twice, because Relay
// delivers at least once, and has to answer 2xx within 10 seconds. This package does the first two:
//
//	rc, err := receiver.New(receiver.Config{Secrets: []string{os.Getenv("RELAY_WEBHOOK_SECRET")}})
//	if err != nil {
//		log.Fatal(err)
//	}
//	http.Handle("/relay-hook", rc.Handle(func(ctx context.Context, e receiver.Event) error {
//		switch e.Type {
//		case receiver.CallCompleted, receiver.CallUrgent:
//			call, err := e.Call()
//			if err != nil {
//				return err
//			}
//			return crm.LogCall(ctx, call)
//		}
//		return nil // not for us
//	}))
//
// # What is checked
//
// Both of Relay's signature schemes are understood: X-Relay-Signature, and the webhook-signature of Standard Webhooks
// with HMAC-SHA256 or ed25519. A request is let through when one of them verifies with one of the secrets or keys of
// the Config and its timestamp is within five minutes of this machine's clock.
//
// # What is answered
//
//	200  processed, or processed before: Relay does not send it again
//	400  the envelope cannot be read
//	401  no valid signature, or a timestamp too far from now
//	405  not a POST
//	413  the body is larger than Config.MaxBody
//	500  your handler failed: Relay will try again
//	501  the envelope has a version this program does not know: update it; Relay keeps trying meanwhile
//	503  the same event is being processed at this moment, or the memory of processed events failed
//
// # Processing once
//
// Every event has a webhookId, the same in each attempt to deliver it. It is remembered once your handler has
// succeeded, never before, so an event whose handler fails or crashes comes again. If the program dies between the two,
// the event comes again too: work that must not happen twice should record the webhookId in its own transaction, and
// Config.Seen can then look there. The default remembers in memory and forgets at every restart.
//
// # What remains for you
//
// Set ReadTimeout and ReadHeaderTimeout on the http.Server: this package bounds the size of what strangers send, not
// how slowly they send it. Anything in front that changes the body, a proxy that re-encodes JSON for example, breaks
// the signature. Formats other than relay have no envelope of this shape; use Receiver.Read for them, which checks the
// signature and returns the bytes.
package receiver
