package oauth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"adcp-orchestrator/pkg/oauth"
	"adcp-orchestrator/pkg/safehttp"
)

func TestSecretIsSentOneWay(t *testing.T) {
	t.Parallel()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("id%3A1:s3cret%2F%26%2Bsecret"))
	for name, tc := range map[string]struct {
		methods, chosen string
		basic           bool
		code            oauth.Code
	}{
		"not stated":          {"", "", true, ""},
		"basic among others":  {`["none","client_secret_post","client_secret_basic"]`, "", true, ""},
		"post":                {`["private_key_jwt","client_secret_post"]`, "", false, ""},
		"chosen":              {`["client_secret_basic"]`, oauth.SecretPost, false, ""},
		"no way":              {`["private_key_jwt"]`, "", false, oauth.AuthMethodUnsupported},
		"metadata of numbers": {`[1]`, "", false, oauth.ServerInvalid},
	} {
		s := &server{}
		if tc.methods != "" {
			s.methods = `,"token_endpoint_auth_methods_supported":` + tc.methods
		}
		r := wanted()
		r.AuthMethod, r.Scope, r.Audience = tc.chosen, "adcp buy", "aud"
		_, err := s.client().Token(t.Context(), r)
		if tc.code != "" {
			if f := (*oauth.Fault)(nil); !errors.As(err, &f) || f.Code != tc.code || f.Waiting || s.requests() != 0 {
				t.Errorf("%s: %v, %d requests", name, err, s.requests())
			}
			continue
		}
		if err != nil || s.requests() != 1 {
			t.Fatalf("%s: %v, %d requests", name, err, s.requests())
		}
		form := s.forms[0]
		if (s.auth[0] == basic) != tc.basic || (form.Get("client_secret") == "s3cret/&+secret") == tc.basic ||
			form.Get("grant_type") != "client_credentials" || form.Get("resource") != agentURL ||
			form.Get("scope") != "adcp buy" || form.Get("audience") != "aud" {
			t.Errorf("%s: %q, %v", name, s.auth[0], form)
		}
	}
}

func TestTokenIsRenewedBeforeItLapses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		expires string
		serves  time.Duration // from when on it is renewed
	}{
		"an hour":         {`,"expires_in":3600`, 54 * time.Minute},
		"ten minutes":     {`,"expires_in":600`, 9 * time.Minute},
		"five minutes":    {`,"expires_in":300`, 4 * time.Minute},
		"a minute":        {`,"expires_in":60`, 30 * time.Second},
		"a year":          {`,"expires_in":31536000`, 24*time.Hour - 144*time.Minute},
		"more than a int": {`,"expires_in":1e300`, 24*time.Hour - 144*time.Minute},
		"not stated":      {``, 4 * time.Minute},
		"null":            {`,"expires_in":null`, 4 * time.Minute},
		"text":            {`,"expires_in":"3600"`, 4 * time.Minute},
		"no number":       {`,"expires_in":1e309`, 4 * time.Minute},
		"none":            {`,"expires_in":0`, 0},
		"negative":        {`,"expires_in":-1`, 0},
		"beyond negative": {`,"expires_in":-1e300`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &server{token: func(n int) (int, string) {
					return 200, fmt.Sprintf(`{"access_token":"token-%d","token_type":"Bearer"%s}`, n, tc.expires)
				}}
				c := s.client()
				if got := get(t, c, wanted()); got != "token-1" {
					t.Fatal(got)
				}
				if tc.serves > 0 {
					pass(tc.serves - time.Second)
					if got := get(t, c, wanted()); got != "token-1" {
						t.Errorf("renewed too early")
					}
					pass(time.Second)
				}
				if got := get(t, c, wanted()); got != "token-2" {
					t.Errorf("got %s", got)
				}
			})
		})
	}
}

// The server is away for an hour of a token's last minutes: the token serves as long as it lives,
// and the server is asked every half minute.
func TestLivingTokenServesWhileItCannotBeRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{token: func(n int) (int, string) {
			if n > 1 {
				return 503, ``
			}
			return 200, `{"access_token":"token-1","token_type":"Bearer","expires_in":3600}`
		}}
		c := s.client()
		get(t, c, wanted())
		pass(54 * time.Minute)
		for range 35 { // 350 s
			if got := get(t, c, wanted()); got != "token-1" {
				t.Fatal(got)
			}
			pass(10 * time.Second)
		}
		if n := s.requests(); n < 10 || n > 14 {
			t.Errorf("%d requests", n)
		}
		pass(time.Second)
		_, err := c.Token(t.Context(), wanted())
		if f := (*oauth.Fault)(nil); !errors.As(err, &f) || f.Code != oauth.TokenUnavailable || !f.Waiting {
			t.Errorf("a lapsed token: %v", err)
		}
	})
}

// A hundred calls at once make one request; who gives up meanwhile takes nobody along.
func TestOneRequestServesAllWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: 5 * time.Second}
		c := s.client()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			_, err := c.Token(impatient, wanted())
			if f := (*oauth.Fault)(nil); !errors.As(err, &f) || !f.Waiting || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the impatient one got %v", err)
			}
		})
		synctest.Wait()
		for range 100 {
			all.Go(func() {
				if token, err := c.Token(t.Context(), wanted()); err != nil || token != "token-1" {
					t.Errorf("got %q, %v", token, err)
				}
			})
		}
		all.Wait()
		if n := s.requests(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestSlowServerIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: time.Hour}
		began := time.Now()
		_, err := s.client().Token(t.Context(), wanted())
		if f := (*oauth.Fault)(nil); !errors.As(err, &f) || f.Code != oauth.TokenUnavailable || !f.Waiting ||
			time.Since(began) != 15*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// Nothing that a token depends on is left out of what it is kept under.
func TestTokensAreNotShared(t *testing.T) {
	t.Parallel()
	s := &server{}
	c := s.client()
	others := []func(*oauth.Request){
		func(*oauth.Request) {},
		func(r *oauth.Request) { r.Tenant = "other" },
		func(r *oauth.Request) { r.Credential.ID = "id:2" },
		func(r *oauth.Request) { r.Credential.Secret = "another-secret" },
		func(r *oauth.Request) { r.Scope = "adcp" },
		func(r *oauth.Request) { r.Resource = "https://agent.example.com" },
		func(r *oauth.Request) { r.Audience = "adcp" },
		func(r *oauth.Request) { r.Issuer = issuer },
		func(r *oauth.Request) { r.AuthMethod = oauth.SecretPost },
	}
	seen := map[string]bool{}
	for round := range 2 {
		for _, change := range others {
			r := wanted()
			change(&r)
			seen[get(t, c, r)] = true
		}
		if len(seen) != len(others) {
			t.Errorf("round %d: %d tokens for %d wishes", round, len(seen), len(others))
		}
	}
}

func TestRefusedTokenIsDropped(t *testing.T) {
	t.Parallel()
	s := &server{}
	c := s.client()
	first := get(t, c, wanted())
	c.Drop(wanted(), "another token") // a late refusal of one that was replaced
	if got := get(t, c, wanted()); got != first {
		t.Errorf("got %s", got)
	}
	c.Drop(wanted(), first)
	if got := get(t, c, wanted()); got != "token-2" {
		t.Errorf("got %s", got)
	}
}

// What a server may answer in place of a token, and what follows from it.
func TestAnswersWithoutAToken(t *testing.T) {
	t.Parallel()
	const token = `"access_token":"token-1"`
	for name, tc := range map[string]struct {
		status  int
		body    string
		code    oauth.Code
		waiting bool
	}{
		"invalid_client":      {401, `{"error":"invalid_client"}`, oauth.ClientRefused, false},
		"unauthorized_client": {400, `{"error":"unauthorized_client"}`, oauth.ClientRefused, false},
		"401 without words":   {401, ``, oauth.ClientRefused, false},
		"invalid_scope":       {400, `{"error":"invalid_scope"}`, oauth.RequestRefused, false},
		"invalid_target":      {400, `{"error":"invalid_target"}`, oauth.RequestRefused, false},
		"another code":        {400, `{"error":"shop_closed"}`, oauth.RequestRefused, false},
		"404":                 {404, `gone`, oauth.RequestRefused, false},
		"unavailable":         {400, `{"error":"temporarily_unavailable"}`, oauth.TokenUnavailable, true},
		"slow down":           {429, `{}`, oauth.TokenUnavailable, true},
		"503":                 {503, `<html>`, oauth.TokenUnavailable, true},
		"redirection":         {307, ``, oauth.TokenInvalid, false},
		"created":             {201, `{` + token + `,"token_type":"Bearer"}`, oauth.TokenInvalid, false},
		"no JSON":             {200, `access_token=token-1&token_type=bearer`, oauth.TokenInvalid, false},
		"two tokens":          {200, `{` + token + `,` + token + `,"token_type":"Bearer"}`, oauth.TokenInvalid, false},
		"another case":        {200, `{"Access_Token":"token-1","token_type":"Bearer"}`, oauth.TokenInvalid, false},
		"no type":             {200, `{` + token + `}`, oauth.TokenInvalid, false},
		"another type":        {200, `{` + token + `,"token_type":"DPoP"}`, oauth.TokenInvalid, false},
		"a number":            {200, `{"access_token":1,"token_type":"Bearer"}`, oauth.TokenInvalid, false},
		"empty":               {200, `{"access_token":"","token_type":"Bearer"}`, oauth.TokenInvalid, false},
		"a line break":        {200, `{"access_token":"a\r\nHost: x","token_type":"Bearer"}`, oauth.TokenInvalid, false},
		"a space":             {200, `{"access_token":"a b","token_type":"Bearer"}`, oauth.TokenInvalid, false},
		"a long token": {200, `{"access_token":"` + strings.Repeat("a", 17<<10) + `","token_type":"Bearer"}`,
			oauth.TokenInvalid, false},
		"a huge answer": {200, `{` + token + `,"token_type":"Bearer","x":"` + strings.Repeat("a", 64<<10) + `"}`,
			oauth.TokenInvalid, false},
		"a huge refusal": {400, strings.Repeat("a", 1<<20), oauth.TokenInvalid, false},
	} {
		s := &server{token: func(int) (int, string) { return tc.status, tc.body }, header: http.Header{
			"Retry-After": {"90"}, "Location": {"https://other.example/token"}}}
		_, err := s.client().Token(t.Context(), wanted())
		f := (*oauth.Fault)(nil)
		if !errors.As(err, &f) || f.Code != tc.code || f.Waiting != tc.waiting || s.requests() != 1 {
			t.Errorf("%s: %v, %d requests", name, err, s.requests())
			continue
		}
		if f.Waiting && f.RetryAfter != 90*time.Second {
			t.Errorf("%s: waits %v", name, f.RetryAfter)
		}
	}
}

// A server's words are foreign: they are cut, and hold no line break.
func TestWordsOfAServerAreBounded(t *testing.T) {
	t.Parallel()
	s := &server{token: func(int) (int, string) {
		return 400, `{"error":"invalid_client","error_description":"a\nb` + strings.Repeat("x", 10_000) + `"}`
	}}
	_, err := s.client().Token(t.Context(), wanted())
	if text := err.Error(); len(text) > 400 || strings.Contains(text, "\n") || !strings.Contains(text, "invalid_client") {
		t.Errorf("%d bytes: %q", len(text), text)
	}
}

// An endpoint that leads inward never gets the secret, nor does one without TLS.
func TestSecretGoesToNoEndpointThatTheGuardRefuses(t *testing.T) {
	t.Parallel()
	for endpoint, code := range map[string]oauth.Code{
		"http://id.example.net/token":      oauth.EndpointURLInvalid,
		"https://u:p@id.example.net/token": oauth.EndpointURLInvalid,
		"/token":                           oauth.EndpointURLInvalid,
		"https://127.0.0.1/token":          oauth.FetchBlocked,
		"https://[::ffff:10.0.0.1]/token":  oauth.FetchBlocked,
		"https://localhost/token":          oauth.FetchBlocked,
	} {
		s := &server{endpoint: endpoint}
		_, err := s.client().Token(t.Context(), wanted())
		if f := (*oauth.Fault)(nil); !errors.As(err, &f) || f.Code != code || f.Waiting || s.requests() != 0 {
			t.Errorf("%s: %v, %d requests", endpoint, err, s.requests())
		}
	}
}

// mixed resolves every name to a public address and a private one.
type mixed struct{}

func (mixed) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("10.0.0.7")}, nil
}

func TestNameThatAlsoLeadsInwardIsBlocked(t *testing.T) {
	t.Parallel()
	f := oauth.Fetcher{HTTP: safehttp.New(safehttp.Options{Resolver: mixed{}}).Transport, CheckURL: guarded, Now: time.Now}
	_, err := oauth.New(f).Token(t.Context(), wanted())
	if fault := (*oauth.Fault)(nil); !errors.As(err, &fault) || fault.Code != oauth.FetchBlocked || fault.Waiting {
		t.Errorf("got %v", err)
	}
}

// A server that moved its endpoint is found again at the next request.
func TestMovedEndpointIsFoundAfterOneFault(t *testing.T) {
	t.Parallel()
	s := &server{token: func(int) (int, string) { return 404, `` }}
	c := s.client()
	if _, err := c.Token(t.Context(), wanted()); err == nil {
		t.Fatal("got a token")
	}
	s.endpoint, s.token = issuer+"/v2/token", nil
	if got := get(t, c, wanted()); got != "token-2" {
		t.Errorf("got %s", got)
	}
}

// Tenants choose ids, scopes and addresses, and servers choose how long tokens are: what is kept is
// bounded.
func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	s := &server{token: func(int) (int, string) {
		return 200, `{"access_token":"` + strings.Repeat("a", 16<<10) + `","token_type":"Bearer"}`
	}}
	c := s.client()
	for i := range 600 {
		r := wanted()
		r.Scope = fmt.Sprint(i)
		get(t, c, r)
	}
	entries, bytes := c.Kept()
	if entries > 256 || bytes > 2<<20 || entries < 100 {
		t.Errorf("%d tokens in %d bytes", entries, bytes)
	}
}

func TestReadCredential(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`{"client_id":"a","client_secret":"b"}`:                           true,
		` {"client_id":"a","client_secret":"b","note":"rotated"} ` + "\n": true,
		`{"client_id":"a"}`:                                         false,
		`{"client_id":"a","client_secret":""}`:                      false,
		`{"client_id":"a","client_secret":"b","client_secret":"c"}`: false,
		`{"client_id":1,"client_secret":"b"}`:                       false,
		`{"client_id":"a\n","client_secret":"b"}`:                   false,
		`s3cret-token`: false,
		``:             false,
	} {
		c, f := oauth.ReadCredential(text)
		if (f == nil) != ok || ok && (c.ID != "a" || c.Secret != "b") {
			t.Errorf("%s: %v", text, f)
		}
		if f != nil && (f.Code != oauth.SecretInvalid || strings.Contains(f.Error(), "s3cret")) {
			t.Errorf("%s: %v", text, f)
		}
	}
}
