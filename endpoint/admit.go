package endpoint

import (
	"encoding/json"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/router"
	"github.com/yonder-run/yonder/wire"
)

// admit says whether a lease may run here, whatever the service thinks, and on
// which interpreter.
func (d *desk) admit(lease wire.Lease) (minor string, err error) {
	allow := d.cfg.Allow
	switch {
	case lease.Owner != d.epoch.Owner:
		// Workers of the process runtime could read the agent's own files.
		return "", yonder.Errorf(yonder.CodeForbidden, "this endpoint runs functions of its owner only")
	case len(allow.Identities) > 0 && !slices.Contains(allow.Identities, lease.Owner):
		return "", yonder.Errorf(yonder.CodeForbidden, "this endpoint's configuration does not allow the identity %s", lease.Owner)
	case len(allow.Functions) > 0 && !slices.Contains(allow.Functions, lease.Function):
		return "", yonder.Errorf(yonder.CodeForbidden, "this endpoint's configuration does not allow the function %s", lease.Function)
	case lease.Kind != yonder.KindPython:
		return "", yonder.Errorf(yonder.CodeInvalidRequest, "this endpoint does not run functions of kind %q: upgrade it", lease.Kind)
	}
	return router.Choose(lease.Requires.Python, d.pythons)
}

// refuse ends all tasks of a lease with a failure. It goes through the journal
// as if a manager had said so.
func (d *desk) refuse(lease wire.Lease, why error) {
	payload, err := json.Marshal(wire.TaskError{Code: yonder.CodeOf(why), Message: why.Error()})
	if err != nil {
		return // two strings always encode
	}
	var done wire.Done
	var columns [][]byte
	for i := lease.Lo; i < lease.Hi; i++ {
		done.Results = append(done.Results, wire.Entry{
			Bundle: lease.Bundle, Attempt: lease.Attempt, Lo: i, Hi: i + 1,
			Outcome: wire.OutcomeFailed, Form: wire.FormEach,
		})
		columns = append(columns, payload)
	}
	finished, columns := d.ledger.Sift("", done, columns)
	record, err := d.write(recordDone, finished, columns...)
	if err != nil {
		// It stays accepted, and is looked at again after a restart.
		d.storage(err)
		return
	}
	d.apply(d.ledger.Done(finished, payloadSizes(finished.Results, columns), record))
}
