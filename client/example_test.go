package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// Submit a call with JSON arguments and wait for its value.
func Example() {
	service := httptest.NewServer(http.HandlerFunc(aService))
	defer service.Close()
	ctx := context.Background()
	c, err := client.New(service.URL, "yt_…")
	if err != nil {
		fmt.Println(err)
		return
	}
	submitted, err := c.SubmitCalls(ctx, wire.Bundle{
		Group: yonder.NewID(), Function: yonder.NewID(), Endpoint: yonder.NewID(),
	}, wire.Call{Args: []any{20, 22}})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := c.Result(ctx, submitted.Bundles[0].ID.Task(0), time.Minute)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Outcome, result.Value)
	// Output: ok 42
}

// aService stands for a service whose one function adds.
func aService(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		answer(w, http.StatusAccepted, `{"bundles":[{"id":"0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000","tasks":1}]}`)
		return
	}
	answer(w, http.StatusOK, `{"outcome":"ok","codec":"json","value":42}`)
}
