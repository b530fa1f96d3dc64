package lab

import (
	"container/heap"
	"fmt"
	"hash/fnv"
	mathrand "math/rand/v2"
	"time"
)

// act is one thing that happens in the world. Its name is the same in every
// run of a seed, and so is the chance it draws from: an act that is left out
// changes no other.
type act struct {
	name     string
	rng      *mathrand.Rand
	children int // acts that follow from it, so far
	named    int // mails and ids it gave a name to
}

func newAct(seed uint64, name string) *act {
	return &act{name: name, rng: mathrand.New(mathrand.NewPCG(seed, hash(name)))}
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// do is an act that is still to come.
type do struct {
	at   time.Time
	name string
	f    func()
}

// agenda is a heap: the next first, those of one instant by name.
type agenda []do

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].name < a[j].name
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(do)) }
func (a *agenda) Pop() any {
	old := *a
	x := old[len(old)-1]
	*a = old[:len(old)-1]
	return x
}

// as does f as the act of that name.
func (l *lab) as(name string, f func()) {
	outer := l.act
	l.act = newAct(l.plan.seed, name)
	f()
	l.act = outer
}

// after puts f on the agenda, as something that follows from the act that
// takes place. What is due behind the end never happens.
func (l *lab) after(d time.Duration, f func()) {
	l.act.children++
	name := fmt.Sprintf("%s.%d", l.act.name, l.act.children)
	if !l.plan.drop[name] {
		l.at(time.Now().Add(d), name, f)
	}
}

func (l *lab) at(at time.Time, name string, f func()) {
	heap.Push(&l.todo, do{at, name, f})
}

// again does f over and over, at random distances with the given mean, each
// time as an act of its own.
func (l *lab) again(name string, mean time.Duration, f func()) { l.againFrom(name, 1, mean, f) }

func (l *lab) againFrom(name string, n int, mean time.Duration, f func()) {
	self := fmt.Sprintf("%s-%d", name, n)
	wait := newAct(l.plan.seed, "before "+self).around(mean)
	l.at(time.Now().Add(wait), self, func() {
		l.againFrom(name, n+1, mean, f)
		if !l.plan.drop[self] {
			f()
		}
	})
}

// next takes the act off the agenda that is due first, waits for its instant,
// lets everybody look at their mail, and does it.
func (l *lab) next() {
	next := heap.Pop(&l.todo).(do)
	if d := time.Until(next.at); d > 0 {
		l.wait(d)
	}
	l.collect()
	if !l.plan.drop[next.name] {
		l.acts = append(l.acts, time.Now().UTC().Format(nano)+" "+next.name)
	}
	l.as(next.name, next.f)
}

func (a *act) around(mean time.Duration) time.Duration {
	return time.Duration(a.rng.ExpFloat64()*float64(mean)) + time.Millisecond
}

func (l *lab) around(mean time.Duration) time.Duration { return l.act.around(mean) }

func (l *lab) between(a, b time.Duration) time.Duration {
	return a + time.Duration(l.act.rng.Int64N(int64(b-a)))
}

func (l *lab) chance(p float64) bool { return l.act.rng.Float64() < p }

func pick[T any](l *lab, list []T) T { return list[l.act.rng.IntN(len(list))] }

// name is a word nobody else in this world has.
func (l *lab) name() string {
	l.act.named++
	return fmt.Sprintf("%012x", hash(fmt.Sprintf("%s#%d", l.act.name, l.act.named))&0xffffffffffff)
}
