package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// parse reads the text into the configuration and collects what is wrong.
func (p *parser) parse(data []byte) {
	data, ok := p.text(data)
	if !ok {
		return
	}
	p.doc = newDocument(data)
	broken, at := p.doc.read()
	all := p.settings()
	p.checkHeaders(all)
	for _, e := range p.doc.entries {
		p.entry(all, e)
	}
	if broken != nil {
		// What is missing may stand behind the mistake.
		p.syntax(broken.Message, at)
		return
	}
	for _, path := range []string{"support.address", "imap.server", "smtp.server"} {
		p.require(path)
	}
	if p.tableGiven("alarm") {
		p.require("alarm.server")
		p.require("alarm.to")
		p.checkLogin("alarm")
		p.checkClientCert("alarm")
	}
	p.checkLogin("imap")
	p.checkLogin("smtp")
	p.checkClientCert("imap")
	p.checkClientCert("smtp")
	p.checkOAuth2()
	p.checkDKIM()
	if len(p.errs) == 0 {
		if problem, at := p.doc.verify(); problem != "" {
			p.syntax(problem, at)
		}
	}
}

// result fills in the defaults that depend on other settings.
func (p *parser) result() (*Config, error) {
	if len(p.errs) > 0 {
		errs := p.errs.sorted()
		if len(errs) > maxErrors {
			errs = append(errs[:maxErrors:maxErrors], &Error{
				File: p.name, Line: errs[maxErrors].Line, Column: errs[maxErrors].Column,
				Problem: fmt.Sprintf("and %d more", len(errs)-maxErrors), Hint: "mend these first",
			})
		}
		return nil, errs
	}
	c := p.cfg
	if c.Support.Name == "" {
		c.Support.Name = c.Support.Address
	}
	for path, value := range map[string]*string{"rotation": &c.Rotation, "state.dir": &c.State.Dir} {
		if _, given := p.given[path]; !given {
			*value, _ = p.filePath(*value)
		}
	}
	if c.State.Answers == "" {
		c.State.Answers = filepath.Join(c.State.Dir, "answers")
	}
	if c.IMAP.OAuth2.IsSet() {
		p.finishOAuth2()
	}
	c.IMAP.TLS = c.IMAP.effectiveTLS()
	c.SMTP.TLS = c.SMTP.effectiveTLS()
	if len(c.Alarm.To) > 0 {
		c.Alarm.TLS = c.Alarm.effectiveTLS()
		if c.Alarm.From == "" {
			c.Alarm.From = c.Support.Address
		}
	}
	if l := c.Admin.Listen; l != "" && !loopback(l) {
		c.Warnings = append(c.Warnings, "admin.listen: whoever reaches "+l+" can read the metrics; there is no password")
	}
	return c, nil
}

func (p *parser) addAt(at place, key string, f *fault) {
	p.errs = append(p.errs, &Error{
		File: p.name, Line: at.line, Column: at.column,
		Key: key, Problem: f.problem, Hint: f.hint, Err: f.err,
	})
}

// addValue reports a value that cannot be used.
func (p *parser) addValue(e entry, f *fault) {
	p.addAt(e.valueAt, e.path, f)
}

// checkHeaders reports tables that are unknown, or opened twice or as lists.
func (p *parser) checkHeaders(all []setting) {
	seen := map[string]place{}
	for _, h := range p.doc.headers {
		p.checkTable(all, h.parts, h.at)
		if !slices.Contains(tables(), h.path) {
			continue
		}
		first, twice := seen[h.path]
		switch {
		case h.list:
			p.addAt(h.at, "", faultf("write ["+h.path+"]", "[[%s]] opens one table of many, and there is one [%s]", h.path, h.path))
		case twice:
			p.addAt(h.at, "", faultf("put both together", "[%s] stands here a second time, first in line %d", h.path, first.line))
		default:
			seen[h.path] = h.at
		}
	}
}

// checkTable reports a table there is not, once, and says whether there is it.
func (p *parser) checkTable(all []setting, parts []string, at place) bool {
	known := tables()
	path := joinKey(parts)
	if len(parts) == 0 || slices.Contains(known, path) {
		return true
	}
	depth := 1
	for depth < len(parts) && slices.Contains(known, joinKey(parts[:depth])) {
		depth++
	}
	path = joinKey(parts[:depth])
	if p.settled["["+path+"]"] {
		return false
	}
	p.settled["["+path+"]"] = true
	switch f := refused(path); {
	case f != nil:
		p.settled[parts[0]+".password"] = true
		p.addAt(at, "", f)
	case slices.ContainsFunc(all, func(s setting) bool { return s.path == path }):
		p.settled[path] = true
		p.addAt(at, path, faultf("write "+bareKey(path)+" = \"…\"", "it is a table here, and is one value"))
	default:
		p.addAt(at, "", p.unknownTable(path, strings.Join(parts[:depth], ".")))
	}
	return false
}

func (p *parser) unknownTable(path, name string) *fault {
	if near := nearest(name, tables()); near != "" {
		p.settled[near] = true
		return faultf("did you mean ["+near+"]?", "[%s]: unknown table", path)
	}
	return faultf("the tables are ["+strings.Join(tables(), "], [")+"]", "[%s]: unknown table", path)
}

// entry reads one value, or says why there can be none.
func (p *parser) entry(all []setting, e entry) {
	if slices.Contains(tables(), e.path) {
		p.settled[e.path] = true
		p.addAt(e.keyAt, e.path, faultf("write ["+e.path+"] on a line of its own and its settings below it", "it is %s here, and is a table", e.describe()))
		return
	}
	if f := refused(strings.ToLower(e.path)); f != nil {
		p.settled[e.path] = true
		if _, key, _ := strings.Cut(e.path, "."); strings.HasPrefix(key, "pass") {
			p.settled[e.parts[0]+".password"] = true
		}
		if strings.Contains(f.hint, "server = ") {
			p.settled[e.parts[0]+".server"] = true
		}
		p.addAt(e.keyAt, e.path, f)
		return
	}
	if !p.checkTable(all, e.parts[:len(e.parts)-1], e.keyAt) {
		return
	}
	i := slices.IndexFunc(all, func(s setting) bool { return s.path == e.path })
	if i < 0 {
		p.addAt(e.keyAt, e.path, p.unknownKey(all, e))
		return
	}
	if first, twice := p.given[e.path]; twice {
		p.addAt(e.keyAt, e.path, faultf("keep one of them", "it is given a second time, first in line %d", first.keyAt.line))
		return
	}
	p.given[e.path] = e
	all[i].set(p, e)
}

// unknownKey looks for what was meant: a setting of this table spelled right,
// or one of another table with this name.
func (p *parser) unknownKey(all []setting, e entry) *fault {
	table := joinKey(e.parts[:len(e.parts)-1])
	word := e.parts[len(e.parts)-1]
	var here, elsewhere []string
	for _, s := range all {
		key := bareKey(s.path)
		switch {
		case tableOf(s.path) == table:
			here = append(here, key)
		case key == word && tableOf(s.path) == "":
			elsewhere = append(elsewhere, "above the first table")
		case key == word:
			elsewhere = append(elsewhere, "in ["+tableOf(s.path)+"]")
		}
	}
	if near := nearest(word, here); near != "" {
		p.settled[strings.TrimPrefix(table+"."+near, ".")] = true
		return faultf(fmt.Sprintf("did you mean %q?", near), "unknown key")
	}
	if len(elsewhere) > 0 {
		return faultf("its place is "+strings.Join(elsewhere, " or "), "unknown key here")
	}
	if table == "" {
		return faultf("above the first table stands only "+strings.Join(here, ", "), "unknown key")
	}
	return faultf("["+table+"] knows "+strings.Join(here, ", "), "unknown key")
}

func tableOf(path string) string {
	return path[:max(0, strings.LastIndexByte(path, '.'))]
}

func bareKey(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// require reports a setting that must be there and is not, at the place where
// it would be written.
func (p *parser) require(path string) {
	table, key := tableOf(path), bareKey(path)
	if _, given := p.given[path]; given || p.settled[path] || p.settled[table] {
		return
	}
	line := fmt.Sprintf("%s = %q", key, "support@acme.example")
	switch {
	case key == "server":
		line = fmt.Sprintf("%s = %q", key, exampleServer(table))
	case path == "alarm.to": // the support mailbox is what is in trouble then
		line = `to = ["pager@elsewhere.example"]`
	}
	if at, ok := p.doc.table(table); ok {
		p.addAt(at, path, faultf("add to ["+table+"]: "+line, "it is missing, and must be there"))
		return
	}
	p.addAt(p.doc.end(), path, faultf("add two lines: ["+table+"] and "+line, "it is missing, and must be there"))
}

// tableGiven reports whether the file says anything in a table.
func (p *parser) tableGiven(table string) bool {
	for path := range p.given {
		if strings.HasPrefix(path, table+".") {
			return true
		}
	}
	return false
}

// checkLogin looks at what belongs together in a login: a name with one
// password, or what stands for it, or neither.
func (p *parser) checkLogin(table string) {
	if p.settled[table] || p.settled[table+".password"] || p.settled[table+".username"] {
		return
	}
	sources, ok := p.secretSources(table+".password", "the password")
	if !ok {
		return
	}
	name, named := p.given[table+".username"]
	if named && name.text == "" {
		named = false
	}
	_, tokens := p.oauth2At()
	_, cert := p.given[table+".client_cert"]
	switch {
	case named && len(sources) == 0 && !tokens && !cert:
		p.addAt(name.keyAt, name.path, faultf(
			`add password_file = "`+table+`.secret" (or password_env, password_command), or remove username where the server wants no login`,
			"there is a name to log in with, and no password"))
	case !named && len(sources) > 0:
		p.addAt(sources[0].keyAt, sources[0].path, faultf("add "+table+".username, or remove it where the server wants no login",
			"there is a password, and no name to log in with"))
	}
}

// secretSources finds where a secret comes from, and reports a second place.
// It is false where something was said already.
func (p *parser) secretSources(path, what string) ([]entry, bool) {
	var sources []entry
	for _, way := range []string{"_file", "_env", "_command"} {
		if e, ok := p.given[path+way]; ok {
			sources = append(sources, e)
		}
		if p.settled[path+way] {
			return nil, false
		}
	}
	slices.SortFunc(sources, func(a, b entry) int { return a.keyAt.line - b.keyAt.line })
	for _, e := range sources[min(1, len(sources)):] {
		p.addAt(e.keyAt, e.path, faultf("keep one of them", "%s comes from %s in line %d already",
			what, bareKey(sources[0].path), sources[0].keyAt.line))
	}
	return sources, true
}

// checkClientCert wants certificate and key together.
func (p *parser) checkClientCert(table string) {
	cert, hasCert := p.given[table+".client_cert"]
	key, hasKey := p.given[table+".client_key"]
	switch {
	case hasCert && !hasKey:
		p.addAt(cert.keyAt, cert.path, faultf("add "+table+".client_key, the PEM file of its key", "there is a certificate to show, and no key"))
	case hasKey && !hasCert:
		p.addAt(key.keyAt, key.path, faultf("add "+table+".client_cert, the PEM file of the certificate", "there is a key, and no certificate to show"))
	}
}
