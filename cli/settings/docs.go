package settings

import (
	"strings"
)

// Docs returns what the comments of a YAML file say of each setting: those
// right above it, as one line in the form that flags are explained in.
func Docs(sample string) map[string]string {
	docs := map[string]string{}
	var comment []string
	var parents []string // names, by depth of two spaces
	for line := range strings.Lines(sample) {
		text := strings.TrimSpace(line)
		if remark, ok := strings.CutPrefix(text, "#"); ok {
			comment = append(comment, strings.TrimSpace(remark))
			continue
		}
		name, _, ok := strings.Cut(text, ":")
		if ok {
			depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
			parents = append(parents[:min(depth, len(parents))], name)
			docs[strings.Join(parents, ".")] = explain(strings.Join(comment, " "))
		}
		comment = nil
	}
	return docs
}

// explain writes a sentence without its capital and full stop, unless it
// begins with an abbreviation.
func explain(text string) string {
	text = strings.TrimSuffix(text, ".")
	if len(text) > 1 && strings.ToLower(text[1:2]) == text[1:2] {
		text = strings.ToLower(text[:1]) + text[1:]
	}
	return text
}
