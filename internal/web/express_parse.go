package web

import "bytes"

// couldBeExpress reports whether the beginning of a request may still turn out to be ours.
func couldBeExpress(b []byte, path string) bool {
	line := "POST " + path + " HTTP/1.1\r\n"
	n := min(len(b), len(line))
	return string(b[:n]) == line[:n]
}

// parseExpress reads a head, to the end of its last line. It knows the plainest form of what HTTP allows, and reports
// false for everything else.
func parseExpress(b []byte, path string, h *ExpressHead) (length int, ok bool) {
	if !couldBeExpress(b, path) {
		return 0, false
	}
	b = b[bytes.IndexByte(b, '\n')+1:]
	*h = ExpressHead{}
	length = -1
	host := false
	var given [5]bool // of the headers that count: an empty one has been given, too
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		if end < 1 || b[end-1] != '\r' {
			return 0, false
		}
		line := b[:end-1]
		b = b[end+1:]
		colon := bytes.IndexByte(line, ':')
		if colon < 1 {
			return 0, false
		}
		name, value := line[:colon], line[colon+1:]
		if !plainName(name) || !plainValue(value) {
			return 0, false
		}
		value = bytes.Trim(value, " ")
		var into *[]byte
		var which int
		switch len(name) {
		case len("host"):
			if foldEqual(name, "host") {
				if host || !plainHost(value) {
					return 0, false
				}
				host = true
			}
		case len("content-length"):
			if foldEqual(name, "content-length") {
				n, ok := parseDecimal(value)
				if !ok || length >= 0 || n > maxExpressBody || n == 0 {
					return 0, false
				}
				length = int(n)
			} else if foldEqual(name, "ce-specversion") { // the header has parts of the event
				return 0, false
			}
		case len("authorization"):
			if foldEqual(name, "authorization") {
				into, which = &h.Authorization, 0
			}
		case len("content-type"):
			if foldEqual(name, "content-type") {
				into, which = &h.ContentType, 1
			} else if foldEqual(name, "relay-tenant") {
				return 0, false
			}
		case len("apikey"):
			if foldEqual(name, "apikey") {
				into, which = &h.APIKey, 2
			} else if foldEqual(name, "expect") {
				return 0, false
			}
		case len("idempotency-key"):
			if foldEqual(name, "idempotency-key") {
				if len(value) == 0 {
					return 0, false
				}
				into, which = &h.IdempotencyKey, 3
			}
		case len("connection"):
			if foldEqual(name, "connection") && !foldEqual(value, "keep-alive") {
				return 0, false
			}
		case len("traceparent"):
			if foldEqual(name, "traceparent") {
				into, which = &h.Traceparent, 4
			}
		case len("transfer-encoding"):
			if foldEqual(name, "transfer-encoding") {
				return 0, false
			}
		case len("content-encoding"):
			if foldEqual(name, "content-encoding") {
				return 0, false
			}
		case len("upgrade"):
			if foldEqual(name, "upgrade") || foldEqual(name, "trailer") {
				return 0, false
			}
		}
		if into != nil {
			if given[which] {
				return 0, false // given twice: which one counts is not ours to say
			}
			*into, given[which] = value, true
		}
	}
	return length, host && length > 0
}

// foldEqual compares without regard to case; the second is in lower case and of the same length.
func foldEqual(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func plainName(b []byte) bool {
	for _, c := range b {
		if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

func plainValue(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

func plainHost(b []byte) bool {
	for _, c := range b {
		if c != '.' && c != ':' && c != '-' && c != '[' && c != ']' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return len(b) > 0
}
