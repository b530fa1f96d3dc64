package threads

import (
	"strconv"
	"strings"
	"time"
)

// maxAhead bounds what a command may put off.
const maxAhead = 400 * 24 * time.Hour

// When reads the time behind a command: a duration of m, h, d and w ("90m",
// "2d", "1w 2d"), or a date with or without a time of day ("2026-12-01",
// "until 2026-12-01 14:00"), which is meant in zone and begins at midnight.
// The reason says what is wrong with it, "" for nothing.
func When(arg string, now time.Time, zone *time.Location) (at time.Time, reason string) {
	arg = strings.ToLower(strings.Join(strings.Fields(arg), " "))
	arg = strings.TrimPrefix(arg, "until ")
	if d, ok := duration(arg); ok {
		at = now.Add(d)
	} else if at, ok = date(arg, zone); !ok {
		return time.Time{}, strconv.Quote(arg) + " is no time I can read; write 90m, 4h, 2d, 1w, or a date such as " +
			now.In(zone).AddDate(0, 0, 7).Format(time.DateOnly)
	}
	switch {
	case !at.After(now):
		return time.Time{}, strconv.Quote(arg) + " is over already"
	case at.Sub(now) > maxAhead:
		return time.Time{}, strconv.Quote(arg) + " is more than a year from now"
	}
	return at, ""
}

func unit(letter byte) time.Duration {
	switch letter {
	case 'm':
		return time.Minute
	case 'h':
		return time.Hour
	case 'd':
		return 24 * time.Hour
	case 'w':
		return 7 * 24 * time.Hour
	}
	return 0
}

func duration(arg string) (sum time.Duration, ok bool) {
	arg = strings.ReplaceAll(arg, " ", "")
	if arg == "" || len(arg) > 20 {
		return 0, false
	}
	for arg != "" {
		i := strings.IndexFunc(arg, func(r rune) bool { return r < '0' || r > '9' })
		if i < 1 || i > 5 || unit(arg[i]) == 0 {
			return 0, false
		}
		n, err := strconv.Atoi(arg[:i])
		if err != nil {
			return 0, false
		}
		sum += time.Duration(n) * unit(arg[i])
		arg = arg[i+1:]
	}
	return sum, true
}

func date(arg string, zone *time.Location) (time.Time, bool) {
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", "2006-01-02t15:04"} {
		if at, err := time.ParseInLocation(layout, arg, zone); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
