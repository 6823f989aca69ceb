package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// ordered prints results in the order of their numbers, each as soon as those
// before it are there. As JSON it is one array.
type ordered struct {
	app     *app
	waiting map[int]wire.Result
	next    int
	seen    int
	failed  int
	worst   yonder.Code
}

func (o *ordered) add(number int, r wire.Result) error {
	if o.waiting == nil {
		o.waiting = map[int]wire.Result{}
	}
	o.seen++
	o.waiting[number] = r
	for {
		r, ok := o.waiting[o.next]
		if !ok {
			return nil
		}
		delete(o.waiting, o.next)
		if err := o.print(o.next, r); err != nil {
			return err
		}
		o.next++
	}
}

// addAll adds results in the order in which they came.
func (o *ordered) addAll(ctx context.Context, c *client.Client, results []wire.Result) error {
	for _, r := range results {
		if err := fill(ctx, c, &r); err != nil {
			return err
		}
		all, err := client.Split(r)
		if err != nil {
			return err
		}
		for _, one := range all {
			if err := o.add(o.seen, one); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *ordered) print(number int, r wire.Result) error {
	err := outcome(r)
	if err != nil {
		o.failed++
		o.worst = yonder.CodeOf(err)
	}
	if o.app.JSON {
		return o.item(number, r)
	}
	if err != nil {
		o.app.Notef("%d: %s\n", number+1, err)
	}
	if r.Outcome != wire.OutcomeOK {
		o.app.Printf("null\n")
		return nil
	}
	raw, ok := r.Value.(json.RawMessage)
	if !ok {
		text, err := foreign(r)
		o.app.Printf("%s\n", text)
		return err
	}
	o.app.Printf("%s\n", raw)
	return nil
}

func (o *ordered) item(number int, r wire.Result) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding result: %w", err)
	}
	separator := ",\n"
	if number == 0 {
		separator = "[\n"
	}
	o.app.Printf("%s  %s", separator, data)
	return nil
}

// end closes the array and says how many failed.
func (o *ordered) end() error {
	if o.app.JSON && o.next == 0 {
		o.app.Printf("[]\n")
	} else if o.app.JSON {
		o.app.Printf("\n]\n")
	}
	if o.failed > 0 {
		return yonder.Errorf(o.worst, "%d of %d tasks failed", o.failed, o.next)
	}
	return nil
}
