package daemon

import (
	"fmt"
	"strings"
)

// Unit describes a systemd service.
type Unit struct {
	Name    string   // of the endpoint
	Command []string // runs the agent in the foreground
	User    bool     // a unit of a user's own systemd, not of the machine's
	Account string   // that the machine's runs it as
}

// Text is the unit file. Only the agent itself is stopped with it: managers
// and what runs on them go on over restarts and upgrades. Exit code 5 means
// that another agent is in the way; starting again would not help.
func (u Unit) Text() string {
	target, account := "multi-user.target", ""
	if u.User {
		target = "default.target"
	} else if u.Account != "" {
		account = "User=" + u.Account + "\n"
	}
	quoted := make([]string, 0, len(u.Command))
	for _, arg := range u.Command {
		quoted = append(quoted, quote(arg))
	}
	return fmt.Sprintf(`[Unit]
Description=Yonder endpoint %s
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=%s
%sKillMode=process
KillSignal=SIGTERM
TimeoutStopSec=60
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2 5
UMask=0077

[Install]
WantedBy=%s
`, strings.ReplaceAll(oneLine(u.Name), "%", "%%"), strings.Join(quoted, " "), account, target)
}

// quote writes an argument as systemd reads it back.
func quote(arg string) string {
	replace := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`, `$`, `$$`, "\n", `\n`)
	return `"` + replace.Replace(arg) + `"`
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
