package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// newReceiver serves a receiver until the test ends.
func newReceiver(t *testing.T) *Receiver {
	t.Helper()
	r, err := NewReceiver()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- r.Serve() }()
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("closing the receiver: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return r
}

func TestReceiverCounts(t *testing.T) {
	r := newReceiver(t)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	send := func(path, delivery, body string, want int) {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, "http://"+r.Addr()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Relay-Delivery", delivery)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: got status %d, want %d", path, res.StatusCode, want)
		}
	}
	sent := fmt.Sprintf(`{"data":{"sentAt":%d,"x":1}}`, time.Now().Add(-time.Second).UnixNano())
	send("/e/1", "whk_00dqv5r8k0000g00001", sent, 200) // not an id of Relay: any text is accepted
	send("/e/1", "a", sent, 200)
	send("/e/2", "b", `{}`, 200)
	send("/e/2", "b", `{}`, 200) // again
	send("/fail/3", "c", `{}`, 500)
	send("/nowhere", "d", `{}`, 404)

	res, err := client.Get("http://" + r.Addr() + "/_stats")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var s Stats
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	if s.Delivered != 3 || s.Duplicates != 1 || s.Failed != 1 || s.Attempts() != 5 {
		t.Errorf("got %+v, want 3 delivered, 1 duplicate, 1 failed, 5 attempts", s)
	}
	if s.Latencies != 2 || s.P50Ns < int64(time.Second) {
		t.Errorf("got %d latencies with p50 %d ns, want 2 of at least a second", s.Latencies, s.P50Ns)
	}
	if s.FirstAt == 0 || s.LastAt < s.FirstAt {
		t.Errorf("got first arrival %d and last %d, want times in order", s.FirstAt, s.LastAt)
	}
	r.reset()
	if s := r.stats(); s != (Stats{}) {
		t.Errorf("after a reset: got %+v, want zeros", s)
	}
}

func TestReceiverWait(t *testing.T) {
	r := newReceiver(t)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	get := func(query string) (Stats, int) {
		res, err := client.Get("http://" + r.Addr() + "/_wait?" + query)
		if err != nil {
			t.Error(err)
			return Stats{}, 0
		}
		defer res.Body.Close()
		var s Stats
		if res.StatusCode == http.StatusOK {
			if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
				t.Error(err)
			}
		}
		return s, res.StatusCode
	}
	type result struct {
		s      Stats
		status int
	}
	done := make(chan result)
	go func() {
		s, status := get("count=2&timeout=1m")
		done <- result{s, status}
	}()
	for i := range 2 {
		res, err := client.Post(fmt.Sprintf("http://%s/e/%d", r.Addr(), i), "", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	if got := <-done; got.status != 200 || got.s.Delivered != 2 {
		t.Errorf("got %+v, want 2 delivered", got)
	}
	if s, status := get("count=3&timeout=1ms"); status != 200 || s.Delivered != 2 {
		t.Errorf("with too short a time: got %d, %+v, want 200 and 2 delivered", status, s)
	}
	if _, status := get("count=3"); status != 400 {
		t.Errorf("without a timeout: got status %d, want 400", status)
	}
}

// TestReceiverHang closes a connection that waits for its answer.
func TestReceiverHang(t *testing.T) {
	r := newReceiver(t)
	conn, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /hang/1 HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
	if err := r.wait(map[string][]string{"count": {"1"}, "of": {"attempts"}, "timeout": {"1m"}}); err != nil {
		t.Fatal(err)
	}
	if s := r.stats(); s.Hung != 1 || s.Delivered != 0 {
		t.Errorf("got %+v, want 1 hung and nothing delivered", s)
	}
	conn.Close() // Close, in the clean-up, would wait for ten seconds if the receiver did not notice
}

func TestReceiverRefuses(t *testing.T) {
	for _, text := range []string{
		"nonsense\r\n\r\n",
		"POST /e/1 HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"POST /e/1 HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
		"POST /e/1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		r := newReceiver(t)
		conn, err := net.Dial("tcp", r.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, text)
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(line, "400") {
			t.Errorf("%q: got %q, %v, want 400", text, line, err)
		}
	}
}

func TestHistogram(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var h histogram
	var all []time.Duration
	for range 10_000 {
		d := time.Duration(r.Int64N(1 << r.IntN(40)))
		h.add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, q := range []float64{0, .5, .9, .99, .999, 1} {
		want := all[int(q*float64(len(all)-1))]
		got := h.quantile(q)
		if got < want || float64(got) > float64(want)*1.01+1 {
			t.Errorf("quantile %v: got %v, want %v to 1 %% more", q, got, want)
		}
	}
	for i := range buckets {
		if got := bucketOf(upperOf(i)); got != i {
			t.Fatalf("the largest value of bucket %d, %d: got bucket %d", i, upperOf(i), got)
		}
	}
	h.add(-time.Second)
	h.add(1<<63 - 1)
	if got := h.quantile(1); got != 1<<63-1 {
		t.Errorf("quantile 1: got %v, want the longest duration", got)
	}
}

func TestSamples(t *testing.T) {
	samples := newSamples("bench", 1024, 50)
	seen := map[string]bool{}
	for i, s := range samples {
		text := s.put(nil, endpoint(42), 1_778_000_000_123_456_789, uint64(i))
		var e struct {
			Type string
			Data json.RawMessage
		}
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatalf("sample %d, %s: %v", i, text, err)
		}
		if e.Type != "bench.e00042" {
			t.Errorf("sample %d: got type %q, want %q", i, e.Type, "bench.e00042")
		}
		if got := s.dataOf(text); string(got) != string(e.Data) || len(got) != 1024 {
			t.Errorf("sample %d: got %d bytes of data, want the 1024 that it is published with", i, len(got))
		}
		if at, ok := findSentAt(text); !ok || at != 1_778_000_000_123_456_789 {
			t.Errorf("sample %d: got sentAt %d, %v", i, at, ok)
		}
		seen[string(s.text)] = true
	}
	if len(seen) != len(samples) {
		t.Errorf("got %d different samples, want %d", len(seen), len(samples))
	}
	if s := newSamples("bench", MinEventSize, 200); len(s[0].dataOf(s[0].text)) != MinEventSize {
		t.Errorf("got %d bytes of data, want %d", len(s[0].dataOf(s[0].text)), MinEventSize)
	}
}

func TestSpread(t *testing.T) {
	o := Default()
	o.Endpoints, o.Hanging, o.Failing = 10, .2, .1
	l := &lab{o: &o, addr: "127.0.0.1:1", prefix: "bench"}
	p := l.spread()
	if len(p.hooks) != 10 || len(p.healthy) != 7 {
		t.Fatalf("got %d endpoints, %d healthy, want 10 and 7", len(p.hooks), len(p.healthy))
	}
	for _, n := range []int{0, 1, 3, 4, 10, 25} {
		want := 0
		for i := range n {
			if slices.Contains(p.healthy, i%10) {
				want++
			}
		}
		if got := p.owed(n); got != want {
			t.Errorf("%d events: got %d deliveries, want %d", n, got, want)
		}
	}
}
