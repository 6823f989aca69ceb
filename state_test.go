package yonder_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
)

// docs/states.md draws every machine; its arrows are the code's table.
func TestStatesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/states.md")
	require.NoError(t, err)
	section := regexp.MustCompile("(?s)\n## (\\w+)\n.*?```mermaid\nstateDiagram-v2\n(.*?)```")
	arrow := regexp.MustCompile(`(?m)^ {2}(\S+) --> (\S+): (\w+)$`)
	drawn := map[string][]yonder.Transition{}
	for _, found := range section.FindAllStringSubmatch(string(text), -1) {
		for _, a := range arrow.FindAllStringSubmatch(found[2], -1) {
			if a[1] != "[*]" { // the start has no event
				step := yonder.Transition{From: yonder.State(a[1]), Event: yonder.Event(a[3]), To: yonder.State(a[2])}
				drawn[found[1]] = append(drawn[found[1]], step)
			}
		}
	}
	require.Len(t, drawn, len(yonder.Machines))
	for _, m := range yonder.Machines {
		require.Equal(t, m.Transitions, drawn[m.Name], "edit docs/states.md so that it agrees with state.go: %s", m.Name)
	}
}

func TestMachinesAreDeterministicAndReachable(t *testing.T) {
	t.Parallel()
	for _, m := range yonder.Machines {
		reached := map[yonder.State]bool{m.Start: true}
		seen := map[yonder.Transition]bool{}
		for range m.Transitions {
			for _, tr := range m.Transitions {
				reached[tr.To] = reached[tr.To] || reached[tr.From]
			}
		}
		for _, tr := range m.Transitions {
			require.True(t, reached[tr.From], "%s: %s cannot be reached", m.Name, tr.From)
			key := yonder.Transition{From: tr.From, Event: tr.Event}
			require.False(t, seen[key], "%s: %s has two arrows on %s", m.Name, tr.From, tr.Event)
			seen[key] = true
		}
		_, err := m.Next(m.Start, "no such event")
		require.ErrorContains(t, err, m.Name)
	}
}
