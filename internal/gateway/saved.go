package gateway

import (
	"fmt"
	"strings"

	"postroom/internal/message"
	"postroom/threads"
)

// savedNames are the saved answers there are, for a step that is asked for one.
func (b *batch) savedNames() []string {
	names, err := b.g.answers.Names()
	if err != nil {
		b.g.log.Error("the saved answers cannot be listed", "err", err)
	}
	return names
}

// inserts are the texts of the saved answers that an engineer's mail calls
// for, in its order, with the names of this conversation filled in.
func (b *batch) inserts(c threads.Conversation, author string, answers int, m *threads.Mail) ([]string, error) {
	var list []string
	for _, cmd := range m.Commands {
		if cmd.Word != "answer" {
			continue
		}
		name, _ := threads.AnswerName(cmd.Arg)
		text, err := b.g.answers.Read(name)
		if err != nil {
			return nil, &insertError{err}
		}
		list = append(list, b.blanks(c, author, answers).Replace(text))
	}
	return list, nil
}

// insertError says that a saved answer cannot be had.
type insertError struct{ err error }

func (e *insertError) Error() string { return e.err.Error() }
func (e *insertError) Unwrap() error { return e.err }

// blanks fills in the names that may stand in a saved answer. They are filled
// in once: what stands in a customer's name is not looked at again.
func (b *batch) blanks(c threads.Conversation, author string, answers int) *strings.Replacer {
	customer := c.Customer
	if h, ok := c.HeardAt(answers); ok && len(h.Reply) > 0 && !b.g.names.Ours(h.Reply[0].Addr) {
		customer = h.Reply[0]
		if customer.Name == "" && threads.AddressKey(customer.Addr) == c.Customer.Key() {
			customer.Name = c.Customer.Name
		}
	}
	name := callName(customer)
	engineer := b.nameOf(author)
	return strings.NewReplacer(
		"{customer}", name, "{customer_first}", firstWord(name), "{engineer}", engineer, "{engineer_first}", firstWord(engineer),
		"{subject}", oneLine(c.Subject), "{support}", b.g.cfg.Support.Name,
	)
}

// blankIn is the first blank that a text has; "" for none.
func blankIn(text string) string {
	for _, name := range []string{"{customer}", "{customer_first}", "{engineer}", "{engineer_first}", "{subject}", "{support}"} {
		if strings.Contains(text, name) {
			return name
		}
	}
	return ""
}

// callName is what to call a customer: the display name, with the family name
// in its place, else the local part of the address.
func callName(a threads.Address) string {
	name := oneLine(strings.Trim(a.Name, `"' `))
	if last, first, ok := strings.Cut(name, ", "); ok && !strings.Contains(first, ",") && first != "" {
		name = first + " " + last // "Doe, Jane", as directories have it
	}
	if name == "" || strings.Contains(name, "@") {
		name, _, _ = strings.Cut(a.Addr, "@")
	}
	return name
}

func firstWord(name string) string {
	first, _, _ := strings.Cut(name, " ")
	return first
}

// saveAnswer keeps what an engineer wrote as an answer for all, and tells her
// under which name. The customer's name and hers become blanks to fill in.
func (b *batch) saveAnswer(h hand, e threads.SaveAnswer) error {
	if h.l == nil {
		return fmt.Errorf("there is no mail in hand to keep a text of")
	}
	text := message.SavedText(&h.l.msg.Mail)
	text = unnamed(text, callName(h.c.Customer), b.nameOf(e.Engineer))
	replaced, err := b.g.answers.Write(e.Name, text)
	words := fmt.Sprintf("your text is kept for everyone: /answer %s puts it into a reply. Your admins can edit it: it is the file %s%s among the saved answers", e.Name, e.Name, answerSuffix)
	switch {
	case err != nil:
		b.g.log.Error("an answer cannot be saved", "name", e.Name, "err", err)
		words = fmt.Sprintf("your text could not be kept as /answer %s: %v", e.Name, err)
	case replaced:
		words += "; it took the place of another text of this name"
	}
	return b.notify(h.c, threads.Notify{
		OutID: fmt.Sprintf("%d.%d.%s.saved", h.c.ID, h.c.N, e.Name), Kind: threads.NoticeDone, Engineer: e.Engineer, Reason: words,
	}, nil)
}

// unnamed puts blanks in the place of names: the customer's in the first line,
// where he is greeted, and the engineer's where a line at the end is nothing
// else.
func unnamed(text, customer, engineer string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.TrimSpace(l) == "" {
			continue
		}
		if len([]rune(l)) <= 60 { // no greeting is longer
			lines[i] = blanked(blanked(l, customer, "{customer}"), firstWord(customer), "{customer_first}")
		}
		break
	}
	for i := max(0, len(lines)-3); i < len(lines); i++ {
		switch strings.TrimSpace(lines[i]) {
		case engineer:
			lines[i] = "{engineer}"
		case firstWord(engineer):
			lines[i] = "{engineer_first}"
		}
	}
	return strings.Join(lines, "\n")
}

// blanked puts a blank in the place of a name that stands as a whole word.
func blanked(line, name, blank string) string {
	if len(name) < 2 {
		return line
	}
	i := strings.Index(line, name)
	if i < 0 {
		return line
	}
	end := i + len(name)
	if i > 0 && !strings.ContainsAny(line[i-1:i], " ,;:!?(\"'") || end < len(line) && !strings.ContainsAny(line[end:end+1], " ,;:!?.)\"'-") {
		return line
	}
	return line[:i] + blank + line[end:]
}
