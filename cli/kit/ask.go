package kit

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/yonder-run/yonder"
)

// maxSecret bounds what is read as a secret.
const maxSecret = 4096

// Secret reads a secret from In; on a terminal it asks with the prompt, unless
// that is empty, and shows nothing of what is typed.
func (c *Console) Secret(prompt string) (string, error) {
	if file, ok := c.In.(*os.File); ok && prompt != "" && isTerminal(file) {
		c.Notef("%s", prompt)
		secret, err := term.ReadPassword(int(file.Fd()))
		c.Notef("\n")
		if err != nil {
			return "", fmt.Errorf("reading from the terminal: %w", err)
		}
		return strings.TrimSpace(string(secret)), nil
	}
	data, err := io.ReadAll(io.LimitReader(c.In, maxSecret))
	if err != nil {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// Confirm asks a person before something is destroyed. Where nobody can be
// asked, yes has to be said beforehand.
func (c *Console) Confirm(yes bool, format string, args ...any) error {
	if yes {
		return nil
	}
	question := fmt.Sprintf(format, args...)
	if !c.Interactive() {
		return Usagef("%s Nobody can be asked here: repeat the command with --yes", question)
	}
	c.Notef("%s [y/N] ", question)
	answer, _ := bufio.NewReader(c.In).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return yonder.Errorf(yonder.CodeConflict, "nothing was changed: the answer was not yes")
}
