package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// dashboards is how many people look at Home.
	dashboards = 20
	// perSession is how many live pages a session may have.
	perSession = 4
)

// caseDashboards measures the burst by turns with nobody looking, and with 20 dashboards open on Home, each of which shows
// the attempts as they are made.
func caseDashboards(ctx context.Context, l *lab) ([]Row, error) {
	var ratios, watched []float64
	err := l.on(ctx, func(ctx context.Context, s *server) error {
		p := l.spread()
		if err := s.webhooks(ctx, p.hooks); err != nil {
			return err
		}
		if err := l.warm(ctx, s, &p); err != nil {
			return err
		}
		people, err := s.signIn(ctx, dashboards/perSession)
		if err != nil {
			return fmt.Errorf("signing people in: %w", err)
		}
		burst := func() (float64, error) {
			if err := l.reset(ctx); err != nil {
				return 0, err
			}
			var res RelayResult
			err := l.burst(ctx, s, &p, &res)
			return res.PerSecond, err
		}
		for range l.o.Runs {
			alone, err := burst()
			if err != nil {
				return err
			}
			leave, seen, err := s.watch(ctx, people)
			if err != nil {
				return fmt.Errorf("opening dashboards: %w", err)
			}
			with, err := burst()
			leave()
			if err != nil {
				return err
			}
			if seen.Load() < dashboards {
				return fmt.Errorf("%d dashboards got %d messages", dashboards, seen.Load())
			}
			ratios, watched = append(ratios, with/alone), append(watched, with)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	r := atLeast(fmt.Sprintf("burst with %d dashboards open on Home, relative to none", dashboards), median(ratios), "", .95, 0)
	r.Note = fmt.Sprintf("%.0f deliveries/s with them; median of %d, by turns on one relay", median(watched), len(ratios))
	return []Row{r}, nil
}

// signIn invites people and signs each in.
func (s *server) signIn(ctx context.Context, n int) ([]*http.Client, error) {
	var people []*http.Client
	for i := range n {
		body := fmt.Appendf(nil, `{"email":"person%d@example.com","role":"viewer"}`, i)
		answer, err := s.call(ctx, http.MethodPost, "/v1/users", typeJSON, body, http.StatusCreated)
		if err != nil {
			return nil, err
		}
		var invited struct{ Link struct{ Token string } }
		if err := json.Unmarshal(answer, &invited); err != nil {
			return nil, err
		}
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, err
		}
		c := &http.Client{Jar: jar, Transport: &http.Transport{}}
		form := url.Values{"name": {"Bench"}, "password": {"a password of the bench's"}}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/invite/"+invited.Link.Token, strings.NewReader(form.Encode()))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", s.base)
		res, err := c.Do(req)
		if err != nil {
			return nil, err
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("accepting an invitation: %s", res.Status)
		}
		people = append(people, c)
	}
	return people, nil
}

// watch opens the stream of Home in each session as often as a session may, and reads it until leave is called. seen counts
// the messages with attempts.
func (s *server) watch(ctx context.Context, people []*http.Client) (leave func(), seen *atomic.Int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	leave = func() {
		cancel()
		readers.Wait()
	}
	seen = new(atomic.Int64)
	for i := range len(people) * perSession {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/t/default/stream", nil)
		if err != nil {
			leave()
			return nil, nil, err
		}
		res, err := people[i/perSession].Do(req)
		if err == nil && res.StatusCode != http.StatusOK {
			res.Body.Close()
			err = errors.New(res.Status)
		}
		if err != nil {
			leave()
			return nil, nil, err
		}
		readers.Go(func() {
			defer res.Body.Close()
			buf := make([]byte, 64<<10)
			for {
				n, err := res.Body.Read(buf)
				seen.Add(int64(strings.Count(string(buf[:n]), "event: rows")))
				if err != nil {
					return
				}
			}
		})
	}
	return leave, seen, nil
}
