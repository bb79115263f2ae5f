// Package receiver is for programs that receive webhooks from Relay.
//
// A request from Relay is a POST with a JSON body, the envelope, and a signature over its raw
// bytes. A receiver must verify the signature before it trusts the content. It must be prepared for
// the same event to arrive twice, because Relay delivers at least once. And it must answer 2xx
// within 10 seconds. This package does the first two:
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
// # Verification
//
// The package supports both of Relay's signature schemes: X-Relay-Signature, and the
// webhook-signature of Standard Webhooks with HMAC-SHA256 or ed25519. It accepts a request if one
// of them verifies with one of the secrets or keys of the Config and the timestamp is within five
// minutes of this machine's clock.
//
// # Answers
//
//	200  processed, now or before: Relay does not send it again
//	400  the envelope cannot be parsed
//	401  no valid signature, or a timestamp too far from now
//	405  not a POST
//	413  the body is larger than Config.MaxBody
//	500  your handler failed: Relay will try again
//	501  the version of the envelope is unknown: update the program; Relay keeps trying
//	503  another attempt is processing the same event, or the memory of processed events failed
//
// # Processing once
//
// Every event has a webhookId, the same in each attempt to deliver it. The webhookId is stored
// after your handler has succeeded, never before, so an event whose handler fails or crashes is
// delivered again. It is also delivered again if the program dies between the two steps. Work that
// must not happen twice should therefore store the webhookId in its own transaction, and
// Config.Seen can look it up there. The default memory is lost at every restart.
//
// # Your part
//
// Set ReadTimeout and ReadHeaderTimeout on the http.Server: this package limits the size of
// requests, not how slowly clients send them. Do not put components in front that change the body,
// such as a proxy that re-encodes JSON: they break the signature. Formats other than relay have no
// such envelope; use Receiver.Read for them, which verifies the signature and returns the bytes.
package receiver
