package web_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/relay-events/relay/internal/web"
)

// BenchmarkRequest measures one small POST on a kept-alive connection, client included: the program's server, and
// net/http's alone as the ceiling.
func BenchmarkRequest(b *testing.B) {
	run := func(b *testing.B, addr string) {
		request := []byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n" + string(make([]byte, 100)))
		b.ReportAllocs()
		b.SetParallelism(4)
		b.RunParallel(func(pb *testing.PB) {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			in := bufio.NewReader(c)
			for pb.Next() {
				if _, err := c.Write(request); err != nil {
					b.Error(err)
					return
				}
				for { // the head, whose last line is blank; the answer has no body
					line, err := in.ReadSlice('\n')
					if err != nil {
						b.Error(err)
						return
					}
					if len(line) == 2 {
						break
					}
				}
			}
		})
	}
	b.Run("relay", func(b *testing.B) {
		_, addr := start(b, web.Options{Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
			if _, err := web.ReadBody(r, make([]byte, 0, 512), 1<<20); err != nil {
				return err
			}
			web.APIHeaders(w.Header())
			web.Send(w, 202, "application/json", nil)
			return nil
		})})
		run(b, addr)
	})
	b.Run("net/http", func(b *testing.B) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.ReadAll(r.Body)
			w.WriteHeader(202)
		})}
		go s.Serve(l)
		defer s.Close()
		run(b, l.Addr().String())
	})
}
