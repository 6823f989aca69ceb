package endpoint

import (
	"os"
	"path/filepath"
	"strings"
)

// lastWords are the end of what a block's command wrote.
func (p *provision) lastWords(id string) string {
	const words = 300
	name := p.blockLog(id)
	data, err := os.ReadFile(name)
	if err != nil || len(data) == 0 {
		return "it wrote nothing to " + name
	}
	text := strings.TrimSpace(strings.ToValidUTF8(string(data), "?"))
	return "its log " + name + " ends with: " + text[max(0, len(text)-words):]
}

func (d *desk) blockLog(id string) string {
	return filepath.Join(d.cfg.StateDir, "blocks", id+".log")
}
