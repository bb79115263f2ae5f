package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Source is where the answers of the other system's API come from.
type Source interface {
	// Get returns the answer to GET of a path, such as /app/app_1/endpoint. A list is asked for page
	// by page; the query has the page's cursor, and page counts from 1. The error wraps ErrNone where
	// there is no such thing, and ErrRefused where the token does not suffice.
	Get(ctx context.Context, path string, query url.Values, page int) ([]byte, error)
}

// Errors of a Source.
var (
	ErrNone    = errors.New("there is none")
	ErrRefused = errors.New("the token does not suffice")
)

// Bounds of what is read.
const (
	maxAnswer = 16 << 20 // bytes
	maxPages  = 10_000   // of a list
	tries     = 4        // of a request that is answered 429 or 5xx
)

type server struct {
	base, token string
	http        *http.Client
	wait        time.Duration // before the second try; doubled before each further one
}

// NewServer returns the answers of a running system. An address without a path is completed by
// /api/v1, where all three systems have their API.
func NewServer(address, token string) (Source, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("must be an address such as https://api.example.com, got %q", address)
	}
	base := strings.TrimRight(u.String(), "/")
	if strings.Trim(u.Path, "/") == "" {
		base += "/api/v1"
	}
	return &server{base: base, token: token, wait: time.Second, http: &http.Client{
		Timeout: 30 * time.Second,
		// A redirect would be followed without the token, or with it to somewhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Get implements Source.
func (s *server) Get(ctx context.Context, path string, query url.Values, _ int) ([]byte, error) {
	at := s.base + path
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	wait := s.wait
	for try := 1; ; try++ {
		b, after, err := s.once(ctx, at)
		if after < 0 || try == tries {
			if err != nil {
				return nil, fmt.Errorf("GET %s: %w", at, err)
			}
			return b, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(max(after, wait)):
		}
		wait *= 2
	}
}

// once makes a request. after says when to try again; negative: never.
func (s *server) once(ctx context.Context, at string) (b []byte, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, -1, err
	}
	req.Header.Set("Accept", "application/json")
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := s.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the address is named by the caller
		}
		return nil, 0, err
	}
	defer res.Body.Close()
	b, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, 0, err
	case len(b) > maxAnswer:
		return nil, -1, errors.New("the answer is larger than 16 MiB")
	case res.StatusCode == http.StatusOK:
		return b, -1, nil
	case res.StatusCode == http.StatusNotFound:
		return nil, -1, fmt.Errorf("status %s: %w", res.Status, ErrNone)
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		return nil, -1, fmt.Errorf("status %s: %w", res.Status, ErrRefused)
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode >= 500:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return nil, time.Duration(min(max(seconds, 0), 60)) * time.Second, fmt.Errorf("status %s", res.Status)
	}
	return nil, -1, fmt.Errorf("status %s", res.Status)
}

type folder struct{ root *os.Root }

// NewFolder returns answers that were saved as files of a folder: that of GET /app/app_1/endpoint in
// app/app_1/endpoint.json, and further pages in app/app_1/endpoint.2.json and so on. The caller
// closes it.
func NewFolder(dir string) (interface {
	Source
	io.Closer
}, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return folder{root}, nil
}

// Close closes the folder.
func (f folder) Close() error { return f.root.Close() }

// Get implements Source.
func (f folder) Get(_ context.Context, path string, _ url.Values, page int) ([]byte, error) {
	name, err := url.PathUnescape(strings.TrimPrefix(path, "/")) // an id may have any characters; the root keeps them inside
	if err != nil {
		return nil, err
	}
	if page > 1 {
		name += "." + strconv.Itoa(page)
	}
	name += ".json"
	file, err := f.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if page > 1 {
			return nil, fmt.Errorf("the file %s is missing: the page before says that there is a further one", name)
		}
		return nil, fmt.Errorf("the file %s: %w", name, ErrNone)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = errors.New("it is larger than 16 MiB")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the file %s: %w", name, err)
	}
	return b, nil
}

// one reads a thing.
func one[T any](ctx context.Context, s Source, path string) (v T, err error) {
	b, err := s.Get(ctx, path, nil, 1)
	if err == nil {
		err = decode(b, path, &v)
	}
	return v, err
}

// optional reads a thing that may not be there.
func optional[T any](ctx context.Context, s Source, path string) (v T, found bool, err error) {
	v, err = one[T](ctx, s, path)
	if errors.Is(err, ErrNone) {
		return v, false, nil
	}
	return v, err == nil, err
}

// pages reads a list. next takes an answer apart: its entries, and the cursor of the next page, empty
// at the end.
func pages[A, T any](ctx context.Context, s Source, path string, query url.Values, cursor string, next func(A) ([]T, string)) ([]T, error) {
	var all []T
	seen := map[string]bool{}
	for page := 1; page <= maxPages; page++ {
		b, err := s.Get(ctx, path, query, page)
		if err != nil {
			return nil, err
		}
		var a A
		if err := decode(b, path, &a); err != nil {
			return nil, err
		}
		list, to := next(a)
		all = append(all, list...)
		if to == "" {
			return all, nil
		}
		if seen[to] {
			return nil, fmt.Errorf("GET %s: the same cursor %q comes twice", path, to)
		}
		seen[to] = true
		query.Set(cursor, to)
	}
	return nil, fmt.Errorf("GET %s: there are more than %d pages", path, maxPages)
}

func decode(b []byte, path string, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("the answer to GET %s is not as documented: %w", path, err)
	}
	return nil
}
