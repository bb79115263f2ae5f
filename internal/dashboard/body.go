package dashboard

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/exchange"
)

// body is the body of a request or an answer as a page shows it.
type body struct {
	Raw    string // text as it was; empty if it is none
	Pretty string // the same, indented; empty if it is no JSON
	Hex    string // a dump of the first bytes of what is no text
	Bytes  int64
	Cut    bool // there was more than is stored
}

// maxDump bounds how many bytes are dumped.
const maxDump = 4 << 10

// showBody prepares a body. JSON is only indented: the digits of numbers, the order of members and escapes stay as they
// were sent.
func showBody(b []byte, contentType string, cut bool, size int64) *body {
	v := &body{Bytes: size, Cut: cut}
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		v.Hex = hex.Dump(b[:min(len(b), maxDump)])
		v.Cut = v.Cut || len(b) > maxDump
		return v
	}
	v.Raw = string(b)
	if strings.Contains(contentType, "json") || len(b) > 0 && (b[0] == '{' || b[0] == '[') {
		var pretty bytes.Buffer
		if json.Indent(&pretty, b, "", "  ") == nil && pretty.Len() > len(b) {
			v.Pretty = pretty.String()
		}
	}
	return v
}

func headerValue(fields []exchange.Field, name string) string {
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// curl is a command that sends the same request again.
func curl(a *delivery.Attempt) string {
	var b strings.Builder
	b.WriteString("curl -i -X " + quote(a.Request.Method) + " " + quote(a.Request.URL))
	for _, f := range a.Request.Header {
		if strings.EqualFold(f.Name, "Host") || strings.EqualFold(f.Name, "Content-Length") {
			continue // curl writes these
		}
		b.WriteString(" \\\n  -H " + quote(f.Name+": "+f.Value))
	}
	b.WriteString(" \\\n  --data-binary " + quote(string(a.Request.Body)))
	return b.String()
}

// quote makes a word of a shell's command line that the shell changes nothing in.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
