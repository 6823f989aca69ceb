package results

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWatchesAreMarkedByTheirGroupsOnly(t *testing.T) {
	t.Parallel()
	h := NewHub()
	a, b, c := yonder.NewID(), yonder.NewID(), yonder.NewID()
	one, two := h.Watch(), h.Watch()
	one.Add(a)
	two.Add(a)
	two.Add(b)
	require.Equal(t, []yonder.ID{a}, one.Take(), "a new group is looked at once")
	require.ElementsMatch(t, []yonder.ID{a, b}, two.Take())

	h.Wake(store.Woken{b, c})
	require.Empty(t, one.Take())
	require.Equal(t, []yonder.ID{b}, two.Take())
	h.Wake(store.Woken{a})
	h.Wake(store.Woken{a})
	require.Equal(t, []yonder.ID{a}, one.Take(), "marks do not add up")

	two.Remove(a)
	two.Take()
	h.Wake(store.Woken{a})
	require.Empty(t, two.Take())
	two.MarkAll()
	require.Equal(t, []yonder.ID{b}, two.Take())
	one.Close()
	two.Close()
	require.Empty(t, h.watches)
}

// Whatever comes in whichever way, a reader that looks at what is marked has
// all results in order at the end, however many were handed in between.
func TestAReaderMissesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := &fake{}
		r := reader(s)
		group := yonder.NewID()
		watch := r.Hub.Watch()
		defer watch.Close()
		watch.Add(group)
		cursor := int64(0)
		look := func(*rapid.T) {
			for marks := watch.take(); len(marks) > 0; marks = marks[1:] {
				page, _, err := r.next(context.Background(), marks[0], cursor)
				require.NoError(t, err)
				if len(page.Entries) == 0 {
					continue
				}
				for _, e := range page.Entries {
					require.Equal(t, cursor+1, e.Cursor)
					cursor = e.Cursor
				}
				marks = append(marks, marks[0])
			}
		}
		var told []func() // of what is committed, in any order
		commit := func(t *rapid.T) {
			after := s.entries.Load()
			n := rapid.Int64Range(1, 2*int64(r.PageEntries)).Draw(t, "results")
			s.entries.Add(n)
			if rapid.Bool().Draw(t, "handed") {
				news := store.News{Group: group, After: after, Cursor: after + n, Page: func() (wire.ResultPage, [][]byte, error) {
					return s.GroupResults(context.Background(), group, after, int(n), 0)
				}}
				told = append(told, func() { r.Hub.Hand([]store.News{news, {Group: yonder.NewID(), Cursor: 1}}) })
			} else {
				told = append(told, func() { r.Hub.Wake(store.Woken{group}) })
			}
		}
		tell := func(t *rapid.T) {
			if len(told) > 0 {
				i := rapid.IntRange(0, len(told)-1).Draw(t, "which")
				told[i]()
				told = slices.Delete(told, i, i+1)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"commit": commit, "tell": tell, "look": look,
			"flood": func(t *rapid.T) {
				for range recentPages {
					commit(t)
					tell(t)
				}
			},
		})
		for len(told) > 0 {
			tell(t)
		}
		look(t)
		require.Equal(t, s.entries.Load(), cursor)
	})
}

func TestWhatIsHandedIsNotReadAgain(t *testing.T) {
	t.Parallel()
	s := &fake{}
	r := reader(s)
	group := yonder.NewID()
	watch := r.Hub.Watch()
	defer watch.Close()
	watch.Add(group)
	require.Len(t, watch.take(), 1)
	s.err = errors.New("the store is not asked")
	page := wire.ResultPage{Group: group, Cursor: 8, Entries: []wire.ResultEntry{{Cursor: 8}}}
	r.Hub.Hand([]store.News{{Group: group, After: 7, Cursor: 8, Page: func() (wire.ResultPage, [][]byte, error) { return page, nil, nil }}})
	marks := watch.take()
	require.Equal(t, []mark{{group, false}}, marks)
	got, _, err := r.next(t.Context(), marks[0], 7)
	require.NoError(t, err)
	require.Equal(t, page, got)
	got, _, err = r.next(t.Context(), marks[0], 8)
	require.NoError(t, err)
	require.Empty(t, got.Entries)
	_, _, err = r.next(t.Context(), marks[0], 6)
	require.ErrorIs(t, err, s.err, "something is missing in between")
	_, _, err = r.next(t.Context(), mark{group, true}, 8)
	require.ErrorIs(t, err, s.err, "the store may have more")
}

// fake holds results in memory.
type fake struct {
	entries atomic.Int64
	err     error
}

func (f *fake) GroupResults(_ context.Context, group yonder.ID, cursor int64, limit, _ int) (wire.ResultPage, [][]byte, error) {
	page := wire.ResultPage{Group: group, Cursor: cursor}
	var columns [][]byte
	for i := int(cursor); i < int(f.entries.Load()) && len(page.Entries) < limit; i++ {
		page.Cursor = int64(i + 1)
		page.Entries = append(page.Entries, wire.ResultEntry{Cursor: page.Cursor})
		columns = append(columns, nil)
	}
	return page, columns, f.err
}

func (f *fake) TaskResult(context.Context, yonder.ID) (wire.ResultEntry, []byte, error) {
	if f.entries.Load() == 0 {
		return wire.ResultEntry{}, nil, yonder.Errorf(yonder.CodeNotFound, "none")
	}
	return wire.ResultEntry{Cursor: 1}, []byte("x"), f.err
}

func reader(s Store) *Reader {
	return &Reader{Store: s, Hub: NewHub(), PageEntries: 10, PageBytes: 1000}
}

func TestAWaitEndsWithTheFirstResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fake{}
		r := reader(s)
		group := yonder.NewID()
		begin := time.Now()
		time.AfterFunc(time.Second, func() {
			s.entries.Store(3)
			r.Hub.Wake(store.Woken{group})
		})
		page, _, err := r.Page(t.Context(), group, 1, 100, time.Minute)
		require.NoError(t, err)
		require.Len(t, page.Entries, 2)
		require.EqualValues(t, 3, page.Cursor)
		require.Equal(t, time.Second, time.Since(begin))
	})
}

func TestAWaitFindsResultsWhoseHintWasLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fake{}
		r := reader(s)
		begin := time.Now()
		time.AfterFunc(time.Second, func() { s.entries.Store(1) })
		_, payload, err := r.Task(t.Context(), yonder.NewID(), yonder.NewID(), time.Minute)
		require.NoError(t, err)
		require.Equal(t, "x", string(payload))
		require.Equal(t, pollEvery, time.Since(begin))
	})
}

func TestAWaitIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := reader(&fake{})
		begin := time.Now()
		page, _, err := r.Page(t.Context(), yonder.NewID(), 0, 1, 7*time.Second)
		require.NoError(t, err)
		require.Empty(t, page.Entries)
		require.Equal(t, 7*time.Second, time.Since(begin))

		_, _, err = r.Task(t.Context(), yonder.NewID(), yonder.NewID(), 0)
		require.Equal(t, yonder.CodeNotFound, yonder.CodeOf(err))
		require.Equal(t, 7*time.Second, time.Since(begin), "no wait was asked for")
		require.Empty(t, r.Hub.watches)
	})
}

func TestAWaitEndsWithItsContextOrAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(gone) })
		_, _, err := reader(&fake{}).Page(ctx, yonder.NewID(), 0, 1, time.Minute)
		require.ErrorIs(t, err, gone)
		_, _, err = reader(&fake{err: gone}).Page(t.Context(), yonder.NewID(), 0, 1, time.Minute)
		require.ErrorIs(t, err, gone)
	})
}

func TestJSON(t *testing.T) {
	t.Parallel()
	task := yonder.NewID()
	entry := func(o wire.Outcome) wire.ResultEntry {
		return wire.ResultEntry{Entry: wire.Entry{Outcome: o}, Cursor: 3}
	}
	prefix := "Y1j\x00\x00\x00\x00\x00"
	for name, c := range map[string]struct {
		outcome wire.Outcome
		payload string
		codec   string
		value   any
		failure *wire.TaskError
	}{
		"json":              {wire.OutcomeOK, prefix + `{"a": 1}`, "json", json.RawMessage(`{"a": 1}`), nil},
		"json that is none": {wire.OutcomeOK, prefix + `{`, "json", nil, nil},
		"pickle":            {wire.OutcomeOK, "Y1p\x00\x03\x0b\x00\x00...", "pickle", nil, nil},
		"raw":               {wire.OutcomeOK, "Y1r\x00\x00\x00\x00\x00...", "raw", nil, nil},
		"unknown":           {wire.OutcomeOK, "something else", "", nil, nil},
		"out of line":       {wire.OutcomeOK, "", "", nil, nil},
		"exception": {
			wire.OutcomeException, prefix + `{"type":"ValueError","message":"no"}`, "json", json.RawMessage(`{"type":"ValueError","message":"no"}`),
			&wire.TaskError{Code: yonder.CodeFunctionFailed, Message: "the function raised ValueError: no"},
		},
		"exception of somebody else": {
			wire.OutcomeException, "?", "", nil, &wire.TaskError{Code: yonder.CodeFunctionFailed, Message: "the function raised an exception"},
		},
		"failed": {
			wire.OutcomeFailed, `{"code":"task_lost","message":"gone"}`, "", nil, &wire.TaskError{Code: yonder.CodeTaskLost, Message: "gone"},
		},
		"failed without a reason": {
			wire.OutcomeFailed, "?", "", nil, &wire.TaskError{Code: yonder.CodeInternal, Message: "the endpoint gave no readable reason"},
		},
	} {
		got := JSON(task, entry(c.outcome), []byte(c.payload))
		require.Equal(t, c.codec, got.Codec, name)
		require.Equal(t, c.value, got.Value, name)
		require.Equal(t, c.failure, got.Error, name)
		require.EqualValues(t, 3, got.Cursor)
		_, err := json.Marshal(got)
		require.NoError(t, err, name)
	}
}

func TestAnEventIsOneRecord(t *testing.T) {
	t.Parallel()
	text, err := appendEvent(nil, wire.Result{Cursor: 7, Stdout: "two\nlines"})
	require.NoError(t, err)
	require.Regexp(t, `^event: result\nid: 7\ndata: \{[^\n]*\}\n\n$`, string(text))
}
