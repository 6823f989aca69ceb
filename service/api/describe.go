package api

import (
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// What follows describes raw routes for the OpenAPI document.

func (a *API) schema(v any) *huma.Schema {
	t := reflect.TypeOf(v)
	return a.huma.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

func jsonMedia(schema *huma.Schema) *huma.MediaType { return &huma.MediaType{Schema: schema} }

func binaryMedia() *huma.MediaType {
	return &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
}

// takes describes a request's body by its media types.
func takes(o *huma.Operation, content map[string]*huma.MediaType) {
	o.RequestBody = &huma.RequestBody{Required: true, Content: content}
}

// gives describes the answer of success.
func gives(o *huma.Operation, status int, description string, content map[string]*huma.MediaType) {
	if o.Responses == nil {
		o.Responses = map[string]*huma.Response{}
	}
	o.Responses[strconv.Itoa(status)] = &huma.Response{Description: description, Content: content}
}

// inPath and inQuery describe parameters.
func inPath(o *huma.Operation, names ...string) {
	for _, name := range names {
		o.Parameters = append(o.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
}

func inQuery(o *huma.Operation, name, kind, doc string) {
	o.Parameters = append(o.Parameters, &huma.Param{Name: name, In: "query", Description: doc, Schema: &huma.Schema{Type: kind}})
}

func (a *API) describeErrors(o *huma.Operation) {
	if o.Responses == nil {
		o.Responses = map[string]*huma.Response{}
	}
	o.Responses["default"] = &huma.Response{
		Description: "Error", Content: map[string]*huma.MediaType{"application/json": jsonMedia(a.schema(failure{}))},
	}
}
