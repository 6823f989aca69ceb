package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

var functions = []behaviour{
	{"keep all that is said of them", func(b *bench) {
		want := yonder.Function{
			ID: nextID(), Name: "simulate", Kind: yonder.KindPython, Hash: "h1", Owner: b.owner,
			Description: "One run.", Docstring: "Simulate.\n\nLonger.", Created: b.now,
			Signature:    &yonder.Signature{Params: []yonder.Param{{Name: "n", Kind: yonder.ParamPositional, Required: true}}},
			Requirements: yonder.Requirements{Python: "3.11", Packages: []string{"numpy"}},
			Sharing:      yonder.Sharing{Identities: []yonder.ID{b.other}},
		}
		got, err := b.PutFunction(b.Context(), want, []byte("body"))
		require.NoError(b, err)
		want.Version, want.OwnerName = 1, "ada"
		require.Equal(b, want, got)
		got, err = b.Function(b.Context(), want.ID, 0)
		require.NoError(b, err)
		require.Equal(b, want, got)
	}},
	{"have a version for each body", func(b *bench) {
		one := b.newFunction("g", "one")
		two := b.newFunction("g", "two")
		again := b.newFunction("g", "one")
		require.Equal(b, []int{1, 2, 1}, []int{one.Version, two.Version, again.Version})
		require.Equal(b, one.ID, two.ID)
		require.Equal(b, one, again)

		newest, err := b.Function(b.Context(), one.ID, 0)
		require.NoError(b, err)
		require.Equal(b, two, newest)
		versions, err := b.FunctionVersions(b.Context(), one.ID)
		require.NoError(b, err)
		require.Equal(b, []yonder.Function{two, one}, versions)
		for version, want := range []string{"two", "one", "two"} {
			body, err := b.FunctionBody(b.Context(), one.ID, version)
			require.NoError(b, err)
			require.Equal(b, want, string(body))
		}
	}},
	{"may have an empty body", func(b *bench) {
		f := b.newFunction("empty", "")
		body, err := b.FunctionBody(b.Context(), f.ID, 1)
		require.NoError(b, err)
		require.Empty(b, body)
	}},
	{"of two owners share no names", func(b *bench) {
		mine := b.newFunction("g", "one")
		theirs := mine
		theirs.ID, theirs.Owner = yonder.NewID(), b.other
		got, err := b.PutFunction(b.Context(), theirs, []byte("one"))
		require.NoError(b, err)
		require.Equal(b, theirs.ID, got.ID)
	}},
	{"that are not there are not found", func(b *bench) {
		_, err := b.Function(b.Context(), yonder.NewID(), 0)
		requireCode(b, yonder.CodeNotFound, err)
		_, err = b.Function(b.Context(), b.function.ID, 9)
		requireCode(b, yonder.CodeNotFound, err)
		_, err = b.FunctionVersions(b.Context(), yonder.NewID())
		requireCode(b, yonder.CodeNotFound, err)
		for _, version := range []int{0, 1} {
			_, err = b.FunctionBody(b.Context(), yonder.NewID(), version)
			requireCode(b, yonder.CodeNotFound, err)
		}
		requireCode(b, yonder.CodeNotFound, b.DeleteFunction(b.Context(), yonder.NewID()))
		requireCode(b, yonder.CodeNotFound, b.SetFunctionSharing(b.Context(), yonder.NewID(), yonder.Sharing{}))
	}},
	{"that are deleted disappear and free their name", func(b *bench) {
		require.NoError(b, b.DeleteFunction(b.Context(), b.function.ID))
		_, err := b.Function(b.Context(), b.function.ID, 0)
		requireCode(b, yonder.CodeNotFound, err)
		_, err = b.FunctionBody(b.Context(), b.function.ID, 1)
		requireCode(b, yonder.CodeNotFound, err)
		requireCode(b, yonder.CodeNotFound, b.DeleteFunction(b.Context(), b.function.ID))
		again := b.newFunction("f", "body of f")
		require.NotEqual(b, b.function.ID, again.ID)
		require.Equal(b, 1, again.Version)
	}},
	{"are given to who holds a lease of them, deleted or not", func(b *bench) {
		_, err := b.LeasedFunctionBody(b.Context(), b.endpoint, b.function.Hash)
		requireCode(b, yonder.CodeNotFound, err)
		epoch := b.live(b.endpoint, 10)
		span := b.started(epoch, yonder.NewID(), 1)
		require.NoError(b, b.DeleteFunction(b.Context(), b.function.ID))
		body, err := b.LeasedFunctionBody(b.Context(), b.endpoint, b.function.Hash)
		require.NoError(b, err)
		require.Equal(b, "body of f", string(body))
		_, err = b.LeasedFunctionBody(b.Context(), b.newEndpoint("elsewhere"), b.function.Hash)
		requireCode(b, yonder.CodeNotFound, err)
		b.succeed(epoch, span)
		_, err = b.LeasedFunctionBody(b.Context(), b.endpoint, b.function.Hash)
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"are found by words in any of their texts", func(b *bench) {
		f := yonder.Function{
			ID: nextID(), Name: "Fold_Protein", Kind: yonder.KindPython, Hash: "h", Owner: b.owner,
			Description: "Folds 100% of it", Docstring: "With Rosetta.", Created: b.now,
		}
		_, err := b.PutFunction(b.Context(), f, []byte("x"))
		require.NoError(b, err)
		for query, want := range map[string]int{
			"": 2, "fold": 1, "ROSETTA folds": 1, "rosetta missing": 0, "100%": 1, "0%o": 0, "d_p": 1, "f_ld": 0, `\`: 0,
		} {
			list, err := b.ListFunctions(b.Context(), store.FunctionFilter{Viewer: store.Viewer{Identity: b.owner}, Query: query})
			require.NoError(b, err)
			require.Len(b, list, want, "query %q", query)
		}
		_, err = b.ListFunctions(b.Context(), store.FunctionFilter{Query: "1 2 3 4 5 6 7 8 9"})
		requireCode(b, yonder.CodeInvalidRequest, err)
	}},
	{"are found by the texts of their newest version only", func(b *bench) {
		f := b.function
		f.Hash, f.Docstring = "h2", "newer"
		_, err := b.PutFunction(b.Context(), f, []byte("x"))
		require.NoError(b, err)
		list, err := b.ListFunctions(b.Context(), store.FunctionFilter{Viewer: store.Viewer{Admin: true}, Query: "newer"})
		require.NoError(b, err)
		require.Len(b, list, 1)
		require.Equal(b, 2, list[0].Version)
	}},
	{"are listed by owner and name, in pages", func(b *bench) {
		for i := range 3 {
			b.newFunction(fmt.Sprintf("g%d", i), "x")
		}
		viewer := store.Viewer{Identity: b.owner}
		list, err := b.ListFunctions(b.Context(), store.FunctionFilter{Viewer: viewer, Name: "g1"})
		require.NoError(b, err)
		require.Len(b, list, 1)
		list, err = b.ListFunctions(b.Context(), store.FunctionFilter{Viewer: viewer, Owner: b.other})
		require.NoError(b, err)
		require.Empty(b, list)
		var names []string
		page := store.Page{Limit: 2}
		for range 2 {
			list, err = b.ListFunctions(b.Context(), store.FunctionFilter{Viewer: viewer, Page: page})
			require.NoError(b, err)
			for _, f := range list {
				names = append(names, f.Name)
			}
			page.After = list[len(list)-1].ID
		}
		require.Equal(b, []string{"g2", "g1", "g0", "f"}, names)
	}},
	{"take any text", func(b *bench) {
		f := yonder.Function{
			ID: nextID(), Name: "odd", Kind: yonder.KindPython, Hash: "h", Owner: b.owner,
			Description: "nul \x00 and \xff", Docstring: "naïve 𝒳 '; DROP TABLE functions; --", Created: b.now,
		}
		got, err := b.PutFunction(b.Context(), f, []byte{0, 1, 0xff})
		require.NoError(b, err)
		require.Equal(b, "nul \uFFFD and \uFFFD", got.Description)
		require.Equal(b, f.Docstring, got.Docstring)
	}},
	{"registered at once by many get one version each", func(b *bench) {
		const n = 12
		var wg sync.WaitGroup
		versions := make([]int, n)
		for i := range n {
			s := []store.Store{b.Store, b.replica}[i%2]
			wg.Go(func() {
				f := yonder.Function{
					ID: nextID(), Name: "raced", Kind: yonder.KindPython, Hash: fmt.Sprint(i / 2), Owner: b.owner, Created: b.now,
				}
				got, err := s.PutFunction(b.Context(), f, []byte{byte(i / 2)})
				if err == nil {
					versions[i] = got.Version
				}
			})
		}
		wg.Wait()
		slices.Sort(versions)
		require.Equal(b, []int{1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6}, versions)
	}},
}

var sharing = []behaviour{
	{"decides who sees functions", func(b *bench) {
		checkSharing(b, func(s yonder.Sharing) {
			require.NoError(b, b.SetFunctionSharing(b.Context(), b.function.ID, s))
			f, err := b.Function(b.Context(), b.function.ID, 0)
			require.NoError(b, err)
			require.Equal(b, s, f.Sharing)
		}, func(v store.Viewer) bool {
			list, err := b.ListFunctions(b.Context(), store.FunctionFilter{Viewer: v})
			require.NoError(b, err)
			return len(list) == 1
		})
	}},
	{"decides who sees endpoints", func(b *bench) {
		checkSharing(b, func(s yonder.Sharing) {
			e, err := b.ChangeEndpoint(b.Context(), b.endpoint, wire.ChangeEndpoint{Sharing: &s})
			require.NoError(b, err)
			require.Equal(b, s, e.Sharing)
		}, func(v store.Viewer) bool {
			list, err := b.ListEndpoints(b.Context(), store.EndpointFilter{Viewer: v})
			require.NoError(b, err)
			return len(list) == 1
		})
	}},
	{"given anew with a function replaces what was, and none leaves it", func(b *bench) {
		f := b.function
		f.Sharing = yonder.Sharing{Everyone: true}
		got, err := b.PutFunction(b.Context(), f, []byte("body of f"))
		require.NoError(b, err)
		require.Equal(b, f.Sharing, got.Sharing)
		f.Sharing = yonder.Sharing{}
		got, err = b.PutFunction(b.Context(), f, []byte("body of f"))
		require.NoError(b, err)
		require.Equal(b, yonder.Sharing{Everyone: true}, got.Sharing)
	}},
}

// checkSharing goes through all ways of sharing with somebody.
func checkSharing(b *bench, share func(yonder.Sharing), sees func(store.Viewer) bool) {
	b.Helper()
	lab := b.group("lab", b.other)
	viewer, err := b.Viewer(b.Context(), b.other)
	require.NoError(b, err)
	for _, c := range []struct {
		name    string
		sharing yonder.Sharing
		want    bool
	}{
		{"nobody", yonder.Sharing{}, false},
		{"everyone", yonder.Sharing{Everyone: true}, true},
		{"somebody else", yonder.Sharing{Identities: []yonder.ID{yonder.NewID()}}, false},
		{"the identity", yonder.Sharing{Identities: []yonder.ID{b.other}}, true},
		{"its group", yonder.Sharing{Identities: []yonder.ID{lab}}, true},
		{"nobody again", yonder.Sharing{}, false},
	} {
		share(c.sharing)
		require.Equal(b, c.want, sees(viewer), c.name)
		require.True(b, sees(store.Viewer{Identity: b.owner}), "the owner, shared with %s", c.name)
		require.True(b, sees(store.Viewer{Identity: yonder.NewID(), Admin: true}), "an admin, shared with %s", c.name)
	}
}
