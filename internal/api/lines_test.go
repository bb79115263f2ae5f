package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/testenv"
	"github.com/relay-events/relay/internal/web"
)

// TestLineReader reads streams of lines around the limit, and around the sizes of the buffer, in pieces of any size.
func TestLineReader(t *testing.T) {
	limit := 100
	type result struct {
		lines []string
		err   error
	}
	results := make(chan result, 1)
	server, err := web.New(web.Options{Log: slog.New(slog.DiscardHandler), Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		body, err := web.ReadStream(w, r)
		if err != nil {
			return err
		}
		l, err := newLineReader(body, limit)
		if err != nil {
			return err
		}
		var got result
		for {
			line, err := l.next()
			if errors.Is(err, bufio.ErrTooLong) {
				got.lines = append(got.lines, fmt.Sprintf("too long: %s", line))
				continue
			}
			if len(line) > 0 {
				got.lines = append(got.lines, string(line))
			}
			if err != nil {
				got.err = err
				break
			}
		}
		results <- got
		w.WriteHeader(202)
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	defer server.Stop(context.Background())
	seeds := uint64(300)
	if testenv.Race {
		seeds = 30 // it is megabytes each time
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 4))
		limit = []int{1 << 10, 100, lineBuffer - 1, lineBuffer, 5 * lineBuffer}[seed%5]
		var all bytes.Buffer
		var want []string
		for range 1 + r.IntN(30) {
			n := []int{0, 1, limit - 1, limit, limit + 1, limit + 2, limit + 3, 2 * limit, lineBuffer - 1, lineBuffer, lineBuffer + 1, 3*limit + lineBuffer, r.IntN(200)}[r.IntN(13)]
			end := []string{"\n", "\r\n"}[r.IntN(2)]
			line := strings.Repeat(string(rune('a'+r.IntN(26))), n)
			all.WriteString(line + end)
			if n > limit {
				want = append(want, "too long: "+line[:limit])
			} else {
				want = append(want, line+end)
			}
		}
		if r.IntN(2) == 0 {
			all.WriteString("no end")
			want = append(want, "no end")
		}
		in, out := io.Pipe()
		go func() {
			for raw := all.Bytes(); len(raw) > 0; {
				n := min(1+r.IntN(3*lineBuffer), len(raw))
				out.Write(raw[:n])
				raw = raw[n:]
			}
			out.Close()
		}()
		resp, err := http.Post("http://"+l.Addr().String(), "text/plain", in)
		if err != nil || resp.StatusCode != 202 {
			t.Fatalf("seed %d: got %v, %v", seed, resp, err)
		}
		resp.Body.Close()
		got := <-results
		if !errors.Is(got.err, io.EOF) || len(got.lines) != len(want) {
			t.Fatalf("seed %d: got %d lines and %v, want %d", seed, len(got.lines), got.err, len(want))
		}
		for i := range want {
			if got.lines[i] != want[i] {
				t.Fatalf("seed %d, line %d: got %.40q of %d bytes, want %.40q of %d", seed, i, got.lines[i], len(got.lines[i]), want[i], len(want[i]))
			}
		}
	}
	if n := server.Counts().BodyBytes; n != 0 {
		t.Errorf("%d bytes are charged after all streams have ended", n)
	}
}
