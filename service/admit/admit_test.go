package admit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

var limits = Limits{
	Limits:      wire.Limits{InlineBytes: 100, PayloadBytes: 1000, RequestBytes: 10_000, BundleTasks: 10},
	MaxAttempts: 5, Retention: time.Hour, Records: 48 * time.Hour,
}

func TestAccess(t *testing.T) {
	t.Parallel()
	me, owner := yonder.NewID(), yonder.NewID()
	open := yonder.Sharing{Everyone: true}
	f, other := yonder.NewID(), yonder.NewID()
	for name, c := range map[string]struct {
		function, endpoint yonder.Sharing
		allowed            []yonder.ID
		admin              bool
		code               yonder.Code
	}{
		"both shared":                     {open, open, nil, false, ""},
		"function not shared":             {yonder.Sharing{}, open, nil, false, yonder.CodeNotFound},
		"endpoint not shared":             {open, yonder.Sharing{}, nil, false, yonder.CodeNotFound},
		"on the list":                     {open, open, []yonder.ID{other, f}, false, ""},
		"not on the list":                 {open, open, []yonder.ID{other}, false, yonder.CodeForbidden},
		"admin sees a function, no more":  {yonder.Sharing{}, open, nil, true, yonder.CodeForbidden},
		"admin sees an endpoint, no more": {open, yonder.Sharing{}, nil, true, yonder.CodeForbidden},
	} {
		err := Access(store.Viewer{Identity: me, Admin: c.admin},
			yonder.Function{ID: f, Owner: owner, Sharing: c.function},
			yonder.Endpoint{Owner: owner, Sharing: c.endpoint, Functions: c.allowed})
		require.Equal(t, c.code, yonder.CodeOf(err), name)
	}
}

func TestOnlyTheOwnerRunsWhereUsersAreNotKeptApart(t *testing.T) {
	t.Parallel()
	owner, other := store.Viewer{Identity: yonder.NewID()}, store.Viewer{Identity: yonder.NewID()}
	e := yonder.Endpoint{Name: "lab", Owner: owner.Identity, OwnerName: "ada"}
	process, isolated := wire.Capabilities{Runtime: "process"}, wire.Capabilities{Runtime: "podman", Isolated: true}
	require.NoError(t, Isolation(owner, e, process, true))
	require.NoError(t, Isolation(owner, e, process, false))
	require.NoError(t, Isolation(other, e, isolated, true))
	err := Isolation(other, e, process, true)
	require.Equal(t, yonder.CodeForbidden, yonder.CodeOf(err))
	require.ErrorContains(t, err, `"process", which does not keep its users apart: only its owner ada may submit`)
	err = Isolation(other, e, isolated, false)
	require.Equal(t, yonder.CodeForbidden, yonder.CodeOf(err))
	require.ErrorContains(t, err, "never been online")
}

func TestPython(t *testing.T) {
	t.Parallel()
	has := wire.Capabilities{Pythons: []wire.Interpreter{{Version: "3.11.7"}, {Version: "3.9"}}}
	for _, c := range []struct {
		function, bundle string
		reported         bool
		code             yonder.Code
		says             string
	}{
		{"", "", true, "", ""},
		{"3.11", "", true, "", ""},
		{"3.9", "3.9", true, "", ""},
		{"3.1", "", true, yonder.CodeNoInterpreter, "has Python 3.11.7, 3.9"},
		{"3.12", "", true, yonder.CodeNoInterpreter, "has Python 3.11.7, 3.9"},
		{"", "3.12", true, yonder.CodeCodecMismatch, "has Python 3.11.7, 3.9"},
		{"3.12", "3.12", false, "", ""},
		{"3.12", "3.11", false, yonder.CodeCodecMismatch, "submit from Python 3.12"},
	} {
		f := yonder.Function{Requirements: yonder.Requirements{Python: c.function}}
		err := Python(wire.Bundle{Python: c.bundle}, f, has, c.reported)
		require.Equal(t, c.code, yonder.CodeOf(err), "%+v", c)
		if err != nil {
			require.ErrorContains(t, err, c.says)
		}
	}
	err := Python(wire.Bundle{}, yonder.Function{Requirements: yonder.Requirements{Python: "3.11"}}, wire.Capabilities{}, true)
	require.ErrorContains(t, err, "has no Python")
}

func TestAge(t *testing.T) {
	t.Parallel()
	id := yonder.NewBundleID()
	made, _ := id.Time()
	l := Limits{Records: 48 * time.Hour}
	require.NoError(t, Age(id, made, l))
	require.NoError(t, Age(id, made.Add(-skew), l), "a client whose clock is ahead")
	require.ErrorContains(t, Age(id, made.Add(-skew-time.Second), l), "set the client's clock")
	require.NoError(t, Age(id, made.Add(47*time.Hour), l))
	require.ErrorContains(t, Age(id, made.Add(47*time.Hour+time.Second), l), "cannot tell a repetition")
	id[6] = 0x40
	require.ErrorContains(t, Age(id, made, l), "version 7")
}

// Whenever a bundle was accepted, once its record may be gone its id is
// refused, so that a repetition never runs it twice.
func TestARepetitionIsNeverTakenForANewBundle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := Limits{Records: time.Duration(rapid.Int64Range(24, 5000).Draw(t, "records")) * time.Hour}
		id := yonder.NewBundleID()
		made, _ := id.Time()
		accepted := made.Add(time.Duration(rapid.Int64Range(-2*3600, 6000*3600).Draw(t, "accepted")) * time.Second)
		if Age(id, accepted, l) != nil {
			return
		}
		gone := accepted.Add(l.Records + time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "later")))
		require.Error(t, Age(id, gone, l))
	})
}

func TestGiveUp(t *testing.T) {
	t.Parallel()
	now := time.Now()
	later := now.Add(time.Second)
	require.NoError(t, GiveUp(nil, now))
	require.NoError(t, GiveUp(&later, now))
	require.Equal(t, yonder.CodeInvalidRequest, yonder.CodeOf(GiveUp(&now, now)))
}

func TestSignature(t *testing.T) {
	t.Parallel()
	param := func(name, kind string, required bool) yonder.Param {
		return yonder.Param{Name: name, Kind: kind, Required: required}
	}
	shape := func(positional int, keywords ...string) wire.Shape {
		return wire.Shape{Positional: positional, Keywords: keywords}
	}
	two := []yonder.Param{param("a", yonder.ParamPositional, true), param("b", yonder.ParamPositional, false)}
	only := []yonder.Param{param("a", yonder.ParamPositionalOnly, true), param("rest", yonder.ParamVarKeyword, false)}
	all := []yonder.Param{
		param("a", yonder.ParamPositional, true), param("args", yonder.ParamVarPositional, false),
		param("k", yonder.ParamKeywordOnly, true), param("kwargs", yonder.ParamVarKeyword, false),
	}
	for _, c := range []struct {
		params []yonder.Param
		shape  wire.Shape
		field  string // "" when the call fits
	}{
		{two, shape(1), ""},
		{two, shape(2), ""},
		{two, shape(0, "a"), ""},
		{two, shape(1, "b"), ""},
		{two, shape(0, "b", "a"), ""},
		{two, shape(0), "a"},
		{two, shape(0, "b"), "a"},
		{two, shape(3), "args"},
		{two, shape(1, "a"), "a"},
		{two, shape(1, "c"), "c"},
		{only, shape(1), ""},
		{only, shape(1, "a"), ""},
		{only, shape(0, "a"), "a"},
		{only, shape(2), "args"},
		{all, shape(1, "k"), ""},
		{all, shape(9, "k", "x"), ""},
		{all, shape(9), "k"},
		{all, shape(0, "k"), "a"},
		{all, shape(1, "k", "a"), "a"},
		{nil, shape(0), ""},
		{nil, shape(1), "args"},
		{nil, shape(0, "x"), "x"},
	} {
		f := yonder.Function{Name: "f", Signature: &yonder.Signature{Params: c.params}}
		err := Signature(f, []wire.Shape{c.shape})
		if c.field == "" {
			require.NoError(t, err, "%+v", c)
			continue
		}
		require.Equal(t, yonder.CodeInvalidArguments, yonder.CodeOf(err), "%+v", c)
		require.Equal(t, c.field, yonder.Public(err).Field, "%+v", c)
	}
	one := yonder.Function{Name: "f", Signature: &yonder.Signature{Params: []yonder.Param{{Name: "a", Kind: yonder.ParamPositionalOnly}}}}
	require.ErrorContains(t, Signature(one, []wire.Shape{shape(2)}), "f() takes 1 positional argument, and 2 were given")
	one.Signature.Params = nil
	require.ErrorContains(t, Signature(one, []wire.Shape{shape(1)}), "f() takes 0 positional arguments, and 1 was given")
	require.NoError(t, Signature(yonder.Function{}, []wire.Shape{shape(99)}), "an unknown signature takes anything")
}

func TestBundle(t *testing.T) {
	t.Parallel()
	good := func() (wire.Bundle, [][]byte) {
		return wire.Bundle{
			ID: yonder.NewBundleID(), Group: yonder.NewID(), Function: yonder.NewID(), Endpoint: yonder.NewID(),
			Tasks: 2, Form: wire.FormEach, Codec: "pickle",
		}, [][]byte{[]byte("one"), []byte("two")}
	}
	b, payloads := good()
	require.NoError(t, Bundle(b, payloads, limits))

	for name, c := range map[string]struct {
		change func(*wire.Bundle, *[][]byte)
		field  string
		code   yonder.Code
	}{
		"no id":         {func(b *wire.Bundle, _ *[][]byte) { b.ID = yonder.ID{} }, "id", ""},
		"a task's id":   {func(b *wire.Bundle, _ *[][]byte) { b.ID = b.ID.Task(1) }, "id", ""},
		"no group":      {func(b *wire.Bundle, _ *[][]byte) { b.Group = yonder.ID{} }, "group", ""},
		"no function":   {func(b *wire.Bundle, _ *[][]byte) { b.Function = yonder.ID{} }, "function", ""},
		"no endpoint":   {func(b *wire.Bundle, _ *[][]byte) { b.Endpoint = yonder.ID{} }, "endpoint", ""},
		"no tasks":      {func(b *wire.Bundle, _ *[][]byte) { b.Tasks = 0 }, "tasks", ""},
		"many tasks":    {func(b *wire.Bundle, _ *[][]byte) { b.Tasks = 11 }, "tasks", yonder.CodeTooLarge},
		"form":          {func(b *wire.Bundle, _ *[][]byte) { b.Form = "heap" }, "form", ""},
		"codec":         {func(b *wire.Bundle, _ *[][]byte) { b.Codec = "morse" }, "codec", ""},
		"priority":      {func(b *wire.Bundle, _ *[][]byte) { b.Priority = 1001 }, "priority", ""},
		"attempts":      {func(b *wire.Bundle, _ *[][]byte) { b.Retry.MaxAttempts = 6 }, "retry.max_attempts", ""},
		"less than one": {func(b *wire.Bundle, _ *[][]byte) { b.Retry.MaxAttempts = -1 }, "retry.max_attempts", ""},
		"walltime":      {func(b *wire.Bundle, _ *[][]byte) { b.Walltime = -1 }, "walltime_s", ""},
		"version":       {func(b *wire.Bundle, _ *[][]byte) { b.Version = -1 }, "version", ""},
		"label":         {func(b *wire.Bundle, _ *[][]byte) { b.Label = string(make([]byte, 201)) }, "label", ""},
		"shapes":        {func(b *wire.Bundle, _ *[][]byte) { b.Shapes = make([]wire.Shape, 1001) }, "shapes", ""},
		"few payloads":  {func(_ *wire.Bundle, p *[][]byte) { *p = (*p)[1:] }, "payloads", ""},
		"a chunk's two": {func(b *wire.Bundle, _ *[][]byte) { b.Form = wire.FormChunk }, "payloads", ""},
		"large payload": {func(_ *wire.Bundle, p *[][]byte) { (*p)[1] = make([]byte, 101) }, "payloads", yonder.CodeTooLarge},
		"blob and payload": {func(b *wire.Bundle, _ *[][]byte) {
			b.Blobs = map[int]wire.Blob{0: {}}
		}, "blobs", ""},
		"blob of no task": {func(b *wire.Bundle, _ *[][]byte) { b.Blobs = map[int]wire.Blob{2: {}} }, "blobs", ""},
		"blob before all": {func(b *wire.Bundle, _ *[][]byte) { b.Blobs = map[int]wire.Blob{-1: {}} }, "blobs", ""},
	} {
		b, payloads := good()
		c.change(&b, &payloads)
		err := Bundle(b, payloads, limits)
		require.Error(t, err, name)
		public := yonder.Public(err)
		require.Equal(t, c.field, public.Field, name)
		if c.code == "" {
			c.code = yonder.CodeInvalidRequest
		}
		require.Equal(t, c.code, public.Code, name)
	}
}

func TestBlob(t *testing.T) {
	t.Parallel()
	me, other, bundle := yonder.NewID(), yonder.NewID(), yonder.NewBundleID()
	known := wire.Blob{ID: yonder.NewID(), Size: 7}
	for _, c := range []struct {
		owner, taken yonder.ID
		code         yonder.Code
	}{
		{me, yonder.ID{}, ""},
		{me, bundle, ""},
		{me, yonder.NewBundleID(), yonder.CodeConflict},
		{other, yonder.ID{}, yonder.CodeNotFound},
	} {
		got, err := Blob(me, bundle, known, c.owner, c.taken)
		require.Equal(t, c.code, yonder.CodeOf(err))
		if err == nil {
			require.Equal(t, known, got)
		}
	}
}
