// Package nearest finds what somebody meant who misspelt it.
package nearest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// To returns the known word that is nearest to the one given, "" if none is
// near: at most a third of its letters, and at least one, may be wrong. Of
// several it is the first in the order of the alphabet.
func To(word string, known []string) string {
	type candidate struct {
		word  string
		wrong int
	}
	var near []candidate
	given := []rune(strings.ToLower(word))
	for _, k := range known {
		other := []rune(strings.ToLower(k))
		most := max(1, max(len(given), len(other))/3)
		if d := len(given) - len(other); k == word || d > most || -d > most {
			continue
		}
		if wrong := distance(given, other); wrong <= most {
			near = append(near, candidate{k, wrong})
		}
	}
	if len(near) == 0 {
		return ""
	}
	return slices.MinFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.wrong, b.wrong), cmp.Compare(a.word, b.word))
	}).word
}

// Ask is the question to put to somebody who misspelt a word, with a space
// behind it; empty if no known word is near.
func Ask(word string, known []string) string {
	if near := To(word, known); near != "" {
		return fmt.Sprintf("did you mean %q? ", near)
	}
	return ""
}

// distance counts the letters that were left out, put in, changed, or swapped
// with their neighbour.
func distance(a, b []rune) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, last, now := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
