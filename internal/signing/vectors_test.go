package signing

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The published vector of Standard Webhooks: its libraries' documentation has the message with v1,
// and the reference server's test of asymmetric keys has the same message with v1a.
const (
	vectorSecret     = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorPrivateKey = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	vectorPublicKey  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	vectorID         = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTimestamp  = 1614265330
	vectorBody       = `{"test": 2432232314}`
	vectorV1         = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	vectorV1a        = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)

func parsePrivateKey(t testing.TB, s string) ed25519.PrivateKey {
	t.Helper()
	k, err := ParsePrivateKey(s)
	if err != nil {
		t.Fatalf("ParsePrivateKey: %v", err)
	}
	return k
}

func newStandard(t testing.TB, secrets []string, keys []ed25519.PrivateKey) *Standard {
	t.Helper()
	s, err := NewStandard(secrets, keys)
	if err != nil {
		t.Fatalf("NewStandard: %v", err)
	}
	return s
}

func TestStandardVectors(t *testing.T) {
	private := parsePrivateKey(t, vectorPrivateKey)
	s := newStandard(t, []string{vectorSecret}, []ed25519.PrivateKey{private})
	got := string(s.AppendSignature([]byte("x"), vectorID, vectorTimestamp, []byte(vectorBody)))
	if want := "x" + vectorV1 + " " + vectorV1a; got != want {
		t.Errorf("AppendSignature: got %q, want %q", got, want)
	}

	public, err := ParsePublicKey(vectorPublicKey)
	if err != nil {
		t.Fatalf("ParsePublicKey: %v", err)
	}
	now := time.Unix(vectorTimestamp, 0)
	ts := strconv.Itoa(vectorTimestamp)
	for _, c := range []struct {
		name      string
		secrets   []string
		keys      []ed25519.PublicKey
		signature string
	}{
		{"v1", []string{vectorSecret}, nil, vectorV1},
		{"v1, secret without prefix", []string{strings.TrimPrefix(vectorSecret, "whsec_")}, nil, vectorV1},
		{"v1, old secret of a rotation", []string{NewSecret(), vectorSecret}, nil, vectorV1},
		{"v1 after others", []string{vectorSecret}, nil, "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,new " + vectorV1},
		{"v1a", nil, []ed25519.PublicKey{public}, vectorV1a},
		{"v1a with a secret besides", []string{NewSecret()}, []ed25519.PublicKey{public}, vectorV1 + " " + vectorV1a},
	} {
		if err := VerifyStandard(c.secrets, c.keys, vectorID, ts, c.signature, []byte(vectorBody), now, 0); err != nil {
			t.Errorf("%s: VerifyStandard(%q): got %v, want nil", c.name, c.signature, err)
		}
	}
}

func TestKeyEncoding(t *testing.T) {
	private := parsePrivateKey(t, vectorPrivateKey)
	if got := EncodePrivateKey(private); got != vectorPrivateKey {
		t.Errorf("EncodePrivateKey: got %q, want %q", got, vectorPrivateKey)
	}
	if got := EncodePublicKey(private.Public().(ed25519.PublicKey)); got != vectorPublicKey {
		t.Errorf("EncodePublicKey: got %q, want %q", got, vectorPublicKey)
	}
	fresh := NewPrivateKey()
	if got := parsePrivateKey(t, EncodePrivateKey(fresh)); !got.Equal(fresh) {
		t.Errorf("a new key did not survive encoding")
	}
	if fresh.Equal(NewPrivateKey()) {
		t.Errorf("two new keys are equal")
	}
}

// The keys of RFC 4231 test cases 1 and 2 have other lengths than ours; the cases show that the
// HMAC below is HMAC-SHA256.
func TestHMACVectors(t *testing.T) {
	for _, c := range []struct{ key, data, want string }{
		{strings.Repeat("\x0b", 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	} {
		if got := hex.EncodeToString(sumHMAC([]byte(c.key), "", []byte(c.data))); got != c.want {
			t.Errorf("HMAC(%q, %q): got %s, want %s", c.key, c.data, got, c.want)
		}
	}
	// The signer accepts only messages of the scheme's own form; this one was hashed with openssl
	// dgst -sha256 -hmac.
	const relayVector = "2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964"
	got := string(NewRelay(vectorSecret).AppendSignature(nil, vectorTimestamp, []byte(vectorBody)))
	if want := "sha256=" + relayVector; got != want {
		t.Errorf("Relay.AppendSignature: got %q, want %q", got, want)
	}
}

// The official library reads the current time itself, so these messages are signed with the current
// time.
func TestStandardAgainstOfficialLibrary(t *testing.T) {
	for size := range 300 {
		secret, id, body := NewSecret(), fmt.Sprintf("msg_%d", size), []byte(strings.Repeat("é{\"\x00", size))
		official, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatalf("standardwebhooks.NewWebhook: %v", err)
		}
		now := time.Now()

		ours := newStandard(t, []string{NewSecret(), secret}, []ed25519.PrivateKey{NewPrivateKey()})
		header := http.Header{}
		header.Set(HeaderStandardID, id)
		header.Set(HeaderStandardTimestamp, strconv.FormatInt(now.Unix(), 10))
		header.Set(HeaderStandardSignature, string(ours.AppendSignature(nil, id, now.Unix(), body)))
		if err := official.Verify(body, header); err != nil {
			t.Fatalf("body of %d bytes: the official library refuses our signature: %v", len(body), err)
		}

		theirs, err := official.Sign(id, now, body)
		if err != nil {
			t.Fatalf("official Sign: %v", err)
		}
		err = VerifyStandard([]string{secret}, nil, id, strconv.FormatInt(now.Unix(), 10), theirs, body, now, 0)
		if err != nil {
			t.Fatalf("body of %d bytes: we refuse the official library's signature: %v", len(body), err)
		}
	}
}

func TestHeaderNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{HeaderStandardID, standardwebhooks.HeaderWebhookID},
		{HeaderStandardTimestamp, standardwebhooks.HeaderWebhookTimestamp},
		{HeaderStandardSignature, standardwebhooks.HeaderWebhookSignature},
		{HeaderRelayTimestamp, "X-Relay-Timestamp"},
		{HeaderRelaySignature, "X-Relay-Signature"},
	} {
		if c.got != c.want {
			t.Errorf("header name: got %q, want %q", c.got, c.want)
		}
	}
}
