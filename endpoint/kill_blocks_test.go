package endpoint_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// The agent is killed while it asks for a block: before there is a job, after
// there is one of which it has not heard, and after it was refused one. The
// next agent finds the job by the block's name, or asks for a block of its own.
func TestKillInTheStatesOfABlockThatPass(t *testing.T) {
	t.Parallel()
	for how, reached := range map[string]string{hangsBefore: "*.asked", hangsAfter: "*.asked", refusesFirst: "to=failed"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			const tasks = 4
			b := newBrain(t, tasks)
			s := newSite(t, b)
			s.cfg.Scaling.InitBlocks = 1
			first := s.process(t, how)
			require.Eventually(t, func() bool {
				found, _ := filepath.Glob(filepath.Join(s.cfg.StateDir, "blocks", reached))
				return len(found) > 0 || strings.Contains(first.log(t), reached)
			}, time.Minute, 5*time.Millisecond)
			first.kill()

			s.process(t, "")
			started := map[string]*fakeManager{}
			t.Cleanup(func() {
				for _, m := range started {
					m.Stop()
				}
			})
			require.Eventually(t, func() bool {
				startManagers(t, s, started)
				b.offer(tasks)
				return b.done() == tasks
			}, time.Minute, 5*time.Millisecond, "tasks are left")
			require.Len(t, started, 1, "one block, found or asked for")
			for range tasks {
				require.Equal(t, 1, b.results.Wait(t).Attempt)
			}
		})
	}
}

// killable is an agent in a process of its own.
type killable struct {
	cmd  *exec.Cmd
	file string
}

func (s *site) process(t *testing.T, how string) *killable {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "endpoint.yaml")
	data, err := yaml.Marshal(s.cfg)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(config, data, 0o600))
	k := &killable{cmd: exec.CommandContext(t.Context(), os.Args[0]), file: filepath.Join(dir, "log")}
	log, err := os.Create(k.file)
	require.NoError(t, err)
	defer log.Close()
	k.cmd.Env, k.cmd.Stderr = append(os.Environ(), agentConfig+"="+config, howSubmits+"="+how), log
	require.NoError(t, k.cmd.Start())
	t.Cleanup(func() {
		k.kill()
		if t.Failed() {
			t.Log(k.log(t))
		}
	})
	return k
}

func (k *killable) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(k.file)
	require.NoError(t, err)
	return string(text)
}

func (k *killable) kill() {
	_ = k.cmd.Process.Kill()
	_ = k.cmd.Wait()
}
