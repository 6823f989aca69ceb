package client

import (
	"context"
	"iter"
	"maps"
	"net/url"

	"github.com/yonder-run/yonder"
)

// Each goes through a listing, such as "functions" or "tasks", and asks for
// the next page when it is needed. It ends with the first error.
func Each[T any](ctx context.Context, c *Client, what string, filters url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		query := url.Values{}
		maps.Copy(query, filters)
		for {
			page, err := List[T](ctx, c, what, query)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query.Set("after", page.Next)
		}
	}
}

// Find says which functions or endpoints to list. What is zero does not matter.
type Find struct {
	Words string // that all occur in a function's name, description or docstring
	Owner yonder.ID
	Name  string
	// All finds functions that were submitted and not registered, too.
	All bool
}

func (f Find) query() url.Values {
	all := ""
	if f.All {
		all = "true"
	}
	return query("q", f.Words, "owner", text(f.Owner), "name", f.Name, "all", all)
}

// FindTasks says which of your tasks to list. What is zero does not matter.
type FindTasks struct {
	Group, Endpoint, Function yonder.ID
	State                     yonder.State
}

// Functions lists functions that you may see, the newest first.
func (c *Client) Functions(ctx context.Context, find Find) iter.Seq2[yonder.Function, error] {
	return Each[yonder.Function](ctx, c, "functions", find.query())
}

// Endpoints lists endpoints that you may see, the newest first.
func (c *Client) Endpoints(ctx context.Context, find Find) iter.Seq2[yonder.Endpoint, error] {
	return Each[yonder.Endpoint](ctx, c, "endpoints", find.query())
}

// Tasks lists your tasks, the newest first.
func (c *Client) Tasks(ctx context.Context, find FindTasks) iter.Seq2[yonder.Task, error] {
	return Each[yonder.Task](ctx, c, "tasks", query(
		"group", text(find.Group), "endpoint", text(find.Endpoint), "function", text(find.Function), "state", string(find.State),
	))
}

// Groups lists your task groups, the newest first.
func (c *Client) Groups(ctx context.Context) iter.Seq2[yonder.Group, error] {
	return Each[yonder.Group](ctx, c, "groups", nil)
}

// FunctionNamed returns the newest version of the function of that name, your
// own before somebody else's.
func (c *Client) FunctionNamed(ctx context.Context, name string) (yonder.Function, error) {
	return named(ctx, c, "function", name, c.Functions(ctx, Find{Name: name}), func(f yonder.Function) yonder.ID { return f.Owner })
}

// EndpointNamed returns the endpoint of that name, your own before somebody
// else's.
func (c *Client) EndpointNamed(ctx context.Context, name string) (yonder.Endpoint, error) {
	return named(ctx, c, "endpoint", name, c.Endpoints(ctx, Find{Name: name}), func(e yonder.Endpoint) yonder.ID { return e.Owner })
}

func named[T any](
	ctx context.Context, c *Client, what, name string, all iter.Seq2[T, error], owner func(T) yonder.ID,
) (found T, err error) {
	me, err := c.Whoami(ctx)
	if err != nil {
		return found, err
	}
	others := 0
	for one, err := range all {
		switch {
		case err != nil:
			return found, err
		case owner(one) == me.Identity.ID:
			return one, nil
		}
		found = one
		others++
	}
	switch others {
	case 0:
		return found, yonder.Errorf(yonder.CodeNotFound, "there is no %s named %q that you may see", what, name)
	case 1:
		return found, nil
	}
	return found, yonder.Errorf(yonder.CodeConflict, "%d %ss that you may use are named %q: use the id of one", others, what, name)
}

// query makes pairs of names and values a query, without empty ones.
func query(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	return values
}

// text is an id as text, empty if it is not set.
func text(id yonder.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}
