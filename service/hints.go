package service

import (
	"context"
	"encoding/json"
	"log/slog"
	"runtime"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/service/fabric/natsfabric"
	"github.com/yonder-run/yonder/service/results"
	"github.com/yonder-run/yonder/service/store"
)

// Topics of what replicas tell each other. Each is only a reason to look.
const (
	topicWoken   = "woken"
	topicRevoked = "revoked"
)

// hints passes on, here and to other replicas, that there is something to see.
type hints struct {
	startstop.Base

	fabric  *natsfabric.Fabric
	hub     *results.Hub
	streams *results.Streams
	log     *slog.Logger
}

// revocation names what has ended: a token, or any token of an endpoint.
type revocation struct {
	Token    yonder.ID `json:"token"`
	Endpoint yonder.ID `json:"endpoint"`
}

// Start begins to hear other replicas.
func (h *hints) Start(ctx context.Context) error { return h.Base.Start(ctx, h.run) }

func (h *hints) run(ctx context.Context, ready func()) error {
	stopWoken, err := h.fabric.Subscribe(topicWoken, func(data []byte) {
		var groups store.Woken
		if json.Unmarshal(data, &groups) == nil {
			h.hub.Wake(groups)
		}
	})
	if err != nil {
		return err
	}
	defer stopWoken()
	stopRevoked, err := h.fabric.Subscribe(topicRevoked, func(data []byte) {
		var r revocation
		if json.Unmarshal(data, &r) == nil {
			h.recheck(ctx, r)
		}
	})
	if err != nil {
		return err
	}
	defer stopRevoked()
	ready()
	<-ctx.Done()
	return context.Cause(ctx)
}

// wake tells readers that groups have new results.
func (h *hints) wake(groups store.Woken) {
	if len(groups) == 0 {
		return
	}
	h.hub.Wake(groups)
	h.tell(topicWoken, groups)
}

// news hands new results to readers here, and tells those of other replicas.
func (h *hints) news(news []store.News) {
	if len(news) == 0 {
		return
	}
	h.hub.Hand(news)
	runtime.Gosched() // readers are waited for; waking a thread for them takes longer than what they do
	groups := make(store.Woken, len(news))
	for i, n := range news {
		groups[i] = n.Group
	}
	h.tell(topicWoken, groups)
}

// revoke ends connections that a token, or an endpoint's credential, opened.
func (h *hints) revoke(token, endpoint yonder.ID) {
	r := revocation{Token: token, Endpoint: endpoint}
	h.recheck(context.Background(), r)
	h.tell(topicRevoked, r)
}

func (h *hints) recheck(ctx context.Context, r revocation) {
	if !r.Endpoint.IsZero() {
		h.fabric.Recheck(ctx, r.Endpoint)
	}
	if !r.Token.IsZero() {
		h.streams.Recheck(r.Token)
	}
}

func (h *hints) tell(topic string, what any) {
	data, err := json.Marshal(what)
	if err == nil {
		err = h.fabric.Broadcast(topic, data)
	}
	if err != nil {
		h.log.Debug("other replicas were not told", "topic", topic, "error", err)
	}
}
