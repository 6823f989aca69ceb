package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

// anonymousFunction is one that the owner of the bench submits.
func (b *bench) anonymousFunction(name, body string) yonder.Function {
	return yonder.Function{
		ID: nextID(), Name: name, Kind: yonder.KindPython, Hash: "hash of " + body, Owner: b.owner, Created: b.now, Anonymous: true,
	}
}

func (b *bench) putAnonymous(name, body string) yonder.Function {
	b.Helper()
	f, err := b.PutFunction(b.Context(), b.anonymousFunction(name, body), []byte(body))
	require.NoError(b, err)
	return f
}

func (b *bench) deleteUnused(before time.Time) int {
	b.Helper()
	n, more, err := b.DeleteUnusedFunctions(b.Context(), before, b.now, 10)
	require.NoError(b, err)
	require.False(b, more)
	return n
}

var anonymous = []behaviour{
	{"leave alone what the name means", func(b *bench) {
		other := b.putAnonymous("f", "another body")
		require.True(b, other.Anonymous)
		require.Equal(b, 1, other.Version)
		require.NotEqual(b, b.function.ID, other.ID)
		newest, err := b.Function(b.Context(), b.function.ID, 0)
		require.NoError(b, err)
		require.Equal(b, b.function, newest)
		body, err := b.FunctionBody(b.Context(), other.ID, 0)
		require.NoError(b, err)
		require.Equal(b, "another body", string(body))
	}},
	{"are the registered version with the same body", func(b *bench) {
		newer := b.newFunction("f", "newer body of f")
		f := b.anonymousFunction("f", "")
		f.Hash = b.function.Hash
		got, err := b.PutFunction(b.Context(), f, []byte("body of f"))
		require.NoError(b, err)
		require.Equal(b, b.function.ID, got.ID)
		require.Equal(b, b.function.Version, got.Version)
		require.False(b, got.Anonymous)
		newest, err := b.Function(b.Context(), b.function.ID, 0)
		require.NoError(b, err)
		require.Equal(b, newer.Version, newest.Version)
	}},
	{"do not keep a name from being registered", func(b *bench) {
		submitted := b.putAnonymous("g", "body")
		f := b.anonymousFunction("g", "body")
		f.Anonymous = false
		registered, err := b.PutFunction(b.Context(), f, []byte("body"))
		require.NoError(b, err)
		require.NotEqual(b, submitted.ID, registered.ID)
		require.False(b, registered.Anonymous)
		require.Equal(b, registered.ID, b.putAnonymous("g", "body").ID, "from now on it is the registered one")
	}},
	{"are the same for all that is said of them", func(b *bench) {
		first := b.putAnonymous("g", "body")
		b.later(time.Minute)
		again := b.putAnonymous("g", "body")
		require.Equal(b, first.ID, again.ID)
		require.Equal(b, b.now, again.Used)
		require.NotEqual(b, first.ID, b.putAnonymous("h", "body").ID)
		require.NotEqual(b, first.ID, b.putAnonymous("g", "other body").ID)
		for name, change := range map[string]func(f *yonder.Function){
			"requirements": func(f *yonder.Function) { f.Requirements.Packages = []string{"numpy"} },
			"retry":        func(f *yonder.Function) { f.Retry.MaxAttempts = 7 },
			"owner":        func(f *yonder.Function) { f.Owner = b.other },
		} {
			f := b.anonymousFunction("g", "body")
			change(&f)
			got, err := b.PutFunction(b.Context(), f, []byte("body"))
			require.NoError(b, err)
			require.Equal(b, f.ID, got.ID, name)
			require.Equal(b, f.Requirements, got.Requirements)
			require.Equal(b, f.Retry, got.Retry)
		}
	}},
	{"are listed only if asked for", func(b *bench) {
		g := b.putAnonymous("g", "body")
		viewer := store.Viewer{Identity: b.owner}
		for _, filter := range []store.FunctionFilter{{}, {Name: "g"}, {Query: "g"}} {
			filter.Viewer = viewer
			list, err := b.ListFunctions(b.Context(), filter)
			require.NoError(b, err)
			require.NotContains(b, list, g)
			filter.Anonymous = true
			list, err = b.ListFunctions(b.Context(), filter)
			require.NoError(b, err)
			require.Contains(b, list, g)
		}
		list, err := b.ListFunctions(b.Context(), store.FunctionFilter{Viewer: store.Viewer{Identity: b.other}, Anonymous: true})
		require.NoError(b, err)
		require.Empty(b, list, "they are their owner's alone")
	}},
	{"submitted at once by many are one", func(b *bench) {
		const n = 12
		var wg sync.WaitGroup
		ids := make([]yonder.ID, n)
		for i := range n {
			s := []store.Store{b.Store, b.replica}[i%2]
			f := b.anonymousFunction("raced", fmt.Sprint(i/6))
			wg.Go(func() {
				if got, err := s.PutFunction(b.Context(), f, fmt.Append(nil, i/6)); err == nil {
					ids[i] = got.ID
				}
			})
		}
		wg.Wait()
		for i, id := range ids {
			require.Equal(b, ids[i/6*6], id)
			require.False(b, id.IsZero())
		}
		require.NotEqual(b, ids[0], ids[6])
	}},
	{"are deleted once nobody has used them for long", func(b *bench) {
		unused, used, registered := b.putAnonymous("unused", "1"), b.putAnonymous("used", "2"), b.function
		cutoff := b.now.Add(time.Hour)
		require.Zero(b, b.deleteUnused(b.now), "not at the very time")
		b.later(2 * time.Hour)
		require.NoError(b, b.UseFunction(b.Context(), used.ID, b.now))
		require.Equal(b, 1, b.deleteUnused(cutoff))
		require.Zero(b, b.deleteUnused(cutoff))
		_, err := b.Function(b.Context(), unused.ID, 0)
		requireCode(b, yonder.CodeNotFound, err)
		requireCode(b, yonder.CodeNotFound, b.UseFunction(b.Context(), unused.ID, b.now))
		for _, id := range []yonder.ID{used.ID, registered.ID} {
			_, err = b.Function(b.Context(), id, 0)
			require.NoError(b, err)
		}
		b.putAnonymous("unused", "1")
	}},
	{"are not deleted while tasks wait for them", func(b *bench) {
		b.function = b.putAnonymous("waits", "body")
		epoch := b.live(b.endpoint, 10)
		span := b.started(epoch, yonder.NewID(), 1)
		require.NoError(b, b.DeleteFunction(b.Context(), b.function.ID), "deleted ones neither")
		b.later(2 * time.Hour)
		require.Zero(b, b.deleteUnused(b.now))
		body, err := b.LeasedFunctionBody(b.Context(), b.endpoint, b.function.Hash)
		require.NoError(b, err)
		require.Equal(b, "body", string(body))
		b.succeed(epoch, span)
		require.Zero(b, b.deleteUnused(b.now), "that it was needed then counts as a use")
		b.later(time.Minute)
		require.Equal(b, 1, b.deleteUnused(b.now))
	}},
	{"are deleted a bounded number at a time", func(b *bench) {
		for i := range 3 {
			b.putAnonymous("g", fmt.Sprint(i))
		}
		b.later(time.Hour)
		n, more, err := b.DeleteUnusedFunctions(b.Context(), b.now, b.now, 2)
		require.NoError(b, err)
		require.Equal(b, 2, n)
		require.True(b, more)
	}},
	{"are no reason to keep an identity", func(b *bench) {
		f := b.anonymousFunction("g", "body")
		f.Owner = b.other
		_, err := b.PutFunction(b.Context(), f, []byte("body"))
		require.NoError(b, err)
		require.NoError(b, b.DeleteIdentity(b.Context(), b.other))
	}},
}
