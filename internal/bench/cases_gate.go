package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// respondentRate is the target number of respondents per second for the gate.
const respondentRate = 500

// caseGate sends respondents at a fixed rate through a gate in mode decide, and waits for the
// verdicts. It measures how much longer a call takes than the endpoint took for the same
// respondent.
func caseGate(ctx context.Context, l *lab) ([]Row, error) {
	var p50, p99, p999, direct []float64
	for range l.o.Runs {
		err := l.on(ctx, func(ctx context.Context, s *server) error {
			without, added, err := l.gate(ctx, s)
			if err != nil {
				return err
			}
			direct = append(direct, ms(int64(without.quantile(.99))))
			p50, p99, p999 = append(p50, ms(int64(added.quantile(.5)))), append(p99, ms(int64(added.quantile(.99)))), append(p999, ms(int64(added.quantile(.999))))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	row := atMost("gate, a call that waits for the verdict, 500/s: p99 over the endpoint's own time", median(p99), "ms", 20, 0)
	row.Note = fmt.Sprintf("p50 %s, p99.9 %s; asked directly p99 %s; endpoint %v; median of %d × %v",
		short(digits(median(p50))), short(digits(median(p999))), short(digits(median(direct))), decideTime, l.o.Runs, l.o.Duration)
	return []Row{row}, nil
}

// gate sends respondents first directly to the endpoint and then through the gate. It returns the
// time that each adds to the endpoint's own time. The direct time shows how busy the machine is
// with other work.
func (l *lab) gate(ctx context.Context, s *server) (direct, added *histogram, err error) {
	settings := fmt.Sprintf(`{"enabled":true,"mode":"decide","deadline":"25s","url":"http://%s/decide"}`, l.addr)
	if err := s.patch(ctx, "/v1/gate", settings); err != nil {
		return nil, nil, fmt.Errorf("turning the gate on: %w", err)
	}
	if err := l.reset(ctx); err != nil {
		return nil, nil, err
	}
	endpoint := newRelay("http://"+l.addr, "", nil)
	defer endpoint.close()
	ask := func(ctx context.Context, body []byte) (string, error) {
		answer, err := endpoint.call(ctx, http.MethodPost, "/decide", typeJSON, body, http.StatusOK)
		var got struct{ Reason string }
		if err == nil {
			err = json.Unmarshal(answer, &got)
		}
		return got.Reason, err
	}
	send := func(ctx context.Context, body []byte) (string, error) {
		answer, err := s.call(ctx, http.MethodPost, "/v1/integrations/dixa/respondents", typeJSON, body, http.StatusAccepted)
		if err != nil {
			return "", err
		}
		var got struct{ State, Reason string }
		if err := json.Unmarshal(answer, &got); err != nil || got.State != "stored" {
			return "", fmt.Errorf("got the answer %.500s, want it stored", answer)
		}
		return got.Reason, nil
	}
	// The first second opens connections and grows pools; it is not counted.
	warm := min(time.Second, l.o.Duration)
	if direct, err = decided(ctx, respondentRate, warm, ask); err == nil {
		direct, err = decided(ctx, respondentRate, warm, ask)
	}
	if err == nil {
		_, err = decided(ctx, respondentRate, warm, send)
	}
	if err == nil {
		added, err = decided(ctx, respondentRate, l.o.Duration, send)
	}
	return direct, added, err
}

// decided sends respondents at a rate for a time. ask returns a text that ends with the time that
// the endpoint took, in nanoseconds. added counts the times since the respondent was due to be
// sent, minus that time.
func decided(ctx context.Context, rate float64, d time.Duration, ask func(ctx context.Context, body []byte) (string, error)) (added *histogram, err error) {
	added = new(histogram)
	_, err = paced(ctx, rate, d, func(ctx context.Context, i int, due time.Time, body *[]byte) error {
		*body = fmt.Appendf((*body)[:0], `{"campaignId":5000,"respondent":{"firstName":"John","lastName":"Doe","phoneNumber":"+4512345678","company":{"name":"Acme INC."}},`+
			`"note":"The customer bought several items, seemed very happy","custom":{"callDuration":"some content","n":%d}}`, i)
		text, err := ask(ctx, *body)
		took := time.Since(due)
		if err != nil {
			return fmt.Errorf("sending respondents at %v a second: %w", rate, err)
		}
		own, err := strconv.ParseInt(text[strings.LastIndexByte(text, ' ')+1:], 10, 64)
		if err != nil {
			return fmt.Errorf("sending respondents: got the reason %q, want the endpoint's time at its end", text)
		}
		added.add(max(0, took-time.Duration(own)))
		return nil
	})
	return added, err
}
