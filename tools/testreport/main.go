// Command testreport reads the output of `go test -json` and prints what a
// person wants to know: a line per package, everything failed tests printed,
// and which tests were skipped and why, which `go test` keeps to itself.
//
// It ends with 1 if anything failed, or if no test ran at all.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

func main() {
	ok, err := report(os.Stdin, os.Stdout)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "testreport:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

// event is one line of test2json, as far as it is used here.
//
//nolint:tagliatelle // The names are test2json's.
type event struct {
	Action  string  `json:"Action"`
	Package string  `json:"Package"`
	Test    string  `json:"Test"`
	Output  string  `json:"Output"`
	Elapsed float64 `json:"Elapsed"`
}

func report(in io.Reader, out io.Writer) (bool, error) {
	s := newSummary(out)
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			s.line(line)
		}
		if err == io.EOF {
			return s.finish(), nil
		}
		if err != nil {
			return false, fmt.Errorf("reading test events: %w", err)
		}
	}
}

// line takes one line. What is no event comes from the toolchain, and is
// printed as it is.
func (s *summary) line(line []byte) {
	var e event
	if line[0] != '{' || json.Unmarshal(line, &e) != nil {
		s.printf("%s", line)
		return
	}
	s.add(e)
}
