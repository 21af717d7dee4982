package fair

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func key(installation, repository, person string) Key { return Key{installation, repository, person} }

func TestNextIsWhoHasLeastThenWhoseTurnIsLongestAgo(t *testing.T) {
	loud, other, quiet := key("a", "a/loud", "ana"), key("a", "a/other", "rui"), key("b", "b/quiet", "zoe")
	for _, tt := range []struct {
		name    string
		limits  Limits
		held    []Key // taken in this order
		given   []Key // given back afterwards
		waiting []Key
		want    int
	}{
		{name: "nobody waits", want: -1},
		{name: "the first of equals", waiting: []Key{loud, quiet}, want: 0},
		{name: "an installation with less in hand", held: []Key{loud}, waiting: []Key{loud, loud, quiet}, want: 2},
		{name: "a repository with less in hand", held: []Key{loud}, waiting: []Key{loud, loud, other}, want: 2},
		{name: "a person with less in hand", held: []Key{loud}, waiting: []Key{loud, key("a", "a/loud", "rui")}, want: 1},
		{name: "the installation counts before the repository", held: []Key{loud, quiet, quiet}, waiting: []Key{key("b", "b/new", "x"), loud}, want: 1},
		{name: "the same person elsewhere is somebody else", held: []Key{loud}, waiting: []Key{loud, key("a", "a/other", "ana")}, want: 1},
		{name: "in turn when nothing is in hand", held: []Key{loud, quiet}, given: []Key{loud, quiet}, waiting: []Key{quiet, loud}, want: 1},
		{name: "no more than there are", limits: Limits{All: 1}, held: []Key{loud}, waiting: []Key{quiet}, want: -1},
		{name: "no more than one installation may have", limits: Limits{All: 9, Installation: 1}, held: []Key{loud}, waiting: []Key{other}, want: -1},
		{name: "another installation goes on then", limits: Limits{All: 9, Installation: 1}, held: []Key{loud}, waiting: []Key{other, quiet}, want: 1},
		{name: "no more than one repository may have", limits: Limits{All: 9, Repository: 1}, held: []Key{loud}, waiting: []Key{loud, other}, want: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := New(tt.limits)
			for _, k := range tt.held {
				s.Take(k)
			}
			for _, k := range tt.given {
				s.Give(k)
			}
			if got := s.Next(tt.waiting); got != tt.want {
				t.Errorf("next is %d, want %d", got, tt.want)
			}
		})
	}
}

// world is a simulation: things arrive, are in hand for a while, and end.
type world struct {
	*Shares
	waiting []thing
	held    []thing
}

type thing struct {
	key Key
	n   int // of arrival
}

// turns gives out what can be given out, and returns it in order.
func (w *world) turns() (out []thing) {
	for {
		keys := make([]Key, len(w.waiting))
		for i, x := range w.waiting {
			keys[i] = x.key
		}
		i := w.Next(keys)
		if i < 0 {
			return out
		}
		x := w.waiting[i]
		w.waiting = slices.Delete(w.waiting, i, i+1)
		w.Take(x.key)
		w.held = append(w.held, x)
		out = append(out, x)
	}
}

func (w *world) end(i int) {
	w.Give(w.held[i].key)
	w.held = slices.Delete(w.held, i, i+1)
}

func TestAQuietRepositoryComesNextBehindAThousandOfALoudOne(t *testing.T) {
	for _, quiet := range []Key{key("b", "b/quiet", "zoe"), key("a", "a/quiet", "zoe"), key("a", "a/loud", "zoe")} {
		w := world{Shares: New(Limits{All: 2})}
		for i := range 1000 {
			w.waiting = append(w.waiting, thing{key("a", "a/loud", fmt.Sprint("p", i%3)), i})
		}
		w.turns()
		for range 20 { // it has been busy for a while
			w.end(0)
			w.turns()
		}
		w.waiting = append(w.waiting, thing{quiet, 1000})
		turns := 0
		for !slices.ContainsFunc(w.held, func(x thing) bool { return x.n == 1000 }) {
			w.end(0)
			turns += len(w.turns())
		}
		if turns > 2 {
			t.Errorf("%v had its turn after %d others", quiet, turns-1)
		}
	}
}

// Whatever comes and goes: the limits hold, nothing waits that could go on, what
// is of one key goes in the order of its arrival, and who has less in hand than
// someone who had a turn was not let wait.
func TestSharesKeepTheirPromisesWhateverComes(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 1))
		limits := Limits{All: random.IntN(6) + 1, Installation: random.IntN(4), Repository: random.IntN(3)}
		w := world{Shares: New(limits)}
		last := map[Key]int{}
		for n := range 200 {
			for range random.IntN(4) {
				i := random.IntN(3)
				k := key(fmt.Sprint(i), fmt.Sprint(i, "/", random.IntN(2)), fmt.Sprint(random.IntN(2)))
				w.waiting = append(w.waiting, thing{k, n*10 + len(w.waiting)})
			}
			before := slices.Clone(w.held)
			for _, x := range w.turns() {
				if x.n < last[x.key] {
					t.Fatalf("seed %d: %v overtook one of the same key", seed, x)
				}
				last[x.key] = x.n
				for _, y := range w.waiting {
					had, has := of(before, x.key.Installation), of(before, y.key.Installation)
					if y.n < x.n && has < had && limits.Installation == 0 && limits.Repository == 0 {
						t.Fatalf("seed %d: %v waits with %d in hand, %v went on with %d", seed, y, has, x, had)
					}
				}
				before = append(before, x)
			}
			w.check(t, seed, limits)
			if len(w.held) > 0 && random.IntN(3) > 0 {
				w.end(random.IntN(len(w.held)))
			}
		}
	}
}

func of(held []thing, installation string) (n int) {
	for _, x := range held {
		if x.key.Installation == installation {
			n++
		}
	}
	return n
}

func (w *world) check(t *testing.T, seed uint64, l Limits) {
	t.Helper()
	if len(w.held) > l.All {
		t.Fatalf("seed %d: %d in hand, at most %d", seed, len(w.held), l.All)
	}
	repositories := map[string]int{}
	for _, x := range w.held {
		if n := of(w.held, x.key.Installation); l.Installation > 0 && n > l.Installation {
			t.Fatalf("seed %d: an installation has %d, at most %d", seed, n, l.Installation)
		}
		if repositories[x.key.Repository]++; l.Repository > 0 && repositories[x.key.Repository] > l.Repository {
			t.Fatalf("seed %d: a repository has %d, at most %d", seed, repositories[x.key.Repository], l.Repository)
		}
	}
	for _, x := range w.waiting {
		if len(w.held) < l.All && (l.Installation == 0 || of(w.held, x.key.Installation) < l.Installation) &&
			(l.Repository == 0 || repositories[x.key.Repository] < l.Repository) {
			t.Fatalf("seed %d: %v waits and could go on", seed, x)
		}
	}
}

func TestWhoHasNothingInHandIsForgottenInTime(t *testing.T) {
	s := New(Limits{})
	for i := range 3 * mostNodes {
		k := key(fmt.Sprint(i), fmt.Sprint(i), "p")
		s.Take(k)
		s.Give(k)
	}
	if n := len(s.nodes); n > mostNodes {
		t.Errorf("%d are remembered", n)
	}
	s.Take(key("a", "a/a", "p"))
	if mine := s.count(at(ofRepository, key("a", "a/a", "q"))).held; s.all != 1 || mine != 1 {
		t.Errorf("in hand %d, of the repository %d", s.all, mine)
	}
}
