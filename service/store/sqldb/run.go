package sqldb

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// Run calls op for an engine. A panic becomes an error, so that a bug undoes
// one transaction and does not end the process of everybody else.
func Run(ctx context.Context, op Op, q *gen.Queries) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return op(ctx, q)
}
