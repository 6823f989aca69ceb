package sqldb

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// besideBytes is the size above which a payload lies beside the tables, if the
// engine has a place for it. Smaller ones cost less in a row than in a place of
// their own.
const besideBytes = 64 << 10

// Place is where a payload lies beside the tables. The zero value is nowhere.
type Place struct {
	Segment, Offset, Size int64
	Sum                   uint32 // CRC-32C
}

// ErrNoPayload says that what lies at a place is not what was put there: its
// row has gone meanwhile, or the file is damaged.
var ErrNoPayload = errors.New("the payload beside the database is gone or damaged")

// Beside keeps large payloads beside an engine's tables, in segments. It is
// safe for concurrent use.
type Beside interface {
	// Keep makes payloads durable. Their segments stay, used or not, until done
	// is called: by then rows refer to the places, or never will.
	Keep(payloads [][]byte) (places []Place, done func(), err error)
	// Read returns a payload, or ErrNoPayload.
	Read(p Place) ([]byte, error)
	// Free gives back places, in their order, that no row refers to. That may
	// be repeated.
	Free(places []Place)
	// Short says whether space is needed: then none is kept for a backup.
	Short() bool
	// Sealed lists segments to which nothing is added any more, and whose
	// places all have their rows by now, or will have none.
	Sealed() []int64
	// Remove gives back a whole segment; one that is gone is no error.
	Remove(segment int64) error
}

// kept is payloads of one operation, of which the large ones lie beside the
// tables already.
type kept struct {
	beside Beside
	places []Place // by payload; nowhere, or none at all: its row has it
	used   []bool
	ran    bool   // to its end, at least once: then it may have been committed
	done   func() // lets segments go that nothing is left of
}

// keep puts the large ones of the payloads beside the tables.
func (s *Store) keep(payloads [][]byte) (*kept, error) {
	k := &kept{beside: s.engine.Beside(), done: func() {}}
	if k.beside == nil {
		return k, nil
	}
	var large [][]byte
	var which []int
	for i, p := range payloads {
		if len(p) > besideBytes {
			large, which = append(large, p), append(which, i)
		}
	}
	if len(large) == 0 {
		return k, nil
	}
	places, done, err := k.beside.Keep(large)
	if err != nil {
		return nil, err
	}
	k.places, k.used = make([]Place, len(payloads)), make([]bool, len(payloads))
	for at, i := range which {
		k.places[i] = places[at]
	}
	k.done = done
	return k, nil
}

// around is the operation, each run of which forgets what earlier ones used.
func (k *kept) around(op Op) Op {
	return func(ctx context.Context, q *gen.Queries) error {
		clear(k.used)
		err := op(ctx, q)
		k.ran = k.ran || err == nil
		return err
	}
}

// take says where a payload lies, for a row that is to refer to it: the only one.
func (k *kept) take(i int) Place {
	if k == nil || k.places == nil || k.used[i] {
		return Place{}
	}
	k.used[i] = true
	return k.places[i]
}

// settle gives back what no row refers to: all of it, if the operation was
// refused. After the error of a commit nobody knows which rows there are: what
// is left over goes with its segment.
func (k *kept) settle(err error) {
	if k.places == nil || err != nil && k.ran {
		return
	}
	var free []Place
	for i, p := range k.places {
		if p.Segment > 0 && (err != nil || !k.used[i]) {
			free = append(free, p)
		}
	}
	k.beside.Free(free)
}

// fetched returns a row's payload, wherever it lies.
func (s *Store) fetched(inRow []byte, p Place) ([]byte, error) {
	if p.Segment == 0 {
		return inRow, nil
	}
	return s.engine.Beside().Read(p)
}

// rereads bounds how often a reader looks at rows again whose payloads went
// between reading them and reading those.
const rereads = 3

// reread runs a reading operation, and again if a payload has gone meanwhile:
// its row says why, by then. What the last look does not find is lost.
func (s *Store) reread(ctx context.Context, op func(ctx context.Context, q *gen.Queries, last bool) error) error {
	for look := 1; ; look++ {
		last := look == rereads
		err := s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error { return op(ctx, q, last) })
		if last || !errors.Is(err, ErrNoPayload) {
			return err
		}
	}
}

// freeBatch is how many places one turn gives back.
const freeBatch = 1000

// backupTime is how long a place stays after its row: a backup copies segments
// after the database, and what the copy of that names must still be there. It
// is far longer than such a copy of the database takes, and than a kernel keeps
// commits from the disk that an engine does not sync (half a minute, mostly). Where
// space is short, a power cut that takes such commits back may find their payloads
// gone: these tasks end with storage_corrupt.
const backupTime = time.Hour

// tidyBeside gives back segments and places that no row refers to.
func (s *Store) tidyBeside(ctx context.Context, now time.Time) (more bool, err error) {
	beside := s.engine.Beside()
	if beside == nil {
		return false, nil
	}
	if !beside.Short() {
		now = now.Add(-backupTime)
	}
	var freed []gen.Freed
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) (err error) {
		freed, err = q.FreedPlaces(ctx, micros(now), freeBatch)
		return err
	})
	if err == nil && len(freed) > 0 {
		err = s.free(ctx, beside, freed)
	}
	for _, segment := range beside.Sealed() {
		if ctx.Err() == nil { // one that cannot be removed keeps no other
			err = errors.Join(err, s.tidySegment(ctx, beside, segment))
		}
	}
	return err == nil && len(freed) == freeBatch, err
}

// free gives back places, and then the notes about them.
func (s *Store) free(ctx context.Context, beside Beside, freed []gen.Freed) error {
	places := make([]Place, len(freed))
	for i, f := range freed {
		places[i] = Place{Segment: f.Segment, Offset: f.Place, Size: f.Away}
	}
	slices.SortFunc(places, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Segment, b.Segment), cmp.Compare(a.Offset, b.Offset))
	})
	beside.Free(places)
	return s.tasks.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		for _, f := range freed {
			if err := q.DeleteFreed(ctx, f.Since, f.Segment, f.Place); err != nil {
				return err
			}
		}
		return nil
	})
}

// tidySegment removes a segment that no row refers to, and of which no place
// waits to be given back.
func (s *Store) tidySegment(ctx context.Context, beside Beside, segment int64) error {
	var used bool
	err := s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) (err error) {
		used, err = q.SegmentInUse(ctx, segment)
		return err
	})
	if err != nil || used {
		return err
	}
	return beside.Remove(segment)
}
