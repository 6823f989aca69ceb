package endpoint

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/router"
	"github.com/yonder-run/yonder/wire"
)

// admit says whether a lease may run here, whatever the service thinks, and in
// which environment.
func (d *desk) admit(lease wire.Lease) (environment string, err error) {
	allow := d.cfg.Allow
	switch {
	case lease.Owner != d.epoch.Owner:
		// Workers of the process runtime could read the agent's own files.
		return "", yonder.Errorf(yonder.CodeForbidden, "this endpoint runs functions of its owner only")
	case len(allow.Identities) > 0 && !slices.Contains(allow.Identities, lease.Owner):
		return "", yonder.Errorf(yonder.CodeForbidden, "this endpoint's configuration does not allow the identity %s", lease.Owner)
	case len(allow.Functions) > 0 && !slices.Contains(allow.Functions, lease.Function):
		return "", yonder.Errorf(yonder.CodeForbidden, "this endpoint's configuration does not allow the function %s", lease.Function)
	case !slices.Contains(d.cfg.Kinds, lease.Kind):
		return "", yonder.Errorf(yonder.CodeUnsupportedKind,
			"this endpoint runs functions of kind %s, and this one is of kind %s: its configuration or its version does not allow that",
			strings.Join(d.cfg.Kinds, ", "), lease.Kind)
	case lease.Kind != yonder.KindPython:
		return router.Native, nil
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
