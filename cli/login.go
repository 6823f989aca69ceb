package cli

import (
	"cmp"
	"context"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/client"
)

// defaultURL is where `yonder up` and `yonder serve` listen unless told otherwise.
const defaultURL = "http://127.0.0.1:8470"

// loggedIn is what `yonder login --json` prints.
type loggedIn struct {
	URL      string          `json:"url"`
	Identity yonder.Identity `json:"identity"`
}

func newLogin(a *app) *cobra.Command {
	var tokenFile string
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "login [URL]",
		Short: "Log in to a service with a token",
		Long: "Asks for a token, or reads it from standard input, checks it with the service, and keeps it in\n" +
			"login.json, which only you may read. Without a URL it is the service of the last login.",
		Example: "  yonder login https://yonder.example.org\n  yonder login https://yonder.example.org < token.txt",
		Args:    needs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := a.home()
			if err != nil {
				return err
			}
			login := a.loginTarget(h, args)
			if login.Token, err = a.readToken(tokenFile, fromStdin, login.URL); err != nil {
				return err
			}
			answer, err := checkLogin(cmd.Context(), login)
			if err != nil {
				return err
			}
			if err := h.WriteLogin(login); err != nil {
				return err
			}
			return a.Show(answer, func() { a.Printf("Logged in to %s as %s.\n", answer.URL, answer.Identity.Name) })
		},
	}
	cmd.Flags().BoolVar(&fromStdin, "token-stdin", false, "read the token from standard input without asking, also on a terminal")
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "read the token from a `file` that only you may read")
	return cmd
}

func (a *app) loginTarget(h home.Home, args []string) home.Login {
	last, _ := h.ReadLogin() // a damaged one is about to be replaced
	login := home.Login{
		URL:    cmp.Or(a.url, a.Getenv("YONDER_URL"), last.URL, defaultURL),
		CAFile: absolute(cmp.Or(a.caFile, a.Getenv("YONDER_CA_FILE"))),
	}
	if len(args) > 0 {
		login.URL = args[0]
	}
	login.URL = strings.TrimRight(login.URL, "/")
	if login.URL == last.URL {
		login.CAFile = cmp.Or(login.CAFile, last.CAFile)
	}
	return login
}

// absolute makes a path work from every directory.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); path != "" && err == nil {
		return abs
	}
	return path
}

func (a *app) readToken(file string, fromStdin bool, url string) (string, error) {
	if file != "" {
		return home.ReadSecret(file)
	}
	prompt := "Token for " + url + ": "
	if fromStdin {
		prompt = ""
	}
	token, err := a.Secret(prompt)
	if err == nil && token == "" {
		err = yonder.Errorf(yonder.CodeInvalidRequest, "no token was given: write it to standard input, or use --token-file")
	}
	return token, err
}

func checkLogin(ctx context.Context, login home.Login) (loggedIn, error) {
	c, err := client.New(login.URL, login.Token, client.WithCA(login.CAFile))
	if err != nil {
		return loggedIn{}, err
	}
	me, err := c.Whoami(ctx)
	return loggedIn{URL: c.URL(), Identity: me.Identity}, err
}
