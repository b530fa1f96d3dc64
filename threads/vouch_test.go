package threads

import "testing"

func TestVouched(t *testing.T) {
	tests := []struct {
		result         VouchResult
		demand, pinned bool
		held           bool
	}{
		{VouchPass, false, false, false}, {VouchPass, true, true, false},
		{VouchNone, false, false, false}, {VouchNone, true, false, true}, {VouchNone, false, true, true},
		{VouchUnknown, false, false, false}, {VouchUnknown, true, false, true}, {VouchUnknown, false, true, true},
		{VouchFail, false, false, true}, {VouchFail, true, true, true},
	}
	for _, tt := range tests {
		a := Authority{Engineer: "alice@acme.example", Proven: true}.Vouched(Vouch{Result: tt.result, Why: "because"}, tt.demand, tt.pinned)
		if held := a.Doubt == WhyUnproven && a.Reason != ""; held != tt.held {
			t.Errorf("%+v: %+v", tt, a)
		}
	}
	// What nothing proves is not made better, and another doubt stays.
	for _, a := range []Authority{{Engineer: "x"}, {Engineer: "x", Proven: true, Doubt: WhyAmbiguous}} {
		for _, r := range []VouchResult{VouchPass, VouchFail} {
			got := a.Vouched(Vouch{Result: r}, true, true)
			if got.Proven != a.Proven || got.Doubt != a.Doubt {
				t.Errorf("%+v became %+v", a, got)
			}
		}
	}
}
