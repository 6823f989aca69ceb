package cli

import (
	"cmp"
	"strings"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/client"
)

// client returns the client of the service that flags, environment or login
// name, in this order.
func (a *app) client() (*client.Client, error) {
	if a.connected != nil {
		return a.connected, nil
	}
	login, err := a.login()
	if err != nil {
		return nil, err
	}
	a.connected, err = client.New(login.URL, login.Token, client.WithCA(login.CAFile))
	return a.connected, err
}

// login merges the login file with flags and environment. The file's token
// only ever goes to the file's service: another one could keep it.
func (a *app) login() (home.Login, error) {
	h, err := a.home()
	if err != nil {
		return home.Login{}, err
	}
	want := home.Login{
		URL:    strings.TrimRight(cmp.Or(a.url, a.Getenv("YONDER_URL")), "/"),
		CAFile: cmp.Or(a.caFile, a.Getenv("YONDER_CA_FILE")),
	}
	if path := a.Getenv("YONDER_TOKEN_FILE"); path != "" {
		if want.Token, err = home.ReadSecret(path); err != nil {
			return want, err
		}
	}
	if want.URL != "" && want.Token != "" {
		return want, nil
	}
	if want.Token == "" && a.Getenv("YONDER_TOKEN") != "" {
		// Acting as somebody else than the variable says would be worse.
		return want, yonder.Errorf(yonder.CodeUnauthenticated,
			"the command line takes no token from YONDER_TOKEN: unset it, or put it into a file that only you may read, "+
				"and name that in YONDER_TOKEN_FILE")
	}
	file, err := h.ReadLogin()
	if err != nil {
		return want, err
	}
	if want.URL != "" && want.URL != file.URL {
		return want, yonder.Errorf(yonder.CodeUnauthenticated,
			"you are logged in to %s, not to %s: run \"yonder login %s\", or name a file with a token in YONDER_TOKEN_FILE",
			file.URL, want.URL, want.URL)
	}
	return home.Login{
		URL: file.URL, Token: cmp.Or(want.Token, file.Token), CAFile: cmp.Or(want.CAFile, file.CAFile),
	}, nil
}
