package cli

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/internal/nearest"
)

// resource is a kind of thing that people name: by id, by name, or by
// owner/name where several owners use the name.
type resource[T any] struct {
	noun, listing string
	id            func(T) yonder.ID
	name          func(T) string
	owner         func(T) yonder.ID // nil: names are unique
	ownerName     func(T) string
	meant         func(ref string) string // what to do about a name of nothing; nil: nothing special
}

var endpoints = resource[yonder.Endpoint]{
	noun: "endpoint", listing: "endpoints",
	id:        func(e yonder.Endpoint) yonder.ID { return e.ID },
	owner:     func(e yonder.Endpoint) yonder.ID { return e.Owner },
	name:      func(e yonder.Endpoint) string { return e.Name },
	ownerName: func(e yonder.Endpoint) string { return e.OwnerName },
}

var functions = resource[yonder.Function]{
	noun: "function", listing: "functions",
	id:        func(f yonder.Function) yonder.ID { return f.ID },
	owner:     func(f yonder.Function) yonder.ID { return f.Owner },
	name:      func(f yonder.Function) string { return f.Name },
	ownerName: func(f yonder.Function) string { return f.OwnerName },
	meant:     registerFirst,
}

// registerFirst is for those who name a function of a file instead of a
// registered one.
func registerFirst(ref string) string {
	file, name, ok := cutLast(ref, ":")
	if !ok || !strings.HasSuffix(file, ".py") {
		return ""
	}
	return fmt.Sprintf("register it first with \"yonder function register %s\", and then name it %q; ", ref, name)
}

var identities = resource[yonder.Identity]{
	noun: "identity", listing: "identities",
	id:   func(i yonder.Identity) yonder.ID { return i.ID },
	name: func(i yonder.Identity) string { return i.Name },
}

// resolve returns the id of what ref names. One's own thing comes before
// another owner's of the same name; among several of others it must be said
// which.
func (r resource[T]) resolve(ctx context.Context, c *client.Client, ref string) (yonder.ID, error) {
	if id, err := yonder.ParseID(ref); err == nil {
		return id, nil
	}
	found, err := r.matches(ctx, c, ref)
	if err != nil {
		return yonder.ID{}, err
	}
	switch len(found) {
	case 0:
		return yonder.ID{}, yonder.Errorf(yonder.CodeNotFound,
			"there is no %s %q that you may see; %s\"yonder %s list\" shows those that there are", r.noun, ref, r.ask(ctx, c, ref), r.noun)
	case 1:
		return r.id(found[0]), nil
	}
	return r.own(ctx, c, ref, found)
}

// ask is what to do about a name of nothing, or the question after the one that
// may have been meant, if the first page of names has it.
func (r resource[T]) ask(ctx context.Context, c *client.Client, ref string) string {
	if r.meant != nil {
		if what := r.meant(ref); what != "" {
			return what
		}
	}
	page, err := client.List[T](ctx, c, r.listing, url.Values{"limit": {strconv.Itoa(pageLimit)}})
	if err != nil {
		return "" // what was asked for is still not there
	}
	names := make([]string, 0, len(page.Items))
	for _, item := range page.Items {
		names = append(names, r.name(item))
	}
	return nearest.Ask(ref, names)
}

// matches lists what has the name, of the owner if ref is owner/name. A name
// may itself have a slash.
func (r resource[T]) matches(ctx context.Context, c *client.Client, ref string) ([]T, error) {
	found, err := r.named(ctx, c, ref)
	owner, name, qualified := strings.Cut(ref, "/")
	if err != nil || len(found) > 0 || !qualified || r.owner == nil {
		return found, err
	}
	all, err := r.named(ctx, c, name)
	for _, item := range all {
		if r.ownerName(item) == owner || r.owner(item).String() == owner {
			found = append(found, item)
		}
	}
	return found, err
}

func (r resource[T]) named(ctx context.Context, c *client.Client, name string) ([]T, error) {
	all, err := client.All[T](ctx, c, r.listing, url.Values{"name": {name}})
	var found []T
	for _, item := range all {
		if r.name(item) == name {
			found = append(found, item)
		}
	}
	return found, err
}

func (r resource[T]) own(ctx context.Context, c *client.Client, ref string, found []T) (yonder.ID, error) {
	me, err := c.Whoami(ctx)
	if err != nil {
		return yonder.ID{}, err
	}
	var choices []string
	for _, item := range found {
		if r.owner(item) == me.Identity.ID {
			return r.id(item), nil
		}
		choices = append(choices, r.ownerName(item)+"/"+r.name(item)+" ("+r.id(item).String()+")")
	}
	return yonder.ID{}, yonder.Errorf(yonder.CodeConflict,
		"%d people share a %s named %q: say which: %s", len(found), r.noun, ref, strings.Join(choices, ", "))
}

// resolveAll returns the ids of identities.
func resolveAll(ctx context.Context, c *client.Client, refs []string) ([]yonder.ID, error) {
	ids := make([]yonder.ID, 0, len(refs))
	for _, ref := range refs {
		id, err := identities.resolve(ctx, c, ref)
		if yonder.CodeOf(err) == yonder.CodeForbidden {
			return nil, yonder.Errorf(yonder.CodeForbidden,
				"only admins may look up names: give the id instead of %q; \"yonder whoami\" shows people theirs", ref)
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// parseID reads an id of something that has no name, such as a task.
func parseID(text string) (yonder.ID, error) { return yonder.ParseID(strings.TrimSpace(text)) }
