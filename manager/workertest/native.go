package workertest

import (
	"flag"
	"fmt"
	"os"

	"github.com/yonder-run/yonder/manager/shellworker"
)

// Native is the command of native zygotes for a test whose TestMain calls
// ActAsWorker.
func Native() []string { return []string{os.Args[0], "worker"} }

// ActAsWorker lets a test's binary stand for the real program: if it was
// started as a worker it is one, and done is true at its end.
func ActAsWorker() (code int, done bool) {
	if len(os.Args) < 2 || os.Args[1] != "worker" {
		return 0, false
	}
	flags := flag.NewFlagSet("worker", flag.ExitOnError)
	socket, fork := flags.String("socket", "", ""), flags.String("fork", "", "")
	_ = flags.Parse(os.Args[2:]) // ends the process
	run := func() error { return shellworker.Zygote(*socket) }
	if *fork != "" {
		run = func() error { return shellworker.Worker(*socket, *fork) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}
