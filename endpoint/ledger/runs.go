package ledger

import (
	"slices"
	"sort"
)

// fate is what is the same for all tasks of a run. It is comparable, so that
// neighbours with the same fate become one run again.
type fate struct {
	state   State
	manager string
	cancel  bool // the service wants it stopped
	sure    bool // nothing that happened to the dispatch can be missing from the journal
	grant   int64
	lease   *lease
}

// run is a stretch lo ≤ index < hi of a bundle with one fate.
type run struct {
	lo, hi int
	fate
}

func (r run) tasks() int { return r.hi - r.lo }

// runs are disjoint and sorted by index.
type runs []run

// within returns copies of what lies in lo..hi, cut to it.
func (r runs) within(lo, hi int) []run {
	var found []run
	for i := r.first(lo); i < len(r) && r[i].lo < hi; i++ {
		found = append(found, cut(r[i], lo, hi))
	}
	return found
}

// first is the index of the first run that ends after lo.
func (r runs) first(lo int) int {
	return sort.Search(len(r), func(i int) bool { return r[i].hi > lo })
}

// replace puts the new runs, which lie in lo..hi, in place of all that is there.
func (r runs) replace(lo, hi int, with ...run) runs {
	from := r.first(lo)
	to := from
	var fresh runs
	if from < len(r) && r[from].lo < lo {
		fresh = append(fresh, cut(r[from], 0, lo))
	}
	fresh = append(fresh, with...)
	for ; to < len(r) && r[to].lo < hi; to++ {
		if r[to].hi > hi {
			fresh = append(fresh, cut(r[to], hi, r[to].hi))
		}
	}
	if from > 0 {
		from--
		fresh = append(runs{r[from]}, fresh...)
	}
	if to < len(r) {
		fresh = append(fresh, r[to])
		to++
	}
	return slices.Replace(r, from, to, join(fresh)...)
}

// join makes one of neighbours that touch and share their fate.
func join(r runs) runs {
	joined := r[:0]
	for _, next := range r {
		if n := len(joined); n > 0 && joined[n-1].hi == next.lo && joined[n-1].fate == next.fate {
			joined[n-1].hi = next.hi
			continue
		}
		joined = append(joined, next)
	}
	return joined
}

func cut(r run, lo, hi int) run {
	r.lo, r.hi = max(r.lo, lo), min(r.hi, hi)
	return r
}
