package rest

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/problem"
)

// Cursors say where a list goes on, by numbers of rows. Callers get them encrypted and bound to the list, its filters and
// the tenant: a cursor of another list is refused instead of showing another part of this one, and the numbers, which
// count for all tenants, tell nobody how much others do. All servers of an installation have the same key, which stays,
// so that a cursor is good at each of them and after a restart.
//
//	cur_ | base64url of: nonce (12 bytes), the handler's cursor, tag (16): AES-256-GCM

// cursorCipher returns what cursors are sealed with. The key is read when it is first needed, and kept.
func (f *Face) cursorCipher(ctx context.Context) (cipher.AEAD, error) {
	if c := f.cursors.Load(); c != nil {
		return *c, nil
	}
	key, err := f.answers.Secret(ctx, "cursors")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	c, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	f.cursors.Store(&c)
	return c, nil
}

// boundTo returns what a request's cursor is bound to: all that selects rows but their times, in which a cursor is a
// place; callers who ask for "the last hour" ask for another one with each page.
func boundTo(r *http.Request, c *Caller) []byte {
	query, _ := url.ParseQuery(r.URL.RawQuery) // it was read before
	for _, name := range [...]string{"cursor", "limit", "since", "until"} {
		query.Del(name)
	}
	return fmt.Appendf(nil, "cursor 1\x00%d\x00%s\x00%s", c.Tenant, r.URL.EscapedPath(), query.Encode())
}

// sealCursor replaces a handler's cursor by the one that the caller gets.
func (f *Face) sealCursor(r *http.Request, c *Caller, cursor *string) error {
	if cursor == nil {
		return nil
	}
	by, err := f.cursorCipher(r.Context())
	if err != nil {
		return err
	}
	*cursor = cursorPrefix + base64.RawURLEncoding.EncodeToString(by.Seal(nil, nil, []byte(*cursor), boundTo(r, c)))
	return nil
}

// openCursor replaces the caller's cursor in a request that has one by the handler's.
func (f *Face) openCursor(p *plan, r *http.Request, c *Caller, in reflect.Value) error {
	i := slices.IndexFunc(p.params, func(q param) bool { return q.name == "cursor" && !q.path })
	if i < 0 || in.FieldByIndex(p.params[i].index).String() == "" {
		return nil
	}
	into := in.FieldByIndex(p.params[i].index)
	by, err := f.cursorCipher(r.Context())
	if err != nil {
		return err
	}
	text, ok := strings.CutPrefix(into.String(), cursorPrefix)
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	var plain []byte
	if ok && err == nil {
		plain, err = by.Open(nil, nil, sealed, boundTo(r, c))
	}
	if !ok || err != nil {
		return problem.MalformedField("query cursor", "must be the nextCursor of an earlier answer of this list, with the same filters")
	}
	into.SetString(string(plain))
	return nil
}
