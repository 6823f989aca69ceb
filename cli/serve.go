package cli

import (
	"net/url"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/cli/settings"
	"github.com/yonder-run/yonder/deploy"
	"github.com/yonder-run/yonder/service"
	"github.com/yonder-run/yonder/service/auth"
)

// started is what a daemon prints as JSON once it is ready.
type started struct {
	URL       string `json:"url"`
	StateDir  string `json:"state_dir,omitempty"`
	TokenFile string `json:"token_file,omitempty"`
}

func newServe(a *app) *cobra.Command {
	config := service.Defaults()
	var logs kit.LogFlags
	var file string
	var sample bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a service for others",
		Long: "Runs a service until it is told to end by SIGINT or SIGTERM. Its settings come from a file, from\n" +
			"variables such as YONDER_LISTEN, and from flags; later ones win. The first start makes the identity\n" +
			"\"admin\" and writes its token to admin.token in the state directory.",
		Example: "  yonder serve --listen 127.0.0.1:8470 --state-dir /var/lib/yonder\n" +
			"  yonder serve --sample > service.yaml\n" +
			"  yonder serve --config service.yaml",
		Args: needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if sample {
				return a.Show(map[string]string{"sample": deploy.ServiceSample}, func() { a.Printf("%s", deploy.ServiceSample) })
			}
			if err := settings.Load(&config, file, a.Getenv, cmd.Flags()); err != nil {
				return err
			}
			if err := noSecretFlag(cmd); err != nil {
				return err
			}
			if config.StateDir == "" {
				h, err := a.home()
				if err != nil {
					return err
				}
				config.StateDir = h.Service()
			}
			return a.serve(cmd, config, logs)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVarP(&file, "config", "c", "", "YAML `file` of settings")
	cmd.Flags().BoolVar(&sample, "sample", false, "print a configuration file with every setting explained")
	logs.Add(cmd.Flags())
	settings.Flags(cmd.Flags(), &config, deploy.ServiceSample)
	return cmd
}

func (a *app) serve(cmd *cobra.Command, config service.Config, logs kit.LogFlags) error {
	log, err := a.Logger(logs)
	if err != nil {
		return err
	}
	s, err := service.New(config, log)
	if err != nil {
		return err
	}
	return serveUntil(cmd.Context(), s, func() error {
		ready := started{URL: s.URL(), StateDir: config.StateDir, TokenFile: filepath.Join(config.StateDir, auth.AdminTokenFile)}
		return a.Show(ready, func() {
			a.Printf("Serving at %s.\n", ready.URL)
			a.Printf("Log in as admin: yonder login %s --token-file %s\n", ready.URL, ready.TokenFile)
		})
	})
}

// noSecretFlag refuses a password where every user of the machine can read it.
func noSecretFlag(cmd *cobra.Command) error {
	flag := cmd.Flags().Lookup("database")
	if flag == nil || !flag.Changed {
		return nil
	}
	if u, err := url.Parse(settings.Given(flag)); err == nil && u.User != nil {
		if _, secret := u.User.Password(); secret {
			return yonder.FieldErrorf(yonder.CodeInvalidConfig, "database",
				"other users of this machine can read a password in a flag: put it into ~/.pgpass, or the URL into the configuration file")
		}
	}
	return nil
}
