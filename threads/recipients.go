package threads

import "slices"

// Recipients is who an engineer's answer to a mail of the customer's side goes
// to: its Reply-To, else its From, and in Cc its other recipients, the
// conversation's customer and whom engineers invited; never ourselves, nor the
// author, whom the customer's side may have put in Cc, as a mail program names
// nobody in an answer of their own. Where that leaves nobody, the author is the
// customer.
func (c *Conversation) Recipients(n Names, r *Rotation, author string, answers int) (to, cc []Address) {
	hers := func(a Address) bool {
		e, ok := r.ByAddress(a.Addr)
		return ok && e.Key == author
	}
	all, others := c.recipients(n, answers)
	to, cc = slices.DeleteFunc(slices.Clone(all), hers), slices.DeleteFunc(slices.Clone(others), hers)
	switch {
	case len(to)+len(cc) == 0:
		return all, others
	case len(to) == 0:
		return cc, nil
	}
	return to, cc
}

// recipients is everybody an answer to a mail concerns but us.
func (c *Conversation) recipients(n Names, answers int) (to, cc []Address) {
	h, ok := c.HeardAt(answers)
	if !ok && len(c.Mails) > 0 {
		h = c.Mails[len(c.Mails)-1]
	}
	for _, a := range h.Reply {
		if !n.Ours(a.Addr) {
			to = withAddress(to, a)
		}
	}
	customer := c.Customer
	if h.Customer.Addr != "" {
		customer = h.Customer // merging makes nobody read somebody else's answers
	}
	for _, a := range slices.Concat(h.Others, []Address{customer}, c.Invited) {
		if !n.Ours(a.Addr) && !hasAddress(to, a.Addr) {
			cc = withAddress(cc, a)
		}
	}
	if len(to) == 0 {
		to, cc = cc, nil
	}
	return to, cc
}
