package nearest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder/internal/nearest"
)

func TestTo(t *testing.T) {
	t.Parallel()
	known := []string{"local", "laptop", "cluster", "gpu", "größe"}
	for word, want := range map[string]string{
		"lcal": "local", "loacl": "local", "Local": "local", "locall": "local", "cluser": "cluster", "gp": "gpu", "grösse": "größe",
		"local": "", "cloud": "", "": "", "x": "", "gpuuu": "",
	} {
		require.Equal(t, want, nearest.To(word, known), word)
	}
	require.Equal(t, "aa", nearest.To("ab", []string{"ac", "aa"}), "the first of the alphabet")
	require.Equal(t, `did you mean "gpu"? `, nearest.Ask("gpo", known))
	require.Empty(t, nearest.Ask("cloud", known))
}

func TestWhatIsOneLetterOffIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := []rune(rapid.StringMatching(`[a-z]{4,12}`).Draw(t, "word"))
		at := rapid.IntRange(0, len(word)-1).Draw(t, "at")
		wrong := string(word[:at]) + string(word[at+1:])
		if rapid.Bool().Draw(t, "more") {
			wrong = string(word[:at]) + "-" + string(word[at:])
		}
		require.Equal(t, string(word), nearest.To(wrong, []string{"0123456789", string(word)}))
	})
}
