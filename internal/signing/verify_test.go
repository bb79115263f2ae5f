package signing

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

// request is a request as a receiver gets it, with the receiver's own secret.
type request struct {
	secret    string // the receiver's
	id        string
	timestamp string
	signature string
	body      string
}

const (
	testSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	testTime   = 1_770_000_000
	testBody   = `{"version":"2026-05-05","event":"call.completed"}`
)

func relayRequest() request {
	return request{
		secret:    testSecret,
		timestamp: strconv.Itoa(testTime),
		signature: string(NewRelay(testSecret).AppendSignature(nil, testTime, []byte(testBody))),
		body:      testBody,
	}
}

func (r request) verifyRelay(now time.Time) error {
	return VerifyRelay(r.secret, r.timestamp, r.signature, []byte(r.body), now, 5*time.Minute)
}

func TestVerifyRelay(t *testing.T) {
	good := strings.TrimPrefix(relayRequest().signature, "sha256=")
	raw, _ := hex.DecodeString(good)
	for _, c := range []struct {
		name   string
		change func(*request)
		after  time.Duration // between signing and verifying
		want   error
	}{
		{name: "as signed"},
		{name: "5 min old", after: 5 * time.Minute},
		{name: "5 min ahead", after: -5 * time.Minute},
		{name: "5 min 1 s old", after: 5*time.Minute + time.Second, want: ErrTimestamp},
		{name: "5 min 1 s ahead", after: -5*time.Minute - time.Second, want: ErrTimestamp},
		{name: "5 min and 1 ns old", after: 5*time.Minute + 1, want: ErrTimestamp},
		{name: "body changed", change: func(r *request) { r.body = strings.Replace(r.body, "call", "Call", 1) }, want: ErrNoMatch},
		{name: "body longer", change: func(r *request) { r.body += " " }, want: ErrNoMatch},
		{name: "body empty", change: func(r *request) { r.body = "" }, want: ErrNoMatch},
		{name: "timestamp changed", change: func(r *request) { r.timestamp = strconv.Itoa(testTime + 1) }, want: ErrNoMatch},
		{name: "timestamp and body redivided", change: func(r *request) { r.timestamp, r.body = "1770000000.", r.body[1:] }, want: ErrTimestamp},
		{name: "timestamp empty", change: func(r *request) { r.timestamp = "" }, want: ErrTimestamp},
		{name: "timestamp zero", change: func(r *request) { r.timestamp = "0" }, want: ErrTimestamp},
		{name: "timestamp with a sign", change: func(r *request) { r.timestamp = "+1770000000" }, want: ErrTimestamp},
		{name: "timestamp with a leading zero", change: func(r *request) { r.timestamp = "01770000000" }, want: ErrTimestamp},
		{name: "timestamp with a space", change: func(r *request) { r.timestamp = " 1770000000" }, want: ErrTimestamp},
		{name: "timestamp in hex", change: func(r *request) { r.timestamp = "0x69800000" }, want: ErrTimestamp},
		{name: "timestamp NaN", change: func(r *request) { r.timestamp = "NaN" }, want: ErrTimestamp},
		{name: "timestamp in milliseconds", change: func(r *request) { r.timestamp += "000" }, want: ErrTimestamp},
		{name: "timestamp beyond int64", change: func(r *request) { r.timestamp = "99999999999999999999" }, want: ErrTimestamp},
		{name: "header empty", change: func(r *request) { r.signature = "" }, want: ErrSignature},
		{name: "prefix only", change: func(r *request) { r.signature = "sha256=" }, want: ErrSignature},
		{name: "prefix missing", change: func(r *request) { r.signature = good }, want: ErrSignature},
		{name: "prefix of another algorithm", change: func(r *request) { r.signature = "sha512=" + good }, want: ErrSignature},
		{name: "first byte only", change: func(r *request) { r.signature = "sha256=" + good[:2] }, want: ErrSignature},
		{name: "first byte right, the rest not", change: func(r *request) { r.signature = "sha256=" + good[:2] + strings.Repeat("0", 62) }, want: ErrNoMatch},
		{name: "last digit missing", change: func(r *request) { r.signature = r.signature[:len(r.signature)-1] }, want: ErrSignature},
		{name: "digits added", change: func(r *request) { r.signature += "00" }, want: ErrSignature},
		{name: "hex in upper case", change: func(r *request) { r.signature = "sha256=" + strings.ToUpper(good) }, want: ErrNoMatch},
		{name: "prefix in upper case", change: func(r *request) { r.signature = "SHA256=" + good }, want: ErrSignature},
		{name: "base64 instead of hex", change: func(r *request) { r.signature = "sha256=" + base64.StdEncoding.EncodeToString(raw) }, want: ErrSignature},
		{name: "1,000 signatures", change: func(r *request) { r.signature = strings.Repeat(r.signature+" ", 1000) }, want: ErrSignature},
		{name: "1,000 signatures with commas", change: func(r *request) { r.signature = strings.Repeat(r.signature+",", 1000) }, want: ErrSignature},
		{name: "other secret", change: func(r *request) { r.secret = NewSecret() }, want: ErrNoMatch},
		{name: "key without whsec_", change: func(r *request) { r.secret = strings.TrimPrefix(r.secret, "whsec_") }, want: ErrNoMatch},
		{name: "key decoded", change: func(r *request) { b, _ := decodeSecret(r.secret); r.secret = string(b) }, want: ErrNoMatch},
		{name: "key with a line end", change: func(r *request) { r.secret += "\n" }, want: ErrNoMatch},
		{name: "signed with an empty secret", change: func(r *request) { r.secret = ""; r.signature = emptyKeySignature() }, want: ErrSecret},
		{name: "signed with a short secret", change: func(r *request) {
			r.secret = "whsec_AAECAwQFBgcICQoLD"
			r.signature = string(NewRelay(r.secret).AppendSignature(nil, testTime, []byte(testBody)))
		}, want: ErrSecret},
	} {
		r := relayRequest()
		if c.change != nil {
			c.change(&r)
		}
		err := r.verifyRelay(time.Unix(testTime, 0).Add(c.after))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: VerifyRelay(%+v): got %v, want %v", c.name, r, err, c.want)
		}
		checkNoSecret(t, err, r.secret)
	}
}

// emptyKeySignature returns the signature that anyone could compute for a receiver whose secret is
// unset.
func emptyKeySignature() string {
	return "sha256=" + hex.EncodeToString(sumHMAC(nil, strconv.Itoa(testTime)+".", []byte(testBody)))
}

func checkNoSecret(t *testing.T, err error, secret string) {
	t.Helper()
	if secret = strings.TrimPrefix(secret, "whsec_"); err != nil && len(secret) > 4 && strings.Contains(err.Error(), secret) {
		t.Errorf("error %q tells the secret", err)
	}
}

func TestVerifyStandard(t *testing.T) {
	private := NewPrivateKey()
	public := private.Public().(ed25519.PublicKey)
	v1 := string(newStandard(t, []string{testSecret}, nil).AppendSignature(nil, "msg_1", testTime, []byte(testBody)))
	v1a := string(newStandard(t, nil, []ed25519.PrivateKey{private}).AppendSignature(nil, "msg_1", testTime, []byte(testBody)))
	bare, bareA := strings.TrimPrefix(v1, "v1,"), strings.TrimPrefix(v1a, "v1a,")
	rawV1, _ := base64.StdEncoding.DecodeString(bare)
	wholeKey := base64.StdEncoding.EncodeToString(sumHMAC([]byte(testSecret), "msg_1.1770000000.", []byte(testBody)))
	publicAsSecret := base64.StdEncoding.EncodeToString(sumHMAC(public, "msg_1.1770000000.", []byte(testBody)))

	for _, c := range []struct {
		name   string
		change func(*request)
		after  time.Duration
		want   error
	}{
		{name: "v1 as signed"},
		{name: "v1a as signed", change: func(r *request) { r.signature = v1a }},
		{name: "16 signatures, the last is good", change: func(r *request) { r.signature = strings.Repeat("v1,"+strings.Repeat("A", 43)+"= ", 15) + v1 }},
		{name: "17 signatures, the first is good", change: func(r *request) { r.signature = v1 + strings.Repeat(" v1,"+strings.Repeat("A", 43)+"=", 16) }, want: ErrSignature},
		{name: "1,000 signatures, the last is good", change: func(r *request) { r.signature = strings.Repeat(v1a[:20]+" ", 999) + v1 }, want: ErrSignature},
		{name: "5 min old", after: 5 * time.Minute},
		{name: "5 min ahead", after: -5 * time.Minute},
		{name: "5 min 1 s old", after: 5*time.Minute + time.Second, want: ErrTimestamp},
		{name: "5 min 1 s ahead", after: -5*time.Minute - time.Second, want: ErrTimestamp},
		{name: "body changed", change: func(r *request) { r.body = strings.Replace(r.body, "call", "Call", 1) }, want: ErrNoMatch},
		{name: "body changed under v1a", change: func(r *request) { r.signature = v1a; r.body += " " }, want: ErrNoMatch},
		{name: "timestamp changed", change: func(r *request) { r.timestamp = strconv.Itoa(testTime + 1) }, want: ErrNoMatch},
		{name: "timestamp with a leading zero", change: func(r *request) { r.timestamp = "0" + r.timestamp }, want: ErrTimestamp},
		{name: "id changed", change: func(r *request) { r.id = "msg_2" }, want: ErrNoMatch},
		{name: "id empty", change: func(r *request) { r.id = "" }, want: ErrID},
		{name: "id with a full stop", change: func(r *request) { r.id = "msg_1.1770000000" }, want: ErrID},
		{name: "id with a space", change: func(r *request) { r.id = "msg_1 " }, want: ErrID},
		{name: "id too long", change: func(r *request) { r.id = strings.Repeat("m", maxIDBytes+1) }, want: ErrID},
		{name: "header empty", change: func(r *request) { r.signature = "" }, want: ErrSignature},
		{name: "no value", change: func(r *request) { r.signature = "v1," }, want: ErrNoMatch},
		{name: "no version", change: func(r *request) { r.signature = bare }, want: ErrNoMatch},
		{name: "empty version", change: func(r *request) { r.signature = "," + bare }, want: ErrNoMatch},
		{name: "unknown version", change: func(r *request) { r.signature = "v2," + bare }, want: ErrNoMatch},
		{name: "first byte only", change: func(r *request) { r.signature = "v1," + base64.StdEncoding.EncodeToString(rawV1[:1]) }, want: ErrNoMatch},
		{name: "padding missing", change: func(r *request) { r.signature = strings.TrimRight(v1, "=") }, want: ErrNoMatch},
		{name: "something after it", change: func(r *request) { r.signature = v1 + ",x" }, want: ErrNoMatch},
		{name: "hex in upper case", change: func(r *request) { r.signature = "v1," + strings.ToUpper(hex.EncodeToString(rawV1)) }, want: ErrNoMatch},
		{name: "v1a value under v1", change: func(r *request) { r.signature = "v1," + bareA }, want: ErrNoMatch},
		{name: "v1 value under v1a", change: func(r *request) { r.signature = "v1a," + bare }, want: ErrNoMatch},
		{name: "HMAC with the public key under v1", change: func(r *request) { r.signature = "v1," + publicAsSecret }, want: ErrNoMatch},
		{name: "v1a with line ends", change: func(r *request) { r.signature = v1a[:40] + "\n" + v1a[40:] }, want: ErrNoMatch},
		{name: "v1a of zeros", change: func(r *request) { r.signature = "v1a," + base64.StdEncoding.EncodeToString(make([]byte, 64)) }, want: ErrNoMatch},
		{name: "key used undecoded, with whsec_", change: func(r *request) { r.signature = "v1," + wholeKey }, want: ErrNoMatch},
		{name: "signature of the other scheme", change: func(r *request) { r.signature = relayRequest().signature }, want: ErrNoMatch},
		{name: "other secret", change: func(r *request) { r.secret = NewSecret() }, want: ErrNoMatch},
		{name: "secret empty", change: func(r *request) { r.secret = "" }, want: ErrSecret},
		{name: "secret is a prefix", change: func(r *request) { r.secret = "whsec_" }, want: ErrSecret},
		{name: "secret of 23 bytes", change: func(r *request) { r.secret = encodeSecret(23) }, want: ErrSecret},
		{name: "secret is not base64", change: func(r *request) { r.secret = "whsec_" + strings.Repeat("*", 44) }, want: ErrSecret},
	} {
		r := request{secret: testSecret, id: "msg_1", timestamp: strconv.Itoa(testTime), signature: v1, body: testBody}
		if c.change != nil {
			c.change(&r)
		}
		err := VerifyStandard([]string{r.secret}, []ed25519.PublicKey{public}, r.id, r.timestamp, r.signature,
			[]byte(r.body), time.Unix(testTime, 0).Add(c.after), 5*time.Minute)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: VerifyStandard(%+v): got %v, want %v", c.name, r, err, c.want)
		}
		checkNoSecret(t, err, r.secret)
	}
}

func TestVerifyStandardNeedsKeys(t *testing.T) {
	now, ts := time.Unix(testTime, 0), strconv.Itoa(testTime)
	empty := "v1," + base64.StdEncoding.EncodeToString(sumHMAC(nil, "msg_1."+ts+".", []byte(testBody)))
	for _, c := range []struct {
		name    string
		secrets []string
		keys    []ed25519.PublicKey
		want    error
	}{
		{"nothing", nil, nil, ErrSecret},
		{"an empty secret", []string{""}, nil, ErrSecret},
		{"an empty secret beside a good one", []string{testSecret, ""}, nil, ErrSecret},
		{"an empty key", nil, []ed25519.PublicKey{nil}, ErrKey},
		{"a short key", nil, []ed25519.PublicKey{make([]byte, 31)}, ErrKey},
	} {
		err := VerifyStandard(c.secrets, c.keys, "msg_1", ts, empty, []byte(testBody), now, 0)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

// A header of the largest size that servers commonly accept must not cost one ed25519 verification
// per signature.
func TestVerifyStandardBoundsWork(t *testing.T) {
	key := NewPrivateKey().Public().(ed25519.PublicKey)
	one := "v1a," + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 64))
	header := strings.Repeat(one+" ", 10_000) + one
	start := time.Now()
	for range 100 {
		err := VerifyStandard(nil, []ed25519.PublicKey{key}, "msg_1", strconv.Itoa(testTime), header, nil, time.Unix(testTime, 0), 0)
		if !errors.Is(err, ErrSignature) {
			t.Fatalf("VerifyStandard with 10,001 signatures: got %v, want %v", err, ErrSignature)
		}
	}
	// A million verifications take about a minute; rejecting a hundred headers takes a few
	// milliseconds.
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("refusing 100 headers of 10,001 signatures took %s, want next to nothing", d)
	}
}

func TestZeroToleranceIsTheDefault(t *testing.T) {
	r := relayRequest()
	for _, tolerance := range []time.Duration{0, -time.Hour} {
		for after, want := range map[time.Duration]error{DefaultTolerance: nil, DefaultTolerance + time.Second: ErrTimestamp} {
			err := VerifyRelay(r.secret, r.timestamp, r.signature, []byte(r.body), time.Unix(testTime, 0).Add(after), tolerance)
			if !errors.Is(err, want) {
				t.Errorf("tolerance %s, %s later: got %v, want %v", tolerance, after, err, want)
			}
		}
	}
}

func FuzzVerifyRelay(f *testing.F) {
	good := relayRequest()
	f.Add(good.timestamp, good.signature, []byte(good.body))
	f.Add("", "", []byte(nil))
	f.Add("+1770000000", "sha256=", []byte("."))
	f.Add(good.timestamp, strings.ToUpper(good.signature), []byte(good.body))
	now := time.Unix(testTime, 0)
	f.Fuzz(func(t *testing.T, timestamp, signature string, body []byte) {
		err := VerifyRelay(testSecret, timestamp, signature, body, now, 0)
		if err == nil {
			// Only the signer's own output may verify.
			ts, perr := strconv.ParseInt(timestamp, 10, 64)
			want := string(NewRelay(testSecret).AppendSignature(nil, ts, body))
			if perr != nil || signature != want || strconv.FormatInt(ts, 10) != timestamp {
				t.Errorf("VerifyRelay accepted timestamp %q, signature %q, body %q; want %q", timestamp, signature, body, want)
			}
		}
		if err := VerifyRelay("", timestamp, signature, body, now, 0); err == nil {
			t.Errorf("an empty secret verified timestamp %q, signature %q", timestamp, signature)
		}
	})
}

func FuzzVerifyStandard(f *testing.F) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	keys := []ed25519.PublicKey{private.Public().(ed25519.PublicKey)}
	signer := newStandard(f, []string{testSecret}, []ed25519.PrivateKey{private})
	good := string(signer.AppendSignature(nil, "msg_1", testTime, []byte(testBody)))
	ts := strconv.Itoa(testTime)
	f.Add("msg_1", ts, good, []byte(testBody))
	f.Add("msg_1", ts, strings.Replace(good, "v1a,", "v1,", 1), []byte(testBody))
	f.Add("", "", "", []byte(nil))
	f.Add("a.b", ts, "v1,", []byte(testBody))
	f.Add("msg_1", ts, "v1a, v1 ,,, v1,=", []byte(testBody))
	now := time.Unix(testTime, 0)
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		err := VerifyStandard([]string{testSecret}, keys, id, timestamp, signature, body, now, 0)
		if err == nil {
			seconds, perr := strconv.ParseInt(timestamp, 10, 64)
			want := strings.Fields(string(signer.AppendSignature(nil, id, seconds, body)))
			ours := false
			for _, s := range strings.Split(signature, " ") {
				for _, w := range want {
					ours = ours || s == w
				}
			}
			if perr != nil || !ours || strings.Contains(id, ".") {
				t.Errorf("VerifyStandard accepted id %q, timestamp %q, signature %q, body %q; want one of %q", id, timestamp, signature, body, want)
			}
		}
	})
}
