package admin

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"postroom/internal/gateway"
	"postroom/internal/store"
	"postroom/threads"
)

// Asker acts on what an admin asks for; *gateway.Gateway is one. Ask returns
// when it has been done, or with the reason why it cannot be.
type Asker interface {
	Ask(ctx context.Context, req store.AdminRequest) error
}

// The verbs that only read. Those that change something are gateway's.
const (
	VerbPing   = "ping"
	VerbStatus = "status"
	VerbList   = "list" // state
	VerbShow   = "show" // conversation
	VerbExport = "export"
	VerbHeld   = "held"
	VerbOutbox = "outbox"
	VerbAside  = "aside"

	VerbRecorded = "recorded"

	VerbAudit  = "audit"
	VerbReload = "reload"
	VerbBackup = "backup"
	VerbReport = "report" // from, to
	VerbTrust  = "trust"
	VerbProbe  = "probe"

	VerbRotationStatus = "rotation-status"
	VerbRotationNext   = "rotation-next" // count, subject, to, from, body
	VerbRotationWhy    = "rotation-why"  // conversation
	VerbRotationLog    = "rotation-log"
	VerbRotationText   = "rotation-text" // version
	VerbRollback       = "rotation-rollback"
)

// verb is how one verb is answered.
type verb struct {
	args     []string // all it takes, and all must be there
	optional []string
	run      func(s *Server, c *call) error
}

// call is one request being answered.
type call struct {
	ctx  context.Context
	by   string // the acting user
	req  Request
	emit func(any) error // writes one line
}

func verbs() map[string]verb {
	return map[string]verb{
		VerbPing:   {run: (*Server).ping},
		VerbStatus: {run: (*Server).status},
		VerbList:   {optional: []string{"state"}, run: (*Server).list},
		VerbShow:   {args: []string{"conversation"}, run: (*Server).show},
		VerbExport: {run: (*Server).export},
		VerbHeld:   {run: func(s *Server, c *call) error { return emitAll(c, s.st, Held) }},
		VerbOutbox: {run: func(s *Server, c *call) error {
			return Outbox(s.st, func(row OutboxRow) error { return c.emit(row) })
		}},
		VerbAside: {run: func(s *Server, c *call) error { return emitAll(c, s.st, Asides) }},

		VerbRecorded: {run: func(s *Server, c *call) error { return emitAll(c, s.st, RecordedMails) }},

		VerbAudit:  {run: (*Server).audit},
		VerbReload: {run: (*Server).reload},
		VerbBackup: {run: (*Server).backup},
		VerbReport: {args: []string{"from", "to"}, run: (*Server).report},
		VerbTrust:  {run: func(s *Server, c *call) error { return emitAll(c, s.st, Trust) }},
		VerbProbe:  {run: (*Server).probe},

		VerbRotationStatus: {run: (*Server).rotationStatus},
		VerbRotationNext:   {args: []string{"count"}, optional: []string{"subject", "to", "from", "body"}, run: (*Server).rotationNext},
		VerbRotationWhy:    {args: []string{"conversation"}, run: (*Server).rotationWhy},
		VerbRotationLog:    {run: func(s *Server, c *call) error { return emitAll(c, s.st, RotationLog) }},
		VerbRotationText:   {args: []string{"version"}, run: (*Server).rotationText},
		VerbRollback:       {args: []string{"version"}, run: (*Server).rollback},

		gateway.VerbAssign:    {args: []string{"conversation", "who"}, run: (*Server).ask},
		gateway.VerbClose:     {args: []string{"conversation"}, run: (*Server).ask},
		gateway.VerbNote:      {args: []string{"conversation", "text"}, run: (*Server).ask},
		gateway.VerbOriginals: {args: []string{"conversation", "who"}, run: (*Server).ask},
		gateway.VerbRelease:   {args: []string{"hold"}, run: (*Server).ask},
		gateway.VerbDiscard:   {args: []string{"hold"}, run: (*Server).ask},
		gateway.VerbRetry:     {args: []string{"aside"}, run: (*Server).ask},

		gateway.VerbDistribute: {args: []string{"recorded"}, run: (*Server).ask},

		gateway.VerbOutRetry: {args: []string{"out"}, run: (*Server).ask},
		gateway.VerbOutHold:  {args: []string{"out"}, run: (*Server).ask},
		gateway.VerbOutDrop:  {args: []string{"out"}, run: (*Server).ask},
		gateway.VerbAway:     {args: []string{"who"}, optional: []string{"until"}, run: (*Server).ask},
		gateway.VerbBack:     {args: []string{"who"}, run: (*Server).ask},

		gateway.VerbTrustReset: {args: []string{"who"}, run: (*Server).ask},
	}
}

func verbNames() string {
	var names []string
	for name := range verbs() {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// check finds the verb of a request and looks at its arguments.
func check(r Request) (verb, error) {
	v, ok := verbs()[r.Verb]
	if !ok {
		return v, fmt.Errorf("%q is no verb this version knows; it knows %s", r.Verb, verbNames())
	}
	for name, value := range r.Args {
		if !slices.Contains(v.args, name) && !slices.Contains(v.optional, name) {
			return v, fmt.Errorf("%s takes no argument %q", r.Verb, name)
		}
		most := maxArg
		if name == "text" {
			most = MaxNote
		}
		if len(value) > most {
			return v, fmt.Errorf("the argument %s of %s is longer than %d octets", name, r.Verb, most)
		}
	}
	for _, name := range v.args {
		if strings.TrimSpace(r.Args[name]) == "" {
			return v, fmt.Errorf("%s needs the argument %q", r.Verb, name)
		}
	}
	if _, ok := r.Args["conversation"]; ok {
		if _, err := conversationArg(r); err != nil {
			return v, err
		}
	}
	return v, nil
}

const (
	// maxArg bounds one argument, in octets.
	maxArg = 1000
	// MaxNote bounds the text of a note, in octets: with every octet escaped it
	// still fits a request.
	MaxNote = 10_000
)

func conversationArg(r Request) (threads.ID, error) {
	n, err := strconv.ParseUint(r.Args["conversation"], 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no conversation number", r.Args["conversation"])
	}
	return threads.ID(n), nil
}

// Pong answers a ping.
type Pong struct {
	Version string `json:"version"`
}

func (s *Server) ping(c *call) error { return c.emit(Pong{Version: s.cfg.Version}) }

func (s *Server) status(c *call) error {
	status, err := StatusOf(s.st, s.cfg.Live(), s.cfg.Version, s.started, s.cfg.Now())
	if err != nil {
		return err
	}
	return c.emit(status)
}

func (s *Server) list(c *call) error {
	state := threads.State(c.req.Args["state"])
	switch state {
	case "", threads.StateOpen, threads.StateClosed, threads.StateHistory:
	default:
		return fmt.Errorf("%q is no state; there are open, closed and history", state)
	}
	return List(s.st, state, func(r Row) error { return c.emit(r) })
}

func (s *Server) show(c *call) error {
	id, err := conversationArg(c.req)
	if err != nil {
		return err
	}
	t, err := Show(s.st, id)
	if err != nil {
		return err
	}
	return c.emit(t)
}

func (s *Server) export(c *call) error {
	return Export(s.st, func(m Message) error { return c.emit(m) })
}

func (s *Server) audit(c *call) error {
	if s.cfg.Mailbox == nil {
		return fmt.Errorf("this service cannot list the mailbox")
	}
	a, err := AuditMailbox(c.ctx, s.st, s.cfg.Mailbox)
	if err != nil {
		return err
	}
	return c.emit(a)
}

func (s *Server) probe(c *call) error {
	if s.cfg.Probe == nil {
		return fmt.Errorf("this service cannot send a probe")
	}
	s.log.Info("admin", "by", c.by, "verb", c.req.Verb)
	r, err := s.cfg.Probe(c.ctx)
	if err != nil {
		return err
	}
	return c.emit(r)
}

func (s *Server) reload(c *call) error {
	if s.cfg.Reload == nil {
		return fmt.Errorf("this service has nothing to reload")
	}
	s.log.Info("admin", "by", c.by, "verb", c.req.Verb)
	return s.cfg.Reload(c.ctx)
}

// ask hands a request that changes something to the gateway, in the name of
// the acting user.
func (s *Server) ask(c *call) error {
	id := make([]byte, 16)
	if _, err := io.ReadFull(s.cfg.Random, id); err != nil {
		return fmt.Errorf("naming the request: %w", err)
	}
	ctx, cancel := context.WithTimeout(c.ctx, askPatience)
	defer cancel()
	err := s.cfg.Asker.Ask(ctx, store.AdminRequest{ID: hex.EncodeToString(id), By: c.by, Verb: c.req.Verb, Args: c.req.Args})
	if err != nil && ctx.Err() != nil && c.ctx.Err() == nil {
		return fmt.Errorf("the request is queued, but nothing has come of it within %s; `postroom status` may say why", askPatience)
	}
	return err
}

func emitAll[T any](c *call, st *store.Store, view func(*store.Store) ([]T, error)) error {
	list, err := view(st)
	if err != nil {
		return err
	}
	for _, v := range list {
		if err := c.emit(v); err != nil {
			return err
		}
	}
	return nil
}
