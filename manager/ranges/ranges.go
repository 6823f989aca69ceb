// Package ranges holds sets of task indexes as sorted, disjoint intervals:
// spans are split only where their tasks diverge.
package ranges

import "slices"

// Range is the indexes Lo ≤ i < Hi.
type Range struct{ Lo, Hi int }

// Len is the number of indexes in the range; an inverted range is empty.
func (r Range) Len() int { return max(r.Hi-r.Lo, 0) }

// Has says whether the index lies in the range.
func (r Range) Has(i int) bool { return r.Lo <= i && i < r.Hi }

// And is what both ranges have.
func (r Range) And(other Range) Range { return Range{max(r.Lo, other.Lo), min(r.Hi, other.Hi)} }

// Set is a set of indexes. The zero value is empty. Its ranges are in order,
// not empty, and neither touch nor overlap.
type Set []Range

// Len is the number of indexes in the set.
func (s Set) Len() int {
	n := 0
	for _, r := range s {
		n += r.Len()
	}
	return n
}

// Has says whether the index is in the set.
func (s Set) Has(i int) bool {
	at, found := slices.BinarySearchFunc(s, i, func(r Range, i int) int { return r.Lo - i })
	return found || at > 0 && s[at-1].Has(i)
}

// And returns the parts of r that are in the set.
func (s Set) And(r Range) Set {
	var parts Set
	for i := s.after(r.Lo); i < len(s) && s[i].Lo < r.Hi && r.Len() > 0; i++ {
		parts = append(parts, s[i].And(r))
	}
	return parts
}

// after finds the first range that ends after an index.
func (s Set) after(i int) int {
	at, _ := slices.BinarySearchFunc(s, i, func(own Range, i int) int { return own.Hi - i - 1 })
	return at
}

// Without returns the parts of r that are not in the set.
func (s Set) Without(r Range) Set {
	var parts Set
	for _, own := range s.And(r) {
		if own.Lo > r.Lo {
			parts = append(parts, Range{r.Lo, own.Lo})
		}
		r.Lo = own.Hi
	}
	if r.Len() > 0 {
		parts = append(parts, r)
	}
	return parts
}

// Add puts r into the set.
func (s *Set) Add(r Range) {
	if r.Len() == 0 {
		return
	}
	// Everything that touches r melts into it.
	first := s.after(r.Lo - 1)
	last := first
	for last < len(*s) && (*s)[last].Lo <= r.Hi {
		r.Lo, r.Hi = min(r.Lo, (*s)[last].Lo), max(r.Hi, (*s)[last].Hi)
		last++
	}
	*s = slices.Replace(*s, first, last, r)
}

// Remove takes r out of the set and returns the parts that were in it.
func (s *Set) Remove(r Range) Set {
	removed := s.And(r)
	if len(removed) == 0 {
		return nil
	}
	first := s.after(r.Lo)
	last := first + len(removed)
	var edges Set
	for _, edge := range []Range{{(*s)[first].Lo, r.Lo}, {r.Hi, (*s)[last-1].Hi}} {
		if edge.Len() > 0 {
			edges = append(edges, edge)
		}
	}
	*s = slices.Replace(*s, first, last, edges...)
	return removed
}

// Take removes and returns the first indexes of the set, at most n, that make
// one range.
func (s *Set) Take(n int) Range {
	if len(*s) == 0 || n <= 0 {
		return Range{}
	}
	first := &(*s)[0]
	taken := Range{first.Lo, min(first.Lo+n, first.Hi)}
	if first.Lo = taken.Hi; first.Len() == 0 {
		*s = (*s)[1:]
	}
	return taken
}
