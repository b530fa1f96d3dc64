package config

import "strings"

// parser carries one reading of one file.
type parser struct {
	name, dir string // of the file; paths in it count from dir
	getenv    func(string) string
	doc       *document
	cfg       *Config
	errs      Errors
	// given is what the file has, by path; of doubles the first.
	given map[string]entry
	// settled are settings and tables about which something was said that
	// makes it pointless to say that they are missing.
	settled map[string]bool
}

func newParser(name, dir string, getenv func(string) string) *parser {
	cfg := defaults()
	cfg.Path = name
	return &parser{
		name: name, dir: dir, getenv: getenv, cfg: cfg, doc: newDocument(nil),
		given: map[string]entry{}, settled: map[string]bool{},
	}
}

// setter reads one entry into the configuration, or reports what is wrong.
type setter func(*parser, entry)

// setting is one key of the file.
type setting struct {
	path string
	set  setter
}

// settings is every setting there is, in the order of the documentation.
func (p *parser) settings() []setting {
	c := p.cfg
	list := []setting{
		{"rotation", text(&c.Rotation, p.filePath)},
		{"support.address", text(&c.Support.Address, parseAddress)},
		{"support.name", text(&c.Support.Name, parsePhrase)},
		{"support.reply_address", text(&c.Support.ReplyAddress, parseReplyAddress)},
		{"support.from_name", text(&c.Support.FromName, parseFromName)},
	}
	list = append(list, serverSettings("imap", &c.IMAP.Server, p.filePath)...)
	list = append(list,
		setting{"imap.folder", text(&c.IMAP.Folder, parsePlain)},
		setting{"imap.sent_folder", text(&c.IMAP.SentFolder, parsePlain)},
		setting{"imap.closed_folder", text(&c.IMAP.ClosedFolder, parsePlain)},
		setting{"imap.also", texts(&c.IMAP.Also, parsePlain)},
		setting{"imap.mark_seen", boolean(&c.IMAP.MarkSeen)},
		setting{"imap.start", start(&c.IMAP.Start)},
		setting{"imap.poll", duration(&c.IMAP.Poll, parseDuration)},
		setting{"imap.timeout", duration(&c.IMAP.Timeout, parseDuration)},
	)
	list = append(list, p.oauth2Settings(&c.IMAP.OAuth2)...)
	list = append(list, serverSettings("smtp", &c.SMTP.Server, p.filePath)...)
	list = append(list,
		setting{"smtp.connections", integer(&c.SMTP.Connections, 1, 64)},
		setting{"smtp.sent_copy", text(&c.SMTP.SentCopy, oneOf(SentCopyAuto, SentCopyBCC, SentCopyRelay, SentCopyAppend, SentCopyNone))},
		setting{"smtp.envelope", text(&c.SMTP.Envelope, oneOf(EnvelopeAuto, EnvelopeBounce, EnvelopeSupport))},
		setting{"smtp.retry", duration(&c.SMTP.Retry, parseDuration)},
		setting{"smtp.deadline", duration(&c.SMTP.Deadline, parseDuration)},
		setting{"smtp.unknown_wait", duration(&c.SMTP.UnknownWait, parseDuration)},
		setting{"smtp.warn_after", duration(&c.SMTP.WarnAfter, parseDuration)},
		setting{"smtp.rate", rate(&c.SMTP.Rate)},
		setting{"smtp.max_unknown", integer(&c.SMTP.MaxUnknown, 1, 1000)},
		setting{"smtp.probe", duration(&c.SMTP.Probe, parseProbe)},
		setting{"smtp.dkim.domain", text(&c.SMTP.DKIM.Domain, parseDomain)},
		setting{"smtp.dkim.selector", text(&c.SMTP.DKIM.Selector, parseSelector)},
		setting{"smtp.dkim.key_file", text(&c.SMTP.DKIM.KeyFile, p.filePath)},
		setting{"engineers.trust", text(&c.Engineers.Trust, oneOf(TrustToken, TrustTokenDKIM))},
		setting{"engineers.footer", text(&c.Engineers.Footer, oneOf(FooterFull, FooterLine, FooterNone))},
		setting{"engineers.hold_stale", text(&c.Engineers.HoldStale, oneOf(HoldStaleColleague, HoldStaleAny, HoldStaleNone))},
		setting{"engineers.authserv_id", text(&c.Engineers.AuthservID, parsePlain)},
		setting{"state.dir", text(&c.State.Dir, p.filePath)},
		setting{"state.answers_dir", text(&c.State.Answers, p.filePath)},
		setting{"admin.listen", text(&c.Admin.Listen, parseListen)},
		setting{"alarm.to", texts(&c.Alarm.To, parseAddress)},
		setting{"alarm.from", text(&c.Alarm.From, parseAddress)},
	)
	return append(list, serverSettings("alarm", &c.Alarm.Server, p.filePath)...)
}

func serverSettings(table string, s *Server, filePath func(string) (string, *fault)) []setting {
	return []setting{
		{table + ".server", serverURL(s, parseServer(table))},
		{table + ".username", text(&s.Username, optional(parsePlain))},
		{table + ".password_file", passwordFile(&s.Password, filePath)},
		{table + ".password_env", passwordEnv(&s.Password)},
		{table + ".password_command", passwordCommand(&s.Password)},
		{table + ".auth", text(&s.Auth, oneOf(AuthAuto, AuthScram, AuthPlain, AuthLogin))},
		{table + ".ca_file", text(&s.CAFile, optional(filePath))},
		{table + ".client_cert", text(&s.ClientCert, optional(filePath))},
		{table + ".client_key", text(&s.ClientKey, optional(filePath))},
		{table + ".insecure", boolean(&s.Insecure)},
	}
}

// tables are the tables there are. What a setting begins with is one of them.
func tables() []string {
	return []string{"support", "imap", "imap.oauth2", "smtp", "smtp.dkim", "engineers", "state", "admin", "alarm"}
}

// refused are keys that people write and that are refused with advice of their
// own.
func refused(path string) *fault {
	table, key, _ := strings.Cut(path, ".")
	if path == "smtp.from" || path == "support.email" {
		return faultf("write support.address", "there is no such setting")
	}
	if table != "imap" && table != "smtp" && table != "alarm" {
		return nil
	}
	const inServer = "it is part of server: "
	urls := `server = "` + exampleServer(table) + `"`
	switch key {
	case "password", "passwd", "pass":
		return faultf("remove it, and say with password_file, password_env or password_command where the password lies",
			"a password does not stand in this file")
	case "oauth2":
		if table == "imap" {
			return nil
		}
		return faultf("write [imap.oauth2]; where [smtp] has a username and no password, it logs in with the same tokens",
			"[smtp.oauth2]: there is one table for both servers")
	case "oauth2.client_secret":
		return faultf("remove it, and say with client_secret_file, client_secret_env or client_secret_command where the secret lies",
			"a secret does not stand in this file")
	case "host", "hostname", "url", "address":
		return faultf("write "+urls, "there is no such setting")
	case "port":
		return faultf("write "+urls, inServer+"the port stands behind the host")
	case "tls", "ssl", "starttls", "encryption", "security":
		return faultf("write "+urls, inServer+"%ss:// is TLS from the start, %s:// is STARTTLS", table, table)
	case "user", "login":
		return faultf("write username", "there is no such setting")
	case "mailbox":
		return faultf("write folder", "there is no such setting")
	}
	return nil
}
