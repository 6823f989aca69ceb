package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// name is one test, or one package where Test is empty.
type name struct{ Package, Test string }

// summary is what is known so far. The output of a test is kept until it ends,
// because only then is it clear whether anybody wants to see it.
type summary struct {
	out     io.Writer
	output  map[name][]string
	passed  int
	failed  []name
	skipped []skip
	broken  bool // a package did not build
}

type skip struct {
	name

	reason string
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, output: map[name][]string{}}
}

func (s *summary) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format, args...)
}

func (s *summary) add(e event) {
	n := name{e.Package, e.Test}
	switch e.Action {
	case "output":
		s.output[n] = append(s.output[n], e.Output)
	case "build-output":
		s.printf("%s", e.Output)
	case "build-fail":
		s.broken = true
	case "pass", "fail", "skip":
		s.end(n, e)
		delete(s.output, n)
	}
}

func (s *summary) end(n name, e event) {
	switch {
	case n.Test == "":
		s.endPackage(n, e)
	case e.Action == "fail":
		s.failed = append(s.failed, n)
		s.printf("\n--- %s %s\n%s", n.Package, n.Test, strings.Join(s.output[n], ""))
	case e.Action == "skip":
		s.skipped = append(s.skipped, skip{n, reason(s.output[n])})
	default:
		s.passed++
	}
}

// endPackage prints the output of a failed package as well: a panic or a race
// outside a test shows up only there, and the tests it cut off have no end.
func (s *summary) endPackage(n name, e event) {
	switch e.Action {
	case "pass":
		s.printf("ok    %6.1fs  %s\n", e.Elapsed, n.Package)
	case "skip":
		s.printf("-              %s: no tests\n", n.Package)
	case "fail":
		if !slices.ContainsFunc(s.failed, func(f name) bool { return f.Package == n.Package }) {
			s.failed = append(s.failed, n)
		}
		for _, cut := range s.cutOff(n.Package) {
			s.printf("\n--- %s %s did not end\n%s", cut.Package, cut.Test, strings.Join(s.output[cut], ""))
			delete(s.output, cut)
		}
		s.printf("%sFAIL  %6.1fs  %s\n", strings.Join(s.output[n], ""), e.Elapsed, n.Package)
	}
}

func (s *summary) cutOff(pkg string) []name {
	var names []name
	for n := range s.output {
		if n.Package == pkg && n.Test != "" {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b name) int { return cmp.Compare(a.Test, b.Test) })
	return names
}

// finish prints the end of the report and says whether all is well.
func (s *summary) finish() bool {
	if len(s.skipped) > 0 {
		s.printf("\nskipped:\n")
	}
	for _, k := range s.skipped {
		s.printf("  %s %s: %s\n", k.Package, k.Test, k.reason)
	}
	if len(s.failed) > 0 {
		s.printf("\nfailed:\n")
	}
	for _, n := range s.failed {
		s.printf("  %s %s\n", n.Package, n.Test)
	}
	s.printf("\nGo: %d passed, %d failed, %d skipped\n", s.passed, len(s.failed), len(s.skipped))
	if s.passed == 0 {
		s.printf("no test ran: that is a failure\n")
	}
	return s.passed > 0 && len(s.failed) == 0 && !s.broken
}

// reason picks what the test said when it skipped out of the lines around it.
func reason(output []string) string {
	var said []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			said = append(said, line)
		}
	}
	return cmp.Or(strings.Join(said, " "), "no reason given")
}
