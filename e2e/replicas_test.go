package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/e2e/system"
	"github.com/yonder-run/yonder/internal/pgtest"
	"github.com/yonder-run/yonder/wire"
)

const (
	streams      = 2000
	streamGroups = 500
	groupTasks   = 20
	groupBundles = 4
)

// Two replicas over one PostgreSQL, an endpoint at each, clients on both.
// Every stream follows one group, breaks off at random and goes on at either
// replica from its cursor: it must see each task once, in cursor order.
func TestStreamsOverTwoReplicas(t *testing.T) {
	t.Parallel()
	s := system.New(t)
	database := pgtest.DurableURL(t)
	replicas := startReplicas(t, s, database)
	for i, name := range []string{"first", "second"} {
		s.LoginTo(replicas[i].URL())
		s.ConfigureEndpoint(name)
		s.StartAgent(name)
		t.Cleanup(func() { s.StopManagers(name) })
	}
	function := registerDouble(t, s)
	endpoints := endpointIDs(t, replicas[0])

	groups := make([]yonder.ID, streamGroups)
	for i := range groups {
		groups[i] = yonder.NewID()
		_, err := replicas[i%2].CreateGroup(t.Context(), wire.CreateGroup{ID: groups[i]})
		require.NoError(t, err)
	}
	work, ctx := errgroup.WithContext(t.Context())
	for i := range streams {
		work.Go(func() error { return follow(ctx, replicas, groups[i%streamGroups], uint64(i)) })
	}
	for i, group := range groups {
		work.Go(func() error { return submitGroup(ctx, replicas[i%2], group, function, endpoints[i%len(endpoints)]) })
	}
	require.NoError(t, work.Wait())
}

func startReplicas(t *testing.T, s *system.System, database string) []*client.Client {
	t.Helper()
	blobs := filepath.Join(s.Home, "blobs")
	second := system.FreeAddress(t)
	s.StartService("--database", database, "--blob-dir", blobs, "--cluster-listen", "127.0.0.1:0")
	s.StartServiceAt(second, filepath.Join(s.Home, "second"), "--database", database, "--blob-dir", blobs, "--cluster-listen", "127.0.0.1:0")
	other, err := client.New("http://"+second, s.Token())
	require.NoError(t, err)
	return []*client.Client{s.Client(), other}
}

func registerDouble(t *testing.T, s *system.System) yonder.ID {
	t.Helper()
	line := s.Python("register.py").Await("function ")
	id, err := yonder.ParseID(strings.TrimPrefix(line, "function "))
	require.NoError(t, err)
	return id
}

func endpointIDs(t *testing.T, c *client.Client) []yonder.ID {
	t.Helper()
	endpoints, err := client.All[yonder.Endpoint](t.Context(), c, "endpoints", nil)
	require.NoError(t, err)
	ids := make([]yonder.ID, 0, len(endpoints))
	for _, e := range endpoints {
		ids = append(ids, e.ID)
	}
	return ids
}

func submitGroup(ctx context.Context, c *client.Client, group, function, endpoint yonder.ID) error {
	for b := range groupBundles {
		calls := make([]wire.Call, groupTasks/groupBundles)
		for i := range calls {
			calls[i] = wire.Call{Args: []any{b*len(calls) + i}}
		}
		if _, err := c.SubmitCalls(ctx, wire.Bundle{Group: group, Function: function, Endpoint: endpoint}, calls...); err != nil {
			return fmt.Errorf("submitting to group %s: %w", group, err)
		}
	}
	return nil
}

// follow reads a group's stream to its end in many short connections.
func follow(ctx context.Context, replicas []*client.Client, group yonder.ID, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 7))
	var cursor int64
	seen := map[int]bool{}
	for len(seen) < groupTasks {
		stream := replicas[rng.IntN(len(replicas))].Stream()
		if err := stream.Follow(ctx, group, cursor); err != nil {
			return fmt.Errorf("following: %w", err)
		}
		for pages := 1 + rng.IntN(3); pages > 0 && len(seen) < groupTasks; pages-- {
			page, err := stream.Next(ctx)
			if err != nil {
				return fmt.Errorf("reading the stream of %s after %d: %w", group, cursor, err)
			}
			if err := note(page, &cursor, seen); err != nil {
				return err
			}
		}
		stream.Close()
	}
	return nil
}

func note(page client.Page, cursor *int64, seen map[int]bool) error {
	for i, entry := range page.Entries {
		if entry.Cursor != *cursor+1 {
			return fmt.Errorf("group %s: cursor %d after %d", page.Group, entry.Cursor, *cursor)
		}
		*cursor = entry.Cursor
		var value int
		// A payload has an 8-byte prefix before its JSON.
		if entry.Outcome != wire.OutcomeOK || json.Unmarshal(page.Payloads[i][8:], &value) != nil {
			return fmt.Errorf("group %s: outcome %s: %s", page.Group, entry.Outcome, page.Payloads[i])
		}
		if seen[value] || value%2 != 0 || value < 0 || value >= 2*groupTasks {
			return fmt.Errorf("group %s: value %d twice or wrong", page.Group, value)
		}
		seen[value] = true
	}
	return nil
}
