package main

import (
	"go/ast"
	"go/parser"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePagesHaveWhatThereIs(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "gen")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	stale := filepath.Join(folder, "stale.md")
	require.NoError(t, os.WriteFile(stale, nil, 0o600))
	require.NoError(t, run("../..", folder))
	require.NoFileExists(t, stale, "a page of something that is gone goes with it")
	for name, has := range map[string][]string{
		"cli/README.md":      {"(endpoint.md)", "`--json`", "## Start here"},
		"cli/endpoint.md":    {"## yonder endpoint configure", "| `--slots int` | number of CPUs |"},
		"rest.md":            {"### `POST /v1/bundles`", "### Submit\n", "[Submit](#submit)"},
		"openapi.json":       {`"openapi": "3.1.0"`},
		"config-service.md":  {"listen: 127.0.0.1:8470", "| `tls_cert` | `--tls-cert` | `YONDER_TLS_CERT` |"},
		"config-endpoint.md": {"slots: 4", "# Tasks at once on a node."},
		"metrics.md":         {"| `yonder_requests_total` | route, status |", "`yonder_agents`"},
	} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		for _, part := range has {
			require.Contains(t, string(text), part, name)
		}
	}
}

func TestDeclared(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]figure{
		`gauge("yonder_agents", "Agents.", f)`:                                               {"yonder_agents", "Agents.", []string{}},
		`vec(Opts{Name: "yonder_asks", Help: "Asks."}, []string{"verb", "code"})`:            {"yonder_asks", "Asks.", []string{"verb", "code"}},
		`log("yonder started", "here")`:                                                      {},
		`must(vec(Opts{Name: "yonder_inner", Help: "Belongs to the call inside."}, labels))`: {},
	} {
		parsed, err := parser.ParseExpr(code)
		require.NoError(t, err)
		call, ok := parsed.(*ast.CallExpr)
		require.True(t, ok)
		found, ok := declared(call)
		require.Equal(t, want.name != "", ok, code)
		if ok {
			require.Equal(t, want, found)
		}
	}
}

func TestProse(t *testing.T) {
	t.Parallel()
	require.Equal(t, "One paragraph, \\<here\\>.\n\n```text\ncode *as it is*\n```\n\nHeading",
		prose("One paragraph,\n<here>.\n\n  code *as it is*\n\n#### Heading\n"))
}
