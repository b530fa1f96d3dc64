package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postroom/internal/oauth"
	"postroom/internal/service"
)

func (c *command) loginCommand() *cobra.Command {
	var flow string
	var port uint16
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Log in to Gmail or Microsoft 365 (OAuth2)",
		Long: "Login gets the tokens with which the service reads the mailbox and sends, as [imap.oauth2] says, and\n" +
			"keeps them in its token file. A running service notices.\n\n" +
			"The device flow (Microsoft's default) shows a code to type at an address, on any machine. The code flow\n" +
			"shows an address to open in a browser, which then comes back to this machine; from a browser elsewhere,\n" +
			"paste the address it ended at.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.login(cmd.Context(), cmd.InOrStdin(), flow, port) },
	}
	cmd.Flags().StringVar(&flow, "flow", "", "device or code (default: device, where the provider has it)")
	cmd.Flags().Uint16Var(&port, "port", 0, "where the browser comes back to, on loopback (default: any free one)")
	return cmd
}

func (c *command) login(ctx context.Context, stdin io.Reader, flow string, port uint16) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if !cfg.IMAP.OAuth2.IsSet() {
		return &refusedError{errors.New("the configuration has no [imap.oauth2]: there is nothing to log in to; a password needs no login")}
	}
	o, transport, err := service.OAuth2(cfg.IMAP.OAuth2, service.OSSeams(nil))
	if err != nil {
		return err
	}
	l := oauth.Login{Config: o, Transport: transport, Random: rand.Reader, Now: time.Now}
	if flow == "" {
		flow = "code"
		if o.DeviceURL != "" {
			flow = "device"
		}
	}
	var granted oauth.Granted
	switch flow {
	case "device":
		granted, err = l.Device(ctx, c.showDevice)
	case "code":
		granted, err = c.loginByCode(ctx, l, stdin, port)
	default:
		return &refusedError{fmt.Errorf("--flow %q: it is device or code", flow)}
	}
	if err != nil {
		return err
	}
	return c.sayGranted(cfg.IMAP.Username, o.File, granted)
}

func (c *command) showDevice(address, code string, until time.Time) {
	fmt.Fprintf(c.stderr, "Open %s in any browser and type the code\n\n    %s\n\nLog in there as the support mailbox. The code is good until %s.\n",
		address, code, until.Format("15:04:05 MST"))
}

func (c *command) loginByCode(ctx context.Context, l oauth.Login, stdin io.Reader, port uint16) (oauth.Granted, error) {
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return oauth.Granted{}, fmt.Errorf("listening for the browser: %w", err)
	}
	show := func(address string) {
		fmt.Fprintf(c.stderr, "Open this address in a browser and log in as the support mailbox:\n\n    %s\n\n"+
			"The browser comes back to %s. If it runs on another machine, its last page will fail to load:\n"+
			"copy the address of that page and paste it here.\n", address, ln.Addr())
	}
	told := func(err error) { fmt.Fprintf(c.stderr, "%v\n", err) }
	return l.Code(ctx, ln, show, lines(ctx, stdin), told)
}

// lines reads lines until the end, or until ctx ends and one more comes: a
// read of a terminal cannot be called off, so the process ends with it.
func lines(ctx context.Context, r io.Reader) <-chan string {
	out := make(chan string)
	go func() {
		defer close(out)
		s := bufio.NewScanner(r)
		for s.Scan() {
			if strings.TrimSpace(s.Text()) == "" {
				continue
			}
			select {
			case out <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// loggedIn is what login came to, for machines.
type loggedIn struct {
	Username  string     `json:"username"`
	TokenFile string     `json:"token_file"`
	Ends      *time.Time `json:"ends"` // null: the provider does not say
	Missing   []string   `json:"missing_scopes"`
}

func (c *command) sayGranted(username, file string, g oauth.Granted) error {
	out := loggedIn{Username: username, TokenFile: file, Missing: append([]string{}, g.Missing...)}
	if !g.RefreshExpires.IsZero() {
		out.Ends = &g.RefreshExpires
	}
	var err error
	if c.machine() {
		err = json.NewEncoder(c.stdout).Encode(out)
	} else {
		fmt.Fprintf(c.stdout, "Logged in. The tokens are in %s.\n", file)
		if out.Ends != nil {
			fmt.Fprintf(c.stdout, "The login ends at %s; the admins are told before that.\n", out.Ends.Format(time.RFC3339))
		}
	}
	if err == nil && len(g.Missing) > 0 {
		fmt.Fprintf(c.stderr, "warning: the provider did not grant %s; reading or sending will fail\n", strings.Join(g.Missing, " and "))
		err = errDegraded
	}
	return err
}
