package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli"
	"github.com/yonder-run/yonder/cli/settings"
	"github.com/yonder-run/yonder/deploy"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/service"
)

// configuration shows the sample files: every setting with its default and
// its reason, and for the service the flag and the variable that set it too.
func configuration(_ string, pages map[string][]byte) error {
	page := samplePage("service", "The service reads it with `yonder serve --config service.yaml`; `yonder serve --sample` prints it.",
		deploy.ServiceSample)
	flagsAndVariables(page)
	pages["config-service.md"] = page.Bytes()

	config := endpoint.Defaults()
	config.Name, config.Service, config.Provider.Slots = "laptop", "https://yonder.example.org:8470", 4
	id, err := yonder.ParseID("0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000")
	if err != nil {
		return fmt.Errorf("making an id: %w", err)
	}
	sample, err := cli.EndpointSample(config, id)
	if err != nil {
		return fmt.Errorf("making the endpoint's file: %w", err)
	}
	page = samplePage("endpoint", "`yonder endpoint configure` writes it, and `yonder endpoint restart` applies changes.", string(sample))
	pages["config-endpoint.md"] = page.Bytes()
	return nil
}

func samplePage(name, intro, sample string) *bytes.Buffer {
	var page bytes.Buffer
	fmt.Fprintf(&page, "# Configuration of the %s\n\n%s\nAn unknown setting or a wrong value is an error that names it.\n", name, intro)
	fmt.Fprintf(&page, "\n```yaml\n%s\n```\n", strings.TrimSpace(sample))
	return &page
}

func flagsAndVariables(page *bytes.Buffer) {
	config := service.Defaults()
	page.WriteString("\n## Flags and variables\n\nFlags win over variables, and variables over the file.\n\n" +
		"| setting | flag | variable |\n|---|---|---|\n")
	for _, setting := range settings.List(&config) {
		fmt.Fprintf(page, "| `%s` | `--%s` | `%s` |\n", setting.Path, setting.Flag, setting.Env)
	}
}
