package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

func TestWhatIsSubmittedLeavesNamesAlone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	submit := wire.RegisterFunction{Name: "f", Body: []byte("a local change"), Anonymous: true}
	f := servicetest.Call[yonder.Function](t, w.Service, w.Admin, "POST", "/v1/functions", submit)
	require.True(t, f.Anonymous)
	require.NotEqual(t, w.function.ID, f.ID)
	newest := servicetest.Call[yonder.Function](t, w.Service, w.Admin, "GET", "/v1/functions/"+w.function.ID.String(), nil)
	require.Equal(t, 1, newest.Version)
	named := servicetest.Call[wire.Page[yonder.Function]](t, w.Service, w.Admin, "GET", "/v1/functions?name=f", nil)
	require.Len(t, named.Items, 1)
	require.Equal(t, w.function.ID, named.Items[0].ID)
	all := servicetest.Call[wire.Page[yonder.Function]](t, w.Service, w.Admin, "GET", "/v1/functions?all=true", nil)
	require.Len(t, all.Items, 2)

	b, payloads := servicetest.Bundle(f.ID, w.endpoint.ID, 1)
	w.Submit(t, w.Admin, b, payloads)
	b, payloads = servicetest.Bundle(f.ID, w.endpoint.ID, 1)
	w.refuse(t, w.stranger, b, payloads, yonder.CodeNotFound)
}

func TestWhatIsSubmittedIsNotShared(t *testing.T) {
	t.Parallel()
	w := setup(t)
	submit := wire.RegisterFunction{Name: "g", Body: []byte("body"), Anonymous: true, Sharing: yonder.Sharing{Everyone: true}}
	refused := w.Refused(t, w.Admin, "POST", "/v1/functions", submit, yonder.CodeInvalidRequest)
	require.Equal(t, "sharing", refused.Field)
	submit.Sharing = yonder.Sharing{}
	f := servicetest.Call[yonder.Function](t, w.Service, w.Admin, "POST", "/v1/functions", submit)
	refused = w.Refused(t, w.Admin, "PUT", "/v1/functions/"+f.ID.String()+"/sharing", yonder.Sharing{Everyone: true}, yonder.CodeInvalidRequest)
	require.Contains(t, refused.Message, "register it")
}
