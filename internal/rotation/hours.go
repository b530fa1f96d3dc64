package rotation

import (
	"fmt"
	"strconv"
	"strings"

	"postroom/threads"
)

const minutesPerDay = 24 * 60

// ParseHours reads working hours: items separated by commas, each with days
// ("Mon", "Mon-Fri", "Sat-Tue"), times ("09:00-17:30", "22:00-06:00" into the
// next day, "00:00-24:00" for all of it), or both. Times without days are for
// the days of the item before, or for every day; days without times join the
// next item's. "always" is always.
func ParseHours(s string) (threads.Hours, error) {
	if strings.EqualFold(strings.TrimSpace(s), "always") {
		return threads.Hours{}, nil
	}
	var spans []threads.WeekSpan
	var waiting, days []int
	dayless := ""
	s = strings.NewReplacer("–", "-", "—", "-").Replace(s)
	for item := range strings.SplitSeq(s, ",") {
		got, from, until, err := parseItem(item)
		if err != nil {
			return threads.Hours{}, err
		}
		waiting = append(waiting, got...)
		if from < 0 {
			dayless = strings.TrimSpace(item)
			continue
		}
		if len(waiting) > 0 {
			days, waiting = waiting, nil
		}
		if len(days) == 0 {
			days = []int{0, 1, 2, 3, 4, 5, 6}
		}
		for _, day := range days {
			spans = append(spans, threads.WeekSpan{From: day*minutesPerDay + from, Until: day*minutesPerDay + until})
		}
	}
	if len(waiting) > 0 {
		return threads.Hours{}, fmt.Errorf("%q has no times; for the whole day write \"%s 00:00-24:00\"", dayless, dayless)
	}
	return threads.NewHours(strings.Join(strings.Fields(s), " "), spans), nil
}

// parseItem reads one item; from is -1 when it has no times.
func parseItem(item string) (days []int, from, until int, err error) {
	joined := strings.NewReplacer(" - ", "-", " -", "-", "- ", "-").Replace(strings.TrimSpace(item))
	words := strings.Fields(joined)
	from = -1
	if len(words) == 0 {
		return nil, -1, 0, fmt.Errorf("there is nothing before or behind a comma")
	}
	if first := words[0][0]; first < '0' || first > '9' {
		if days, err = parseDays(words[0]); err != nil {
			return nil, -1, 0, err
		}
		words = words[1:]
	}
	switch len(words) {
	case 0:
		return days, -1, 0, nil
	case 1:
		from, until, err = parseTimes(words[0])
		return days, from, until, err
	}
	return nil, -1, 0, fmt.Errorf("%q is no time of day; write it like \"Mon-Fri 09:00-17:30\" and separate several with commas", strings.Join(words, " "))
}

// parseDays reads "Mon" or "Mon-Fri"; "Sat-Mon" goes over the end of the week.
func parseDays(s string) ([]int, error) {
	a, b, ranged := strings.Cut(s, "-")
	first, err := parseDay(a)
	if err != nil {
		return nil, err
	}
	last := first
	if ranged {
		if last, err = parseDay(b); err != nil {
			return nil, err
		}
	}
	days := []int{first}
	for first != last {
		first = (first + 1) % 7
		days = append(days, first)
	}
	return days, nil
}

func parseDay(s string) (int, error) {
	names := []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
	low := strings.ToLower(strings.TrimSuffix(s, "."))
	for i, name := range names {
		if len(low) >= 3 && strings.HasPrefix(name, low) || low == name+"s" {
			return i, nil
		}
	}
	for _, name := range names {
		if len(low) == 2 && strings.HasPrefix(name, low) {
			return 0, fmt.Errorf("%q is no day of the week; did you mean \"%s\"?", s, strings.ToUpper(name[:1])+name[1:3])
		}
	}
	return 0, fmt.Errorf("%q is no day of the week; write Mon, Tue, Wed, Thu, Fri, Sat or Sun", s)
}

// parseTimes reads "09:00-17:30" as minutes of the day, the end behind
// midnight when it is before the beginning.
func parseTimes(s string) (from, until int, err error) {
	a, b, ok := strings.Cut(s, "-")
	if !ok {
		return 0, 0, fmt.Errorf("%q has no end; write it like \"09:00-17:30\"", s)
	}
	if from, err = parseTime(a); err != nil {
		return 0, 0, err
	}
	if until, err = parseTime(b); err != nil {
		return 0, 0, err
	}
	switch {
	case from == until, from == minutesPerDay:
		return 0, 0, fmt.Errorf("%q has no length; for the whole day write \"00:00-24:00\"", s)
	case until < from:
		until += minutesPerDay
	}
	return from, until, nil
}

func parseTime(s string) (int, error) {
	hh, mm, ok := strings.Cut(s, ":")
	if !ok || len(hh) == 0 || len(hh) > 2 || len(mm) != 2 || !digits(hh) || !digits(mm) {
		return 0, fmt.Errorf("%q is no time of day; write it with 24 hours, like \"09:00\" or \"17:30\"", s)
	}
	h, _ := strconv.Atoi(hh)
	m, _ := strconv.Atoi(mm)
	if h > 24 || m > 59 || h == 24 && m > 0 {
		return 0, fmt.Errorf("%q is no time of day; it goes from 00:00 to 24:00", s)
	}
	return h*60 + m, nil
}
