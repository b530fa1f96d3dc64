package oauth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// codeLife is how long a person may take with the browser.
const codeLife = 30 * time.Minute

// Code logs in by the code flow with a redirect to loopback (RFC 8252 §7.3)
// and PKCE (RFC 7636, S256). ln listens on loopback, and is closed. show is
// told the address a person opens in a browser. Where that browser runs on
// another machine it ends at an address that does not answer: pasted takes
// that address; nil for nobody who pastes. told is called with what was wrong
// with a pasted one.
func (l Login) Code(ctx context.Context, ln net.Listener, show func(address string), pasted <-chan string, told func(error)) (Granted, error) {
	defer ln.Close()
	client, err := l.Config.client(ctx)
	if err == nil && l.Config.AuthURL == "" {
		err = errors.New("this provider has no address for the code flow; use the device flow")
	}
	if err != nil {
		return Granted{}, refused(err)
	}
	state, verifier, err := l.secrets()
	if err != nil {
		return Granted{}, refused(err)
	}
	client.RedirectURL = l.redirect(ln.Addr())
	opts := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	for k, v := range l.Config.Consent {
		opts = append(opts, oauth2.SetAuthURLParam(k, v))
	}
	ctx, cancel := context.WithTimeout(ctx, codeLife)
	defer cancel()
	r := &redirects{state: state, codes: make(chan code, 1)}
	stop := r.serve(ln)
	defer stop()
	show(client.AuthCodeURL(state, opts...))
	c, err := r.wait(ctx, pasted, told)
	if err != nil {
		return Granted{}, refused(err)
	}
	asked := l.Now()
	rctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	token, err := client.Exchange(l.context(rctx), c, oauth2.VerifierOption(verifier))
	if token, err = checked(rctx, token, err); err != nil {
		return Granted{}, refused(err)
	}
	return l.finish(ctx, token, asked)
}

// secrets are the state (RFC 6749 §10.12) and the verifier (RFC 7636 §4.1):
// 256 bits each.
func (l Login) secrets() (state, verifier string, err error) {
	b := make([]byte, 64)
	if _, err := io.ReadFull(l.Random, b); err != nil {
		return "", "", fmt.Errorf("making the secrets of the login: %w", err)
	}
	enc := base64.RawURLEncoding
	return enc.EncodeToString(b[:32]), enc.EncodeToString(b[32:]), nil
}

func (l Login) redirect(addr net.Addr) string {
	host, port, _ := net.SplitHostPort(addr.String())
	if l.Config.RedirectHost != "" {
		host = l.Config.RedirectHost
	}
	return "http://" + net.JoinHostPort(host, port)
}

// code is what a browser brought back: a code, or the provider's refusal.
type code struct {
	code string
	err  error
}

// redirects takes browsers in.
type redirects struct {
	state string
	codes chan code
}

// errState is a redirect that is not of this login: it changes nothing.
var errState = errors.New("it does not belong to this login (its state is another)")

// read takes a redirect apart (RFC 6749 §4.1.2).
func (r *redirects) read(q url.Values) (code, error) {
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(r.state)) != 1 {
		return code{}, errState
	}
	if e := q.Get("error"); e != "" {
		return code{err: refusal(e, q.Get("error_description"))}, nil
	}
	if q.Get("code") == "" {
		return code{}, errors.New("it holds no code")
	}
	return code{code: q.Get("code")}, nil
}

func (r *redirects) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Referrer-Policy", "no-referrer") // the address holds the code
	if req.Method != http.MethodGet || req.URL.Path != "/" {
		http.Error(w, "Nothing is here.", http.StatusNotFound)
		return
	}
	c, err := r.read(req.URL.Query())
	if err != nil {
		http.Error(w, "This is not the way back of a login that is under way.", http.StatusBadRequest)
		return
	}
	select {
	case r.codes <- c:
	default: // the browser came twice
	}
	if c.err != nil {
		fmt.Fprintln(w, "The provider refused the login. The terminal says why.")
		return
	}
	fmt.Fprintln(w, "Thank you. The rest happens in the terminal; you can close this page.")
}

// serve answers browsers until stop, which waits for the server's end.
func (r *redirects) serve(ln net.Listener) (stop func()) {
	srv := &http.Server{
		Handler: r, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0),
	}
	srv.SetKeepAlivesEnabled(false)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = srv.Serve(ln) // ends by stop alone
	}()
	return func() {
		// The page that says thank-you is being read.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			srv.Close()
		}
		<-ended
	}
}

// wait returns the code, from whichever way it comes first.
func (r *redirects) wait(ctx context.Context, pasted <-chan string, told func(error)) (string, error) {
	for {
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("waiting for the browser: %w", ctx.Err())
		case c := <-r.codes:
			return c.code, c.err
		case line, ok := <-pasted:
			if !ok {
				pasted = nil
				continue
			}
			c, err := r.paste(line)
			if err != nil {
				told(err)
				continue
			}
			return c.code, c.err
		}
	}
}

// paste reads an address somebody copied out of a browser.
func (r *redirects) paste(line string) (code, error) {
	u, err := url.Parse(strings.TrimSpace(line))
	if err != nil || u.RawQuery == "" {
		return code{}, errors.New("that is not the whole address the browser ended at: it begins with http:// and holds code= and state=")
	}
	c, err := r.read(u.Query())
	if err != nil {
		return code{}, fmt.Errorf("that address is of no use: %w", err)
	}
	return c, nil
}
