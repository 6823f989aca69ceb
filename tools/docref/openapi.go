package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"

	"github.com/yonder-run/yonder/service/api"
	"github.com/yonder-run/yonder/service/metrics"
)

// document is the part of the OpenAPI document that the page shows.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]schema `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	Summary     string   `json:"summary"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
	Parameters  []struct {
		Name        string `json:"name"`
		In          string `json:"in"`
		Description string `json:"description"`
		Schema      schema `json:"schema"`
	} `json:"parameters"`
	RequestBody content            `json:"requestBody"` //nolint:tagliatelle // as OpenAPI has it
	Responses   map[string]content `json:"responses"`
}

type content struct {
	Description string `json:"description"`
	Content     map[string]struct {
		Schema schema `json:"schema"`
	} `json:"content"`
}

type schema struct {
	Ref         string            `json:"$ref"`
	Type        json.RawMessage   `json:"type"`
	Format      string            `json:"format"`
	Description string            `json:"description"`
	Items       *schema           `json:"items"`
	Properties  map[string]schema `json:"properties"`
	Required    []string          `json:"required"`
}

// restAPI asks the API for its own description and makes a page of it.
func restAPI(_ string, pages map[string][]byte) error {
	handler := api.New(api.Config{Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler)})
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/openapi.json", http.NoBody))
	var whole map[string]any
	if err := json.Unmarshal(recorder.Body.Bytes(), &whole); err != nil {
		return fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	if info, ok := whole["info"].(map[string]any); ok {
		info["version"] = "v1" // the API's; the program's differs from build to build
	}
	text, err := json.MarshalIndent(whole, "", " ")
	if err != nil {
		return fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	pages["openapi.json"] = append(text, '\n')
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	pages["rest.md"] = d.page()
	return nil
}

func (d document) page() []byte {
	var out bytes.Buffer
	out.WriteString("# REST API\n\nEvery service serves this description as [`/openapi.json`](openapi.json), and a page to browse it " +
		"as `/docs`.\nRequests carry `Authorization: Bearer TOKEN`. What goes wrong is answered as `{\"code\", \"message\", \"field\"}` with the\n" +
		"status of [the error's code](../../errors.md).\n")
	for _, tag := range d.tags() {
		fmt.Fprintf(&out, "\n## %s\n", strings.ToUpper(tag[:1])+tag[1:])
		for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
			for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
				if o := d.Paths[path][method]; o.tag() == tag {
					o.write(&out, strings.ToUpper(method), path)
				}
			}
		}
	}
	out.WriteString("\n## Types\n")
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		d.Components.Schemas[name].write(&out, name)
	}
	return out.Bytes()
}

func (o operation) tag() string {
	if len(o.Tags) == 0 {
		return "other"
	}
	return o.Tags[0]
}

// agents is the tag of routes that people do not use; they come last.
const agents = "agents"

func (d document) tags() []string {
	found := map[string]bool{}
	for _, methods := range d.Paths {
		for _, o := range methods {
			found[o.tag()] = true
		}
	}
	delete(found, agents)
	return append(slices.Sorted(maps.Keys(found)), agents)
}

func (o operation) write(out *bytes.Buffer, method, path string) {
	fmt.Fprintf(out, "\n### `%s %s`\n\n%s.", method, path, escape(strings.TrimSuffix(o.Summary, ".")))
	if o.Description != "" {
		fmt.Fprintf(out, " %s", strings.ReplaceAll(o.Description, "\n", " "))
	}
	out.WriteString("\n")
	if rows := o.rows(); rows != "" {
		fmt.Fprintf(out, "\n| part | type | meaning |\n|---|---|---|\n%s", rows)
	}
}

func (o operation) rows() string {
	var out strings.Builder
	for _, p := range o.Parameters {
		fmt.Fprintf(&out, "| %s `%s` | %s | %s |\n", p.In, p.Name, p.Schema.name(), escape(p.Description))
	}
	for _, media := range slices.Sorted(maps.Keys(o.RequestBody.Content)) {
		fmt.Fprintf(&out, "| body, `%s` | %s | %s |\n", media, o.RequestBody.Content[media].Schema.name(), escape(o.RequestBody.Description))
	}
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		r := o.Responses[status]
		if status == "default" {
			continue
		}
		if len(r.Content) == 0 {
			fmt.Fprintf(&out, "| answer %s | | %s |\n", status, escape(r.Description))
		}
		for _, media := range slices.Sorted(maps.Keys(r.Content)) {
			fmt.Fprintf(&out, "| answer %s, `%s` | %s | %s |\n", status, media, r.Content[media].Schema.name(), escape(r.Description))
		}
	}
	return out.String()
}

var quotes = regexp.MustCompile(`["\[\]]`)

// name says what a value is, with a link to the types that have a table.
func (s schema) name() string {
	if _, own, ok := strings.Cut(s.Ref, "#/components/schemas/"); ok {
		return fmt.Sprintf("[%s](#%s)", own, strings.ToLower(own))
	}
	if s.Items != nil {
		return "list of " + s.Items.name()
	}
	kind := strings.ReplaceAll(quotes.ReplaceAllString(string(s.Type), ""), ",", " or ")
	if s.Format == "date-time" || s.Format == "binary" {
		kind = s.Format
	}
	return kind
}

func (s schema) write(out *bytes.Buffer, name string) {
	fmt.Fprintf(out, "\n### %s\n\n", name)
	if s.Description != "" {
		fmt.Fprintf(out, "%s\n\n", escape(s.Description))
	}
	if len(s.Properties) == 0 {
		fmt.Fprintf(out, "A %s.\n", s.name())
		return
	}
	out.WriteString("| field | type | meaning |\n|---|---|---|\n")
	for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
		p, always := s.Properties[field], ""
		if slices.Contains(s.Required, field) {
			always = " (always)"
		}
		fmt.Fprintf(out, "| `%s`%s | %s | %s |\n", field, always, p.name(), escape(p.Description))
	}
}
