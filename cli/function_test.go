package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// register stores a function with a body that nobody will load.
func register(t *testing.T, c *client.Client, name string) yonder.Function {
	t.Helper()
	f, err := c.RegisterFunction(t.Context(), wire.RegisterFunction{
		Name: name, Body: []byte("body of " + name), Description: "adds two numbers", Docstring: "Add a to b.\n\n  Twice \x1b[31mindented.",
		Signature: &yonder.Signature{Params: []yonder.Param{
			{Name: "a", Kind: yonder.ParamPositionalOnly, Required: true},
			{Name: "b", Kind: yonder.ParamPositional},
			{Name: "c", Kind: yonder.ParamKeywordOnly},
			{Name: "rest", Kind: yonder.ParamVarKeyword},
		}},
	})
	require.NoError(t, err)
	return f
}

var (
	anyID  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	anyAge = regexp.MustCompile(`(now|\d+s ago) *`)
	anySum = regexp.MustCompile(`[0-9a-f]{64}`)
	spaces = regexp.MustCompile(` {2,}`)
)

// golden compares what people see with a file of testdata; ids, times and
// the widths that follow from them are left out.
func golden(t *testing.T, name, out string) {
	t.Helper()
	out = anySum.ReplaceAllString(anyAge.ReplaceAllString(anyID.ReplaceAllString(out, "<id>"), "<age>  "), "<hash>")
	out = spaces.ReplaceAllString(out, "  ")
	file := filepath.Join("testdata", name+".golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(file, []byte(out), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "UPDATE_GOLDEN=1 writes it")
	require.Equal(t, string(want), out)
}

func TestFunctionsAreListedShownSharedAndDeleted(t *testing.T) {
	t.Parallel()
	admin := newPerson(t)
	c := admin.serve()
	ada := admin.other("ada")
	require.Empty(t, decode[[]yonder.Function](admin.ok("function", "list", "--json")))
	golden(t, "function-list-empty", admin.ok("function", "list").out)
	f := register(t, c, "add")
	register(t, c, "mul")

	golden(t, "function-list", admin.ok("function", "list").out)
	golden(t, "function-show", admin.ok("function", "show", "add").out)
	require.Len(t, decode[[]yonder.Function](admin.ok("function", "search", "numbers", "mul", "--json")), 1)
	require.Len(t, decode[[]yonder.Function](admin.ok("function", "list", "--mine", "--json")), 2)
	require.Equal(t, f.ID, decode[yonder.Function](admin.ok("function", "show", f.ID.String(), "--json")).ID)

	ada.fails(yonder.CodeNotFound, "function", "show", "add")
	admin.ok("function", "share", "add", "--with", "ada")
	require.Equal(t, f.ID, decode[yonder.Function](ada.ok("function", "show", "add", "--json")).ID)
	require.Equal(t, f.ID, decode[yonder.Function](ada.ok("function", "show", "admin/add", "--json")).ID)
	ada.fails(yonder.CodeForbidden, "function", "delete", "add", "--yes")
	ada.fails(yonder.CodeForbidden, "function", "share", "add", "--with", "admin")
	require.Contains(t, admin.ok("function", "share", "add", "--nobody").out, "nobody")
	ada.fails(yonder.CodeNotFound, "function", "show", "add")
	require.Contains(t, admin.ok("function", "share", "add", "--everyone").out, "everyone")
	admin.fails(yonder.CodeInvalidRequest, "function", "share", "add", "--everyone", "--nobody")
	admin.fails(yonder.CodeNotFound, "function", "show", "add", "--version", "7")

	admin.ok("function", "delete", "mul", "--yes")
	admin.fails(yonder.CodeNotFound, "function", "show", "mul")
	require.Contains(t, admin.ok("__complete", "function", "show", "a").out, "add\n")
}

func TestWhatWasSubmittedIsListedOnlyIfAskedFor(t *testing.T) {
	t.Parallel()
	admin := newPerson(t)
	c := admin.serve()
	add := register(t, c, "add")
	f, err := c.RegisterFunction(t.Context(), wire.RegisterFunction{Name: "add", Body: []byte("a local change"), Anonymous: true})
	require.NoError(t, err)
	require.Len(t, decode[[]yonder.Function](admin.ok("function", "list", "--json")), 1)
	require.Len(t, decode[[]yonder.Function](admin.ok("function", "list", "--all", "--json")), 2)
	require.Equal(t, add.ID, decode[yonder.Function](admin.ok("function", "show", "add", "--json")).ID)
	require.Contains(t, admin.ok("function", "show", f.ID.String()).out, "not registered, submitted")
	admin.fails(yonder.CodeInvalidRequest, "function", "share", f.ID.String(), "--everyone")
}

func TestANameThatSeveralShareHasToBeMadeClear(t *testing.T) {
	t.Parallel()
	admin := newPerson(t)
	url := admin.serve().URL()
	var ids []yonder.ID
	for _, name := range []string{"ada", "bob"} {
		p := admin.other(name)
		token, err := os.ReadFile(filepath.Join(p.home, "token"))
		require.NoError(t, err)
		c, err := client.New(url, string(token[:len(token)-1]))
		require.NoError(t, err)
		ids = append(ids, register(t, c, "add").ID)
		p.ok("function", "share", "add", "--everyone")
		require.Equal(t, ids[len(ids)-1], decode[yonder.Function](p.ok("function", "show", "add", "--json")).ID, "one's own comes first")
	}
	eve := admin.other("eve")
	a := eve.fails(yonder.CodeConflict, "function", "show", "add")
	require.Contains(t, a.err, "ada/add ("+ids[0].String()+")")
	require.Contains(t, a.err, "bob/add")
	require.Equal(t, ids[1], decode[yonder.Function](eve.ok("function", "show", "bob/add", "--json")).ID)
}
