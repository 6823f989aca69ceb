package pool

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

const (
	// worthAWord is how many workers in a row a function may end before that
	// is reported: until then its tasks' own errors tell enough.
	worthAWord = 3
	// keptDeaths bounds what is remembered about functions.
	keptDeaths = 256
)

// deaths counts, by a function's content, the workers that it ended one after
// another, without a result in between.
type deaths map[string]death

type death struct {
	name    string
	count   int
	message string
}

func (d deaths) add(j *job, message string) {
	if _, known := d[j.Function]; !known && len(d) >= keptDeaths {
		clear(d)
	}
	d[j.Function] = death{cmp.Or(j.Name, j.Function), d[j.Function].count + 1, message}
}

func (d deaths) end(function string) { delete(d, function) }

// worst says which function ends most workers, if one does.
func (d deaths) worst() string {
	var worst death
	for _, function := range slices.Sorted(maps.Keys(d)) {
		if d[function].count > worst.count {
			worst = d[function]
		}
	}
	if worst.count < worthAWord {
		return ""
	}
	return fmt.Sprintf("function %s ended %d workers in a row: %s", worst.name, worst.count, worst.message)
}

// Trouble says what is wrong here, for people; empty if nothing is.
func (p *Pool) Trouble() string {
	for _, key := range slices.SortedFunc(maps.Keys(p.keys), func(a, b Key) int { return cmp.Compare(a.Environment, b.Environment) }) {
		if _, _, broken := p.keys[key].starts.Broken(); broken {
			return fmt.Sprintf("workers of %s do not start, %s", cmp.Or(key.Environment, "functions without an interpreter"), p.keys[key].starts)
		}
	}
	return p.deaths.worst()
}

// Reset lets everything be tried again.
func (p *Pool) Reset() {
	for _, k := range p.keys {
		k.starts.Reset()
	}
	clear(p.deaths)
}
