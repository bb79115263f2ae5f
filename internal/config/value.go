package config

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/observe"
)

// Secret is a text that prints as "(hidden)", whatever the verb. Reveal returns the text.
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

// Format implements fmt.Formatter, because fmt asks a Stringer only for some verbs and prints the
// text for the others.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'q' || f.Flag('#') {
		fmt.Fprintf(f, "%q", s.String())
		return
	}
	io.WriteString(f, s.String())
}

// MarshalText implements encoding.TextMarshaler, which JSON encoders and slog's handlers use.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// DatabaseURL is the address of a database. It prints as "(hidden)", because it may contain a
// password. Reveal returns the address, and Place the part that may be shown.
type DatabaseURL string

// Reveal returns the address itself.
func (d DatabaseURL) Reveal() string { return string(d) }

// Place returns the hosts and the name of the database, without user, password and parameters.
func (d DatabaseURL) Place() string {
	if !d.valid() {
		return ""
	}
	scheme, rest, _ := strings.Cut(string(d), "://")
	rest, _, _ = strings.Cut(rest, "?")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	return scheme + "://" + rest
}

// valid reports whether the address looks like one of a PostgreSQL database; only the driver can
// tell whether it is.
func (d DatabaseURL) valid() bool {
	scheme, rest, ok := strings.Cut(string(d), "://")
	return ok && rest != "" && (scheme == "postgres" || scheme == "postgresql")
}

// String implements fmt.Stringer.
func (d DatabaseURL) String() string { return Secret(d).String() }

// Format implements fmt.Formatter, as that of Secret.
func (d DatabaseURL) Format(f fmt.State, verb rune) { Secret(d).Format(f, verb) }

// MarshalText implements encoding.TextMarshaler, which JSON encoders and slog's handlers use.
func (d DatabaseURL) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// LogValue implements slog.LogValuer.
func (d DatabaseURL) LogValue() slog.Value { return slog.StringValue(d.String()) }

// Bytes is a number of bytes, read and written as "48MiB", "512KiB" or a plain number.
type Bytes int64

var byteUnits = []struct {
	name string
	size int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// String implements fmt.Stringer.
func (b Bytes) String() string {
	for _, u := range byteUnits {
		if b != 0 && int64(b)%u.size == 0 && u.size > 1 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) error {
	s, size := string(text), int64(1)
	for _, u := range byteUnits {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			s, size = strings.TrimSpace(number), u.size
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/size {
		return fmt.Errorf("must be a number of bytes, such as 48MiB, 512KiB or 1048576")
	}
	*b = Bytes(n * size)
	return nil
}

// Networks is a list of networks, written with commas: "203.0.113.7, 198.51.100.0/24". A single
// address is a network of one address.
type Networks []netip.Prefix

// String implements fmt.Stringer.
func (n Networks) String() string { return strings.Join(n.Texts(), ",") }

// Texts returns each network as people write it: a single address without a prefix length.
func (n Networks) Texts() []string {
	parts := make([]string, len(n))
	for i, network := range n {
		parts[i] = network.String()
		if network.IsSingleIP() {
			parts[i] = network.Addr().String()
		}
	}
	return parts
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Networks) UnmarshalText(text []byte) error {
	list := Networks{}
	for part := range strings.SplitSeq(string(text), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		network, err := netip.ParsePrefix(part)
		if addr, aerr := netip.ParseAddr(part); aerr == nil {
			network, err = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
		}
		switch {
		case err != nil || network.Addr().Zone() != "" || network.Addr().IsUnspecified() || network.Addr().Is4In6():
			return errors.New("must list addresses or networks, such as 203.0.113.7,198.51.100.0/24")
		case network != network.Masked():
			return fmt.Errorf("must list addresses or networks, but %q is an address inside the network %s", part, network.Masked())
		case slices.Contains(list, network):
			return fmt.Errorf("must list each network once, got %q twice", part)
		}
		list = append(list, network)
	}
	*n = list
	return nil
}

// Addresses is a list of addresses, written with commas.
type Addresses []netip.Addr

// String implements fmt.Stringer.
func (a Addresses) String() string {
	parts := make([]string, len(a))
	for i, addr := range a {
		parts[i] = addr.String()
	}
	return strings.Join(parts, ",")
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Addresses) UnmarshalText(text []byte) error {
	list := Addresses{}
	for part := range strings.SplitSeq(string(text), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		addr, err := netip.ParseAddr(part)
		if err != nil || addr.Zone() != "" {
			return errors.New("must list addresses, such as 192.0.2.7,2001:db8::7")
		}
		list = append(list, addr.Unmap())
	}
	*a = list
	return nil
}

const day = 24 * time.Hour

// parseDuration parses the durations of time.ParseDuration, and days: "30d", "1d12h".
func parseDuration(s string) (time.Duration, error) {
	wrong := fmt.Errorf("must be a duration, such as 30d, 12h or 10s")
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, wrong
		}
		return d, nil
	}
	n, err := strconv.ParseUint(days, 10, 16) // 65,535 days do not overflow
	if err != nil {
		return 0, wrong
	}
	d := time.Duration(n) * day
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || more < 0 || more > day {
			return 0, wrong
		}
		d += more
	}
	return d, nil
}

// formatDuration returns the shortest spelling that parseDuration accepts.
func formatDuration(d time.Duration) string {
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// setText sets a field of Config from a text. The error completes "setting NAME …".
func setText(v reflect.Value, text string) error {
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *Secret:
		*p = Secret(text)
	case *DatabaseURL:
		*p = DatabaseURL(text)
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("must be true or false, got %q", text)
		}
		*p = b
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("must be a whole number, got %q", text)
		}
		*p = n
	case *time.Duration:
		d, err := parseDuration(text)
		if err != nil {
			return fmt.Errorf("%w, got %q", err, text)
		}
		*p = d
	case *[]netip.Prefix:
		list := []netip.Prefix{}
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			network, err := netip.ParsePrefix(part)
			if err != nil {
				return fmt.Errorf("must list networks, such as 10.1.0.0/16, got %q", part)
			}
			if network != network.Masked() {
				return fmt.Errorf("has %q, an address inside the network: write %s", part, network.Masked())
			}
			list = append(list, network)
		}
		*p = list
	case *slog.Level:
		switch strings.ToLower(text) {
		case "debug", "info", "warn", "error":
			return p.UnmarshalText([]byte(text))
		}
		return fmt.Errorf("must be debug, info, warn or error, got %q", text)
	case encoding.TextUnmarshaler:
		if err := p.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%w, got %q", err, text)
		}
	default:
		return fmt.Errorf("internal error: no reader for a %T", p)
	}
	return nil
}

// showText is the inverse of setText, for help texts; secrets stay hidden.
func showText(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return formatDuration(x)
	case slog.Level:
		return strings.ToLower(x.String())
	case []netip.Prefix:
		parts := make([]string, len(x))
		for i, network := range x {
			parts[i] = network.String()
		}
		return strings.Join(parts, ",")
	default:
		return fmt.Sprint(x)
	}
}

// kindOf names the kind of value that a setting of the type takes.
func kindOf(t reflect.Type) string {
	switch reflect.Zero(t).Interface().(type) {
	case bool:
		return "bool"
	case int:
		return "number"
	case Bytes:
		return "bytes"
	case time.Duration:
		return "duration"
	case []netip.Prefix, Networks:
		return "networks"
	case Addresses:
		return "addresses"
	case slog.Level:
		return "debug|info|warn|error"
	case observe.LogFormat:
		return "auto|text|json"
	default:
		return "text"
	}
}
