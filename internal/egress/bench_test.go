package egress

import (
	"bufio"
	"bytes"
	"net"
	"syscall"
	"testing"
	"time"
)

// BenchmarkDo posts 1 KiB over kept connections to a receiver that does the least it can, both on this machine.
func BenchmarkDo(b *testing.B) {
	s := serve(b, "127.0.0.1:0", func(_ *server, c net.Conn) {
		r := bufio.NewReader(c)
		answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
		for {
			for {
				line, err := r.ReadSlice('\n')
				if err != nil {
					return
				}
				if len(line) == 2 {
					break
				}
			}
			if _, err := r.Discard(1024); err != nil {
				return
			}
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	})
	c := New(Options{Dev: true})
	defer c.Close()
	target := mustParse(b, c, "http://127.0.0.1:"+s.port+"/hook")
	body := bytes.Repeat([]byte("x"), 1024)
	header := []Field{
		{Name: "Content-Type", Value: "application/json"}, {Name: "X-Relay-Event", Value: "order.created"}, {Name: "X-Relay-Delivery", Value: "whk_0123456789"},
		{Name: "X-Relay-Attempt", Value: "1"}, {Name: "X-Relay-Timestamp", Value: "1770000000"}, {Name: "X-Relay-Signature", Value: "sha256=0123456789abcdef"},
	}
	b.ReportAllocs()
	b.SetParallelism(16) // as a lane does: goroutines wait for the network, not the network for them
	began := cpu(b)
	defer func() { b.ReportMetric(float64(cpu(b)-began)/float64(b.N)/1e3, "cpu-µs/op") }() // the receiver's share included
	b.RunParallel(func(pb *testing.PB) {
		req := &Request{Method: "POST", Target: target, Header: header, Body: body, Timeout: 10 * time.Second}
		for pb.Next() {
			if _, _, err := c.Do(b.Context(), req); err != nil {
				b.Error(err, err.Err)
				return
			}
		}
	})
}

// cpu returns the CPU time of this process.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkParseURL(b *testing.B) {
	c := New(Options{})
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.ParseURL("https://hooks.example.com:8443/v1/hook?tenant=1"); err != nil {
			b.Fatal(err)
		}
	}
}
