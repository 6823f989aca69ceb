package version

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct{ version, commit, want string }{
		"stamped":  {"v0.3.0", "1a2b3c", "yonder v0.3.0 (1a2b3c) go1.26 linux/amd64"},
		"unknown":  {"dev", "", "yonder dev go1.26 linux/amd64"},
		"untagged": {"dev", "1a2b3c", "yonder dev (1a2b3c) go1.26 linux/amd64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, describe(test.version, test.commit, "go1.26", "linux/amd64"))
		})
	}
}

func TestStringSaysTheVersion(t *testing.T) {
	t.Parallel()
	require.Contains(t, String(), Version)
}
