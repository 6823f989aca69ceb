package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/deploy"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/wire"
)

// Files of an endpoint's directory.
const (
	configFile     = "endpoint.yaml"
	credentialFile = "credential"
)

// configured is what `yonder endpoint configure --json` prints.
type configured struct {
	Name string    `json:"name"`
	ID   yonder.ID `json:"id"`
	File string    `json:"file"`
}

func newEndpointConfigure(a *app) *cobra.Command {
	config := endpoint.Defaults()
	var description string
	var reuse bool
	cmd := &cobra.Command{
		Use:   "configure NAME",
		Short: "Register an endpoint and write its files on this machine",
		Long: "Registers an endpoint at the service that you are logged in to, and writes its configuration, with\n" +
			"every setting explained, and the agent's credential to endpoints/NAME in Yonder's directory.",
		Example: "  yonder endpoint configure laptop && yonder endpoint start laptop\n" +
			"  yonder endpoint configure gpu --slots 2 --python /opt/python3.11/bin/python3 --description \"two GPUs\"\n" +
			"  yonder endpoint configure laptop --reuse",
		Args: needs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := a.home()
			if err != nil {
				return err
			}
			login, err := a.login()
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			config.Name, config.Service, config.CAFile = args[0], login.URL, absolute(login.CAFile)
			made, err := configure(cmd.Context(), c, h.Endpoint(args[0]), config, description, reuse)
			if err != nil {
				return err
			}
			return a.Show(made, func() {
				a.Printf("Configured the endpoint %s in %s.\nNext: yonder endpoint start %s\n", made.Name, made.File, made.Name)
			})
		},
	}
	cmd.Flags().StringVar(&description, "description", "", "what people should know about it")
	kit.Count(cmd.Flags(), &config.Provider.Slots, "slots", config.Provider.Slots, 1, "tasks at once on a node")
	kit.Choice(cmd.Flags(), &config.Provider.Kind, "provider", config.Provider.Kind, endpoint.Providers,
		"where machines come from; none: the agent starts nothing, and takes managers that others start")
	cmd.Flags().StringSliceVar(&config.Pythons, "python", nil, "interpreters for the workers (default those beside this program and on PATH)")
	cmd.Flags().BoolVar(&config.AllowHTTP, "allow-http", false, "speak http to a service on another machine")
	cmd.Flags().BoolVar(&reuse, "reuse", false,
		"take over an endpoint of yours that is registered already, or get one of this machine a new credential; the old one stops working")
	return cmd
}

// configure registers the endpoint and writes its directory. The
// configuration is checked before anything is registered, and written last:
// where it is, the endpoint is whole.
func configure(ctx context.Context, c *client.Client, dir string, config endpoint.Config, description string, reuse bool) (configured, error) {
	made := configured{Name: config.Name, File: filepath.Join(dir, configFile)}
	if err := checkEndpointName(config.Name); err != nil {
		return made, err
	}
	if _, err := os.Stat(made.File); !errors.Is(err, fs.ErrNotExist) {
		if reuse {
			return renew(ctx, c, made)
		}
		return made, yonder.Errorf(yonder.CodeConflict,
			"the endpoint %s is configured on this machine already: edit %s, get it a new credential with --reuse, "+
				"or remove it with \"yonder endpoint delete %s\"", config.Name, made.File, config.Name)
	}
	if _, err := render(config, yonder.NewID()); err != nil {
		return made, err
	}
	if err := home.MakeDir(dir); err != nil {
		return made, err
	}
	id, credential, err := enrol(ctx, c, config.Name, description, reuse)
	if err != nil {
		_ = os.Remove(dir) // only if there is nothing in it
		return made, err
	}
	made.ID = id
	text, err := render(config, id)
	if err == nil {
		err = home.WriteSecret(filepath.Join(dir, credentialFile), []byte(credential+"\n"))
	}
	if err == nil {
		err = home.WriteSecret(made.File, text)
	}
	if err != nil {
		return made, yonder.Errorf(yonder.CodeStorageFull,
			"the endpoint is registered, but its files could not be written: %w; try again with --reuse", err)
	}
	return made, nil
}

// renew gets a new credential for an endpoint that is configured here, and
// leaves its configuration as it is.
func renew(ctx context.Context, c *client.Client, made configured) (configured, error) {
	config, err := endpoint.LoadConfig(made.File)
	if err != nil {
		return made, err
	}
	made.ID = config.Endpoint
	credential, err := c.ReplaceCredential(ctx, config.Endpoint)
	if err != nil {
		return made, err
	}
	return made, home.WriteSecret(config.Credential, []byte(credential+"\n"))
}

// enrol registers the endpoint, or takes over the one that has the name.
func enrol(ctx context.Context, c *client.Client, name, description string, reuse bool) (yonder.ID, string, error) {
	if !reuse {
		e, err := c.RegisterEndpoint(ctx, wire.RegisterEndpoint{Name: name, Description: description})
		if yonder.CodeOf(err) == yonder.CodeConflict {
			err = yonder.Errorf(yonder.CodeConflict,
				"you have registered an endpoint %s before: choose another name, or take it over with --reuse", name)
		}
		return e.ID, e.Credential, err
	}
	id, err := endpoints.resolve(ctx, c, name)
	if err != nil {
		return id, "", err
	}
	credential, err := c.ReplaceCredential(ctx, id)
	return id, credential, err
}

// render writes the commented configuration and checks that it says the same.
func render(config endpoint.Config, id yonder.ID) ([]byte, error) {
	config.Endpoint = id
	parsed, err := template.New(configFile).Funcs(template.FuncMap{"json": inJSON}).Parse(deploy.EndpointTemplate)
	if err != nil {
		return nil, fmt.Errorf("reading the template: %w", err)
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, config); err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	_, err = endpoint.ParseConfig(text.Bytes())
	return text.Bytes(), err
}

// inJSON writes a value as JSON, which YAML understands; no list is an empty one.
func inJSON(value any) (string, error) {
	data, err := json.Marshal(value)
	if string(data) == "null" {
		data = []byte("[]")
	}
	return string(data), err
}
