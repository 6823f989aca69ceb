package auth

import (
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

// MaySee says whether the viewer may know of a thing: its owner, those it is
// shared with, and admins.
func MaySee(v store.Viewer, owner yonder.ID, sharing yonder.Sharing) bool {
	return v.Admin || MayUse(v, owner, sharing)
}

// MayUse says whether the viewer may run a function, or run on an endpoint.
// Being an admin does not help: it is somebody's machine or code.
func MayUse(v store.Viewer, owner yonder.ID, sharing yonder.Sharing) bool {
	if v.Identity == owner || sharing.Everyone {
		return true
	}
	return slices.ContainsFunc(sharing.Identities, func(id yonder.ID) bool {
		return id == v.Identity || slices.Contains(v.Groups, id)
	})
}

// MayManage says whether the viewer may change, share or delete a thing.
func MayManage(v store.Viewer, owner yonder.ID) bool { return v.Admin || v.Identity == owner }

// MayRead says whether the viewer may see a task, its group and its results.
func MayRead(v store.Viewer, owner yonder.ID) bool { return v.Admin || v.Identity == owner }

// NotFound is the answer for what is not there and for what may not be seen:
// one must not be told from the other.
func NotFound(kind string, id yonder.ID) error {
	return yonder.Errorf(yonder.CodeNotFound, "there is no %s %s, or you may not see it: check the id, or ask its owner to share it", kind, id)
}
