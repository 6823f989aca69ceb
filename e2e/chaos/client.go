package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// clientConfig is the file that a client process is started with.
type clientConfig struct {
	URL         string      `json:"url"`
	Token       string      `json:"token"`
	Notes       string      `json:"notes"`
	Seed        uint64      `json:"seed"`
	Number      int         `json:"number"` // of this client
	Tasks       int         `json:"tasks"`
	Outstanding int         `json:"outstanding"` // most tasks without a result
	Start       time.Time   `json:"start"`
	Over        float64     `json:"over_s"` // the tasks are spread over so many seconds
	Function    yonder.ID   `json:"function"`
	Endpoints   []yonder.ID `json:"endpoints"`
	Runs        []string    `json:"runs"` // files of the endpoints where executions are noted
}

// submitter is a client process: it submits what it has not submitted yet,
// cancels some of it, and follows its groups until every task has a result.
type submitter struct {
	clientConfig

	client  *client.Client
	stream  *client.Stream
	bundles []Bundle
	notes   *notebook
	news    chan struct{} // results came
	cancels *errgroup.Group

	followed map[yonder.ID]bool // groups; of the submitting goroutine
}

// runClient is the life of a client process.
func runClient(ctx context.Context, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	s := &submitter{news: make(chan struct{}, 1), followed: map[yonder.ID]bool{}}
	if err := json.Unmarshal(data, &s.clientConfig); err != nil {
		return err
	}
	s.bundles = Bundles(s.Seed, s.Number, s.Tasks, len(s.Endpoints))
	if s.notes, err = openNotes(s.Notes, s.bundles); err != nil {
		return err
	}
	if s.client, err = client.New(s.URL, s.Token); err != nil {
		return err
	}
	s.stream = s.client.Stream()
	return s.run(ctx)
}

func (s *submitter) run(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	group, ctx := errgroup.WithContext(ctx)
	s.cancels, _ = errgroup.WithContext(ctx)
	group.Go(func() error { return s.follow(ctx) })
	group.Go(func() error {
		defer end(errDone)
		if err := s.submit(ctx); err != nil {
			return err
		}
		if err := s.cancels.Wait(); err != nil {
			return err
		}
		return s.await(ctx, func() bool { return s.notes.outstanding() == 0 })
	})
	err := group.Wait()
	if errors.Is(err, errDone) {
		return nil
	}
	return err
}

var errDone = errors.New("every task has a result")

// follow writes down results.
func (s *submitter) follow(ctx context.Context) error {
	for {
		p, err := s.stream.Next(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			if err := s.trouble(ctx, "following", err); err != nil {
				return err
			}
			continue
		}
		if err := s.notes.write(note{Page: pageOf(p)}); err != nil {
			return err
		}
		select {
		case s.news <- struct{}{}:
		default:
		}
	}
}

// groups are those that an earlier life of this client submitted to.
func (s *submitter) groups() map[yonder.ID]bool {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	found := map[yonder.ID]bool{}
	for _, in := range s.notes.intents {
		if s.notes.accepted[in.N] {
			found[in.Group] = true
		}
	}
	return found
}

// subscribe follows a group, once: where its stream is the stream knows best.
func (s *submitter) subscribe(ctx context.Context, group yonder.ID) error {
	if s.followed[group] {
		return nil
	}
	s.followed[group] = true
	err := s.stream.Follow(ctx, group, s.notes.position(group))
	if err != nil && ctx.Err() == nil && yonder.CodeOf(err) == yonder.CodeUnavailable {
		return nil // the next connection follows all groups
	}
	return err
}

// submit repeats what was not answered, and goes on with what is new.
func (s *submitter) submit(ctx context.Context) error {
	for group := range s.groups() {
		if err := s.subscribe(ctx, group); err != nil {
			return err
		}
	}
	for _, in := range s.notes.unaccepted() {
		if err := s.send(ctx, in); err != nil {
			return err
		}
	}
	for n := len(s.notes.intents); n < len(s.bundles); n++ {
		b := &s.bundles[n]
		if err := s.pace(ctx, b); err != nil {
			return err
		}
		in := intent{N: n, ID: yonder.NewBundleID(), Group: s.groupOf(b)}
		if b.GiveUp > 0 {
			at := time.Now().Add(b.GiveUp).Truncate(time.Millisecond)
			in.GiveUp = &at
		}
		if err := s.notes.write(note{Intent: &in}); err != nil {
			return err
		}
		if err := s.send(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// pace waits for the bundle's time, and for room among the outstanding tasks.
func (s *submitter) pace(ctx context.Context, b *Bundle) error {
	due := s.Start.Add(time.Duration(s.Over * float64(b.First) / float64(s.Tasks) * float64(time.Second)))
	if err := pause(ctx, time.Until(due)); err != nil {
		return err
	}
	return s.await(ctx, func() bool { return s.notes.outstanding()+b.Tasks <= s.Outstanding })
}

func (s *submitter) groupOf(b *Bundle) yonder.ID {
	if b.N > 0 && s.bundles[b.N-1].Group == b.Group {
		return s.notes.groups[len(s.notes.groups)-1]
	}
	return yonder.NewID()
}

// await waits for the condition, which results make true.
func (s *submitter) await(ctx context.Context, holds func() bool) error {
	for !holds() {
		select {
		case <-s.news:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// send submits a bundle until it is accepted.
func (s *submitter) send(ctx context.Context, in intent) error {
	b := &s.bundles[in.N]
	sub := b.submission(in, s.Endpoints[b.Endpoint], s.Function, s.Runs[b.Endpoint])
	if b.Sort == Large {
		if err := s.upload(ctx, &sub); err != nil {
			return err
		}
	}
	for {
		_, err := s.client.Submit(ctx, sub)
		switch {
		case err == nil:
			return s.accepted(ctx, in)
		case in.GiveUp != nil && time.Now().After(*in.GiveUp) && yonder.CodeOf(err) == yonder.CodeInvalidRequest:
			return s.notes.write(note{Void: &in.N})
		}
		if err := s.trouble(ctx, "submitting", err); err != nil {
			return err
		}
	}
}

// upload brings the payloads to the service, and leaves their columns empty.
func (s *submitter) upload(ctx context.Context, sub *client.BundlePayloads) error {
	sub.Blobs = map[int]wire.Blob{}
	for i, payload := range sub.Payloads {
		for {
			blob, err := s.client.UploadBlob(ctx, strings.NewReader(string(payload)))
			if err == nil {
				sub.Blobs[i], sub.Payloads[i] = blob, nil
				break
			}
			if err := s.trouble(ctx, "uploading", err); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *submitter) accepted(ctx context.Context, in intent) error {
	if err := s.notes.write(note{Accepted: &in.N}); err != nil {
		return err
	}
	b := &s.bundles[in.N]
	if b.Cancel > 0 {
		s.cancels.Go(func() error { return s.cancel(ctx, in, b) })
	}
	return s.subscribe(ctx, in.Group)
}

// cancel cancels a bundle's tasks. A client that is killed meanwhile leaves it
// at that.
func (s *submitter) cancel(ctx context.Context, in intent, b *Bundle) error {
	if err := pause(ctx, b.Cancel); err != nil {
		return err
	}
	for i := range b.Tasks {
		task := in.ID.Task(i)
		for {
			answer, err := s.client.Cancel(ctx, "tasks", task)
			if err == nil {
				err = s.notes.write(note{Cancel: &cancels{task, answer}})
				if err != nil {
					return err
				}
				break
			}
			if err := s.trouble(ctx, "cancelling", err); err != nil {
				return err
			}
		}
	}
	return nil
}

// trouble waits before another try. What a service in trouble may answer is
// passed over; anything else is noted, and counts against it.
func (s *submitter) trouble(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	switch yonder.CodeOf(err) {
	case yonder.CodeUnavailable, yonder.CodeTimeout, yonder.CodeLimitReached, yonder.CodeStorageFull:
	default:
		if err := s.notes.write(note{Trouble: fmt.Sprintf("%s: %s: %v", what, yonder.CodeOf(err), err)}); err != nil {
			return err
		}
	}
	return pause(ctx, 200*time.Millisecond+rand.N(300*time.Millisecond))
}

// pause waits, or returns why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
