package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

var endpoints = []behaviour{
	{"keep all that is said of them", func(b *bench) {
		want := yonder.Endpoint{
			ID: nextID(), Name: "cluster", Owner: b.owner, Description: "Slurm", Created: b.now,
			Sharing: yonder.Sharing{Identities: []yonder.ID{b.other}}, Functions: []yonder.ID{b.function.ID},
		}
		token := b.agentToken(want.ID)
		require.NoError(b, b.CreateEndpoint(b.Context(), want, token, []byte("hash")))
		got, err := b.Endpoint(b.Context(), want.ID)
		require.NoError(b, err)
		want.OwnerName = "ada"
		require.Equal(b, want, got)
		record, err := b.TokenRecord(b.Context(), token.ID)
		require.NoError(b, err)
		require.Equal(b, want.ID, *record.Token.Endpoint)
	}},
	{"of one owner have unique names", func(b *bench) {
		e := yonder.Endpoint{ID: nextID(), Name: "laptop", Owner: b.owner, Created: b.now}
		token := b.agentToken(e.ID)
		requireCode(b, yonder.CodeConflict, b.CreateEndpoint(b.Context(), e, token, []byte("h")))
		_, err := b.TokenRecord(b.Context(), token.ID)
		requireCode(b, yonder.CodeNotFound, err)
		e.Owner = b.other
		require.NoError(b, b.CreateEndpoint(b.Context(), e, token, []byte("h")))
	}},
	{"change only where told", func(b *bench) {
		description, only := "new", []yonder.ID{b.function.ID}
		_, err := b.ChangeEndpoint(b.Context(), b.endpoint, wire.ChangeEndpoint{Description: &description})
		require.NoError(b, err)
		got, err := b.ChangeEndpoint(b.Context(), b.endpoint, wire.ChangeEndpoint{Functions: &only})
		require.NoError(b, err)
		require.Equal(b, "new", got.Description)
		require.Equal(b, only, got.Functions)
		again, err := b.Endpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.Equal(b, got, again)
		_, err = b.ChangeEndpoint(b.Context(), yonder.NewID(), wire.ChangeEndpoint{})
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"are listed by owner and name, in pages", func(b *bench) {
		for _, name := range []string{"e1", "e2", "e3"} {
			b.newEndpoint(name)
		}
		viewer := store.Viewer{Identity: b.owner}
		list, err := b.ListEndpoints(b.Context(), store.EndpointFilter{Viewer: viewer, Owner: b.owner, Name: "e2"})
		require.NoError(b, err)
		require.Len(b, list, 1)
		first, err := b.ListEndpoints(b.Context(), store.EndpointFilter{Viewer: viewer, Page: store.Page{Limit: 3}})
		require.NoError(b, err)
		rest, err := b.ListEndpoints(b.Context(), store.EndpointFilter{Viewer: viewer, Page: store.Page{Limit: 3, After: first[2].ID}})
		require.NoError(b, err)
		require.Equal(b, []string{"e3", "e2", "e1"}, []string{first[0].Name, first[1].Name, first[2].Name})
		require.Equal(b, b.endpoint, rest[0].ID)
		require.Len(b, rest, 1)
	}},
	{"show their session", func(b *bench) {
		epoch, err := b.OpenSession(b.Context(), b.endpoint, wire.SessionOpen{
			Instance: yonder.NewID(), Capacity: wire.Capacity{Tasks: 4, Bytes: 1 << 20},
			Capabilities: wire.Capabilities{Hostname: "node1", CPUs: 8},
		}, b.now)
		require.NoError(b, err)
		e, err := b.Endpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.False(b, e.Online)
		require.Equal(b, yonder.SessionReconciling, e.Session)

		_, _, err = b.Reconcile(b.Context(), b.endpoint, wire.Reconcile{Epoch: epoch, Last: true}, b.now)
		require.NoError(b, err)
		_, _, err = b.Heartbeat(b.Context(), b.endpoint, wire.Heartbeat{
			Epoch: epoch, Capacity: wire.Capacity{Tasks: 3, Bytes: 1 << 20}, Status: wire.Status{Managers: 1, Trouble: "no nodes"},
		}, b.now.Add(time.Second))
		require.NoError(b, err)
		b.submit(b.bundle(yonder.NewID(), 5))
		e, err = b.Endpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.True(b, e.Online)
		require.Equal(b, yonder.SessionLive, e.Session)
		require.Equal(b, epoch, e.Epoch)
		require.Equal(b, b.now.Add(time.Second), *e.LastSeen)
		require.Equal(b, "node1", e.Capabilities["hostname"])
		require.Equal(b, &yonder.EndpointStatus{Managers: 1, Trouble: "no nodes"}, e.Status)
		require.Equal(b, []int{2, 3}, []int{e.Queued, e.Outstanding})
	}},
	{"that are deleted fail their tasks and fence their agents", func(b *bench) {
		epoch := b.live(b.endpoint, 2)
		group := yonder.NewID()
		held := b.started(epoch, group, 2)
		waiting := b.bundle(group, 3)
		b.submit(waiting)
		token := b.agentToken(b.endpoint)
		require.NoError(b, b.ReplaceAgentToken(b.Context(), token, []byte("h")))

		woken, err := b.DeleteEndpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.Equal(b, store.Woken{group}, woken)
		for _, id := range []yonder.ID{held.Bundle.Task(1), waiting.ID.Task(2)} {
			task := b.task(id)
			require.Equal(b, yonder.TaskFailed, task.State)
			require.Equal(b, yonder.CodeNotFound, task.Code)
			require.Equal(b, "endpoint was deleted", task.Message)
		}
		record, err := b.TokenRecord(b.Context(), token.ID)
		require.NoError(b, err)
		require.NotNil(b, record.Token.Revoked)
		_, err = b.Endpoint(b.Context(), b.endpoint)
		requireCode(b, yonder.CodeNotFound, err)
		_, err = b.DeleteEndpoint(b.Context(), b.endpoint)
		requireCode(b, yonder.CodeNotFound, err)
		_, err = b.OpenSession(b.Context(), b.endpoint, wire.SessionOpen{}, b.now)
		requireCode(b, yonder.CodeNotFound, err)
		_, err = b.Submit(b.Context(), []store.NewBundle{b.bundle(group, 1)})
		requireCode(b, yonder.CodeNotFound, err)
		_, _, err = b.Report(b.Context(), b.endpoint, wire.Report{Epoch: epoch}, nil, b.now)
		requireCode(b, yonder.CodeNotFound, err)
		submitted, err := b.Submit(b.Context(), []store.NewBundle{waiting})
		require.NoError(b, err, "a repeated request is answered as before")
		require.True(b, submitted.Bundles[0].Duplicate)
		b.newEndpoint("laptop") // the name is free again
	}},
	{"with very many tasks are deleted too", func(b *bench) {
		group := yonder.NewID()
		bundles := make([]store.NewBundle, 600)
		for i := range bundles {
			bundles[i] = b.bundle(group, 1)
		}
		b.submit(bundles...)
		woken, err := b.DeleteEndpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.Equal(b, store.Woken{group}, woken)
		g, err := b.Group(b.Context(), group)
		require.NoError(b, err)
		require.Equal(b, []int64{600, 600, 600, 600}, []int64{g.Tasks, g.Done, g.Failed, g.Cursor})
	}},
}
