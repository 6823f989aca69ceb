package main

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/yonder-run/yonder/cli"
)

// commandLine makes a page for each command with those below it, and an index.
func commandLine(_ string, pages map[string][]byte) error {
	root := cli.Root()
	root.InitDefaultCompletionCmd()
	var index bytes.Buffer
	fmt.Fprintf(&index, "# Command line\n\n%s\n\nFlags of all commands:\n\n", prose(cmp.Or(root.Long, root.Short)))
	flagTable(&index, root.PersistentFlags())
	groups := append(root.Groups(), &cobra.Group{Title: "More:"})
	for _, group := range groups {
		fmt.Fprintf(&index, "\n## %s\n\n", strings.TrimSuffix(group.Title, ":"))
		for _, cmd := range visible(root) {
			if cmd.GroupID != group.ID {
				continue
			}
			fmt.Fprintf(&index, "- [`%s`](%s.md): %s\n", cmd.CommandPath(), cmd.Name(), escape(cmd.Short))
			var page bytes.Buffer
			describe(&page, cmd, 1)
			pages["cli/"+cmd.Name()+".md"] = page.Bytes()
		}
	}
	pages["cli/README.md"] = index.Bytes()
	return nil
}

func visible(cmd *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool {
		return c.Hidden || c.Name() == "help"
	})
}

// describe writes what a command does, and then those below it.
func describe(out *bytes.Buffer, cmd *cobra.Command, level int) {
	if out.Len() > 0 {
		out.WriteString("\n")
	}
	fmt.Fprintf(out, "%s %s\n\n%s\n", strings.Repeat("#", level), cmd.CommandPath(), prose(cmp.Or(cmd.Long, cmd.Short)))
	if cmd.Runnable() && !cmd.HasSubCommands() {
		fmt.Fprintf(out, "\n```text\n%s\n```\n", cmd.UseLine())
	}
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(out, "\nAlso called `%s`.\n", strings.Join(cmd.Aliases, "`, `"))
	}
	if cmd.Example != "" && !cmd.HasSubCommands() {
		fmt.Fprintf(out, "\nExamples:\n\n```text\n%s\n```\n", unindent(cmd.Example))
	}
	if cmd.LocalFlags().HasAvailableFlags() && !cmd.HasSubCommands() {
		out.WriteString("\n")
		flagTable(out, cmd.LocalFlags())
	}
	for _, sub := range visible(cmd) {
		describe(out, sub, min(level+1, 4))
	}
}

func flagTable(out *bytes.Buffer, flags *pflag.FlagSet) {
	var rows []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			rows = append(rows, flagRow(f))
		}
	})
	if len(rows) > 0 {
		fmt.Fprintf(out, "| flag | default | meaning |\n|---|---|---|\n%s", strings.Join(rows, ""))
	}
}

func flagRow(f *pflag.Flag) string {
	kind, meaning := pflag.UnquoteUsage(f)
	name := strings.TrimSpace("--" + f.Name + " " + kind)
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	value := f.DefValue
	switch {
	case f.Name == "slots" && value == strconv.Itoa(runtime.NumCPU()):
		value = "number of CPUs"
	case slices.Contains([]string{"", "false", "[]", "0", "0s"}, value):
		value = ""
	default:
		value = "`" + value + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s |\n", name, value, escape(meaning))
}

var (
	indented = regexp.MustCompile(`(?m)^( {2}|\t)`)
	special  = regexp.MustCompile(`[|<>*\[\]]`)
)

func unindent(text string) string {
	return indented.ReplaceAllString(strings.TrimRight(text, "\n"), "")
}

// escape keeps Markdown from finding a meaning in plain text.
func escape(text string) string {
	return special.ReplaceAllStringFunc(strings.ReplaceAll(text, "\n", " "), func(c string) string { return `\` + c })
}

// prose writes help texts as paragraphs: what is indented is code.
func prose(text string) string {
	var paragraphs []string
	for part := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		if strings.HasPrefix(part, "  ") || strings.HasPrefix(part, "\t") {
			paragraphs = append(paragraphs, "```text\n"+unindent(part)+"\n```")
		} else {
			paragraphs = append(paragraphs, escape(strings.TrimLeft(part, "# ")))
		}
	}
	return strings.Join(paragraphs, "\n\n")
}
