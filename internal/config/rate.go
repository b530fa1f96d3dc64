package config

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

// rate reads "60/m", "20MB/m", both with a comma between, or 60, which is
// mails a minute.
func rate(dst *Rate) setter {
	return func(p *parser, e entry) {
		if e.kind == unstable.Integer {
			n := 0
			integer(&n, 1, 1_000_000)(p, e)
			*dst = Rate{Mails: n, Per: time.Minute}
			return
		}
		text(dst, parseRate)(p, e)
	}
}

const rateHint = `write mails and time, as "60/m" or "1000/h", octets and time, as "20MB/m", or both, as "60/m, 20MB/m"`

func parseRate(s string) (Rate, *fault) {
	var r Rate
	for _, limit := range strings.FieldsFunc(s, func(c rune) bool { return c == ',' || c == ' ' }) {
		number, unit, _ := strings.Cut(limit, "/")
		per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[unit]
		mails, err := strconv.Atoi(number)
		size, isSize := parseSize(number)
		switch {
		case per == 0:
			return Rate{}, faultf(rateHint, "%s is no rate", show(s))
		case r.Per != 0 && r.Per != per:
			return Rate{}, faultf("write both for the same time", "%s has two of them", show(s))
		case isSize && r.Bytes == 0:
			r.Bytes = size
		case err == nil && mails > 0 && r.Mails == 0:
			r.Mails = mails
		default:
			return Rate{}, faultf(rateHint, "%s is no rate", show(s))
		}
		r.Per = per
	}
	if r.Per == 0 {
		return Rate{}, faultf(rateHint, "%s is no rate", show(s))
	}
	return r, nil
}

// parseSize reads octets with a unit: "500kB", "20MB", "1GB".
func parseSize(s string) (int64, bool) {
	for _, u := range []struct {
		name string
		size int64
	}{{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}} {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		return n * u.size, err == nil && n > 0 && n <= math.MaxInt64/u.size
	}
	return 0, false
}
