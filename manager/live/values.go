package live

import "github.com/yonder-run/yonder/wire"

// values keeps the latest values of a generator. Positions are their numbers.
type values struct {
	limit int // bytes
	kept  []value
	bytes int
	end   int64 // number after the last that is known of
}

type value struct {
	number int64
	data   []byte
}

// add takes a value; numbers that were left out never came, and none comes
// twice.
func (v *values) add(number int64, data []byte) {
	if number < v.end {
		return
	}
	v.end = number + 1
	v.kept = append(v.kept, value{number, data})
	v.bytes += cost(data)
	for v.bytes > v.limit {
		v.bytes -= cost(v.kept[0].data)
		v.kept[0] = value{}
		v.kept = v.kept[1:]
	}
}

// cost counts an empty value, too.
func cost(data []byte) int { return len(data) + 64 }

// read is ring.read for values: one is returned even if it is larger.
func (v *values) read(from int64, most int) (a answer) {
	from = min(from, v.end)
	for _, one := range v.kept {
		if one.number < from {
			continue
		}
		if most -= cost(one.data); most < 0 && len(a.columns) > 0 {
			a.next = from
			return a
		}
		if one.number > from {
			a.add(wire.Piece{Stream: wire.StreamValue, At: from, Skipped: one.number - from}, nil)
		}
		a.add(wire.Piece{Stream: wire.StreamValue, At: one.number}, one.data)
		from = one.number + 1
	}
	if from < v.end { // all that is left did not fit
		a.add(wire.Piece{Stream: wire.StreamValue, At: from, Skipped: v.end - from}, nil)
	}
	a.next = v.end
	return a
}
