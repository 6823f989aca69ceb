// Package pages runs the documentation: every command and every snippet of a
// page, in order, as a reader would, and compares what they print with what
// the page says they print.
//
// Blocks that run are ```console (lines that begin with "$ " are commands,
// those below are what they print), ```sh (commands alone) and ```python (one
// session a page). An ```output block is what the block above it prints. In
// what is printed, … stands for anything on a line, and a line of … for any
// lines. Comments of HTML, which readers do not see, say more about what
// follows them: a file of a name (file: NAME), commands to run first (setup),
// why a block does not run (not run: REASON).
package pages

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Step is one thing to do on a page.
type Step struct {
	Line   int    // on the page, counted from 1
	Kind   string // one of the kinds below
	Text   string // commands, a program, or a file's content
	File   string // the name of a file to write
	Prints string // what it has to print; empty: not looked at
	Fails  bool   // whether a command may end with an error
}

// Kinds of steps.
const (
	Shell  = "shell"
	Python = "python"
	File   = "file"
)

// Page is what a page says to do.
type Page struct {
	Steps  []Step
	NotRun []string // reasons, one for each block that is not run
}

// Mentions says whether any step has the text.
func (p Page) Mentions(text string) bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return strings.Contains(s.Text, text) })
}

// still are languages of blocks that show something and do nothing.
var still = map[string]bool{
	"text": true, "yaml": true, "json": true, "toml": true, "ini": true, "go": true, "markdown": true, "mermaid": true, "py": true,
}

var (
	fence   = regexp.MustCompile("^ *```(.*)$")
	comment = regexp.MustCompile(`^<!-- (file|not run): (.*) -->$`)
)

// Parse reads a page.
func Parse(text string) (Page, error) {
	p := parser{lines: strings.Split(text, "\n")}
	for p.at < len(p.lines) {
		if err := p.next(); err != nil {
			return p.page, fmt.Errorf("line %d: %w", p.at+1, err)
		}
	}
	return p.page, nil
}

type parser struct {
	page         Page
	lines        []string
	at           int
	file, reason string // said of the next block
}

// next reads one line, or a whole block.
func (p *parser) next() error {
	line := p.lines[p.at]
	if match := comment.FindStringSubmatch(line); match != nil {
		if match[1] == "file" {
			p.file = match[2]
		} else {
			p.reason = match[2]
		}
		p.at++
		return nil
	}
	if line == "<!-- setup" {
		begin := p.at
		text, err := p.until(func(line string) bool { return line == "-->" })
		p.page.Steps = append(p.page.Steps, Step{Line: begin + 1, Kind: Shell, Text: text})
		return err
	}
	match := fence.FindStringSubmatch(line)
	if match == nil {
		p.at++
		return nil
	}
	begin := p.at + 1
	text, err := p.until(func(line string) bool { return strings.TrimSpace(line) == "```" })
	if err != nil {
		return err
	}
	file, reason := p.file, p.reason
	p.file, p.reason = "", ""
	return p.block(begin, match[1], text, file, reason)
}

// until reads to the end of a block, without its first and last lines.
func (p *parser) until(end func(line string) bool) (string, error) {
	begin := p.at + 1
	for p.at = begin; p.at < len(p.lines); p.at++ {
		if end(p.lines[p.at]) {
			p.at++
			return strings.Join(p.lines[begin:p.at-1], "\n") + "\n", nil
		}
	}
	return "", fmt.Errorf("what begins at line %d has no end", begin)
}

func (p *parser) block(line int, language, text, file, reason string) error {
	switch {
	case reason != "":
		p.page.NotRun = append(p.page.NotRun, reason)
	case file != "":
		p.page.Steps = append(p.page.Steps, Step{Line: line, Kind: File, Text: text, File: file})
	case language == "console":
		p.page.Steps = append(p.page.Steps, commands(line, text)...)
	case language == "sh":
		p.page.Steps = append(p.page.Steps, Step{Line: line, Kind: Shell, Text: "set -e\n" + text + "set +e\n"})
	case language == "python":
		p.page.Steps = append(p.page.Steps, Step{Line: line, Kind: Python, Text: text})
	case language == "output":
		if len(p.page.Steps) == 0 {
			return fmt.Errorf("nothing runs before this output")
		}
		last := &p.page.Steps[len(p.page.Steps)-1]
		last.Prints, last.Fails = text, strings.HasPrefix(text, "Traceback")
	case !still[language]:
		return fmt.Errorf("blocks of %q are neither run nor known to be still", language)
	}
	return nil
}

var here = regexp.MustCompile(`<<-?'?(\w+)'?`)

// commands splits a console block. A command may go on below, after a
// backslash or as a here-document. One that is followed by `echo $?` may fail.
func commands(line int, text string) []Step {
	var steps []Step
	var inside string // what ends the command's here-document, or a backslash
	for i, content := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		command, ok := strings.CutPrefix(content, "$ ")
		switch {
		case inside != "":
			last := &steps[len(steps)-1]
			last.Text += content + "\n"
			if inside == `\` && !strings.HasSuffix(content, `\`) || content == inside {
				inside = ""
			}
		case ok:
			if command == "echo $?" && len(steps) > 0 {
				steps[len(steps)-1].Fails = true
			}
			steps = append(steps, Step{Line: line + i + 1, Kind: Shell, Text: command + "\n"})
			if match := here.FindStringSubmatch(command); match != nil {
				inside = match[1]
			} else if strings.HasSuffix(command, `\`) {
				inside = `\`
			}
		case len(steps) > 0:
			steps[len(steps)-1].Prints += content + "\n"
		}
	}
	return steps
}

// waiting is what commands say of themselves where they take long, which is
// not the page's concern.
var waiting = regexp.MustCompile(`(?m)^\S.* \(\d+s\)\n`)

var space = regexp.MustCompile(`[ \t]+`)

// Matches says whether the output is what a page shows.
func Matches(shown, output string) bool {
	var parts []string
	for line := range strings.Lines(strings.TrimSpace(shown)) {
		line = strings.TrimSpace(line)
		if line == "…" {
			parts = append(parts, `(?:.*\n)*?`)
			continue
		}
		line = regexp.QuoteMeta(space.ReplaceAllString(line, " "))
		parts = append(parts, strings.ReplaceAll(line, "…", ".*")+`\n`)
	}
	var lines []string
	for line := range strings.Lines(strings.TrimSpace(waiting.ReplaceAllString(output, ""))) {
		lines = append(lines, strings.TrimSpace(space.ReplaceAllString(line, " "))+"\n")
	}
	return regexp.MustCompile("^" + strings.Join(parts, "") + "$").MatchString(strings.Join(lines, ""))
}
