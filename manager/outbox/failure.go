package outbox

import (
	"encoding/json"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Failure is the payload of a task that the platform could not run.
func Failure(code yonder.Code, message string) []byte {
	data, err := json.Marshal(wire.TaskError{Code: code, Message: message})
	if err != nil {
		panic(err) // two strings can always be written
	}
	return data
}
