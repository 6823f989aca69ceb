package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// note is a line of a client's notebook; one field is set.
type note struct {
	Intent   *intent  `json:"intent,omitempty"`
	Accepted *int     `json:"accepted,omitempty"` // N of a bundle
	Void     *int     `json:"void,omitempty"`     // N of one whose time was over before it was accepted
	Cancel   *cancels `json:"cancel,omitempty"`
	Page     *page    `json:"page,omitempty"`
	Trouble  string   `json:"trouble,omitempty"` // an answer that no client should get
}

// intent is written before a bundle is submitted for the first time.
type intent struct {
	N      int        `json:"n"`
	ID     yonder.ID  `json:"id"`
	Group  yonder.ID  `json:"group"`
	GiveUp *time.Time `json:"give_up,omitempty"`
}

// cancels is the answer to a cancel of one task.
type cancels struct {
	Task   yonder.ID      `json:"task"`
	Answer wire.Cancelled `json:"answer"`
}

// page is what came over the stream.
type page struct {
	Group   yonder.ID `json:"group"`
	Cursor  int64     `json:"cursor"`
	Entries []seen    `json:"entries"`
}

// seen is an entry of a stream, without its payload.
type seen struct {
	Cursor  int64        `json:"c"`
	Bundle  yonder.ID    `json:"b"`
	Lo      int          `json:"l"`
	Hi      int          `json:"h"`
	Attempt int          `json:"a"`
	Outcome wire.Outcome `json:"o"`
}

func pageOf(p client.Page) *page {
	out := &page{Group: p.Group, Cursor: p.Cursor}
	for _, e := range p.Entries {
		out.Entries = append(out.Entries, seen{e.Cursor, e.Bundle, e.Lo, e.Hi, e.Attempt, e.Outcome})
	}
	return out
}

// notebook is what a client has done and seen; it outlives the client.
type notebook struct {
	bundles []Bundle // what the client is to submit
	mu      sync.Mutex
	file    *os.File
	open    int // tasks with an intent and no result

	intents  []intent // by N
	accepted map[int]bool
	void     map[int]bool
	cursors  map[yonder.ID]int64
	groups   []yonder.ID // in the order of their first bundle
	entries  map[yonder.ID][]seen
	cancels  []cancels
	trouble  []string
}

// readNotes reads a notebook to its last whole line.
func readNotes(name string, bundles []Bundle) (*notebook, int64, error) {
	b := &notebook{bundles: bundles, accepted: map[int]bool{}, void: map[int]bool{}, cursors: map[yonder.ID]int64{}, entries: map[yonder.ID][]seen{}}
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return b, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	var whole int64
	for in := bufio.NewReader(file); ; {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return b, whole, nil // what has no end was being written when the client was killed
		}
		var n note
		if err := json.Unmarshal(line, &n); err != nil {
			return nil, 0, fmt.Errorf("%s: %w: %q", name, err, line)
		}
		b.take(n)
		whole += int64(len(line))
	}
}

// openNotes goes on with a notebook.
func openNotes(name string, bundles []Bundle) (*notebook, error) {
	b, whole, err := readNotes(name, bundles)
	if err != nil {
		return nil, err
	}
	if b.file, err = os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	return b, b.file.Truncate(whole)
}

// write notes something, and remembers it.
func (b *notebook) write(n note) error {
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.file.Write(append(bytes.TrimSpace(data), '\n')); err != nil {
		return err
	}
	b.take(n)
	return nil
}

func (b *notebook) take(n note) {
	switch {
	case n.Intent != nil:
		if g := n.Intent.Group; len(b.groups) == 0 || b.groups[len(b.groups)-1] != g {
			b.groups = append(b.groups, g)
		}
		b.intents = append(b.intents, *n.Intent)
		b.open += b.bundles[n.Intent.N].Tasks
	case n.Accepted != nil:
		b.accepted[*n.Accepted] = true
	case n.Void != nil:
		b.void[*n.Void] = true
		b.open -= b.bundles[*n.Void].Tasks
	case n.Cancel != nil:
		b.cancels = append(b.cancels, *n.Cancel)
	case n.Page != nil:
		b.cursors[n.Page.Group] = n.Page.Cursor
		b.entries[n.Page.Group] = append(b.entries[n.Page.Group], n.Page.Entries...)
		for _, e := range n.Page.Entries {
			b.open -= e.Hi - e.Lo
		}
	case n.Trouble != "":
		b.trouble = append(b.trouble, n.Trouble)
	}
}

// outstanding is how many tasks were meant to be submitted and have no result.
func (b *notebook) outstanding() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

// unaccepted are the intents whose submission was not answered.
func (b *notebook) unaccepted() []intent {
	b.mu.Lock()
	defer b.mu.Unlock()
	var left []intent
	for _, in := range b.intents {
		if !b.accepted[in.N] && !b.void[in.N] {
			left = append(left, in)
		}
	}
	return left
}

// position is where the stream of a group goes on.
func (b *notebook) position(group yonder.ID) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cursors[group]
}
