package outbox_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/outbox"
	"github.com/yonder-run/yonder/wire"
)

func span(lo int) wire.Span { return wire.Span{Bundle: yonder.ID{1}, Attempt: 1, Lo: lo, Hi: lo + 1} }

func result(lo int, payload string) outbox.End {
	return outbox.End{Payload: []byte(payload), Result: &wire.Entry{
		Bundle: yonder.ID{1}, Attempt: 1, Lo: lo, Hi: lo + 1, Outcome: wire.OutcomeOK,
	}}
}

// file is a result of so many bytes in a file.
func file(t *testing.T, lo, size int) outbox.End {
	t.Helper()
	end := result(lo, "")
	end.File = filepath.Join(t.TempDir(), "result")
	end.Result.Blob = &wire.Blob{Size: int64(size), SHA256: "s"}
	require.NoError(t, os.WriteFile(end.File, []byte(strings.Repeat("x", size)), 0o600))
	return end
}

// sent is what the outbox sends until it has nothing more, as short texts.
func sent(t *testing.T, o *outbox.Outbox) string {
	t.Helper()
	var texts []string
	for {
		frame, err := o.Next()
		require.NoError(t, err)
		if frame == nil {
			return strings.Join(texts, ", ")
		}
		texts = append(texts, show(t, frame))
	}
}

func show(t *testing.T, frame *wire.Frame) string {
	t.Helper()
	switch frame.Kind {
	case wire.KindDone:
		var done wire.Done
		require.NoError(t, frame.Decode(frame.Kind, &done))
		require.Len(t, frame.Columns, len(done.Results))
		text := &strings.Builder{}
		fmt.Fprintf(text, "done %d:", done.Seq)
		for i, e := range done.Results {
			fmt.Fprintf(text, " %d=%s", e.Lo, frame.Columns[i])
		}
		return text.String() + strings.Repeat(" lost", len(done.Lost)) + strings.Repeat(" cancelled", len(done.Cancelled))
	case wire.KindBlobChunk:
		var chunk wire.BlobChunk
		require.NoError(t, frame.Decode(frame.Kind, &chunk))
		return fmt.Sprintf("piece of %d at %d+%d %v", chunk.Span.Lo, chunk.Offset, len(frame.Columns[0]), chunk.Last)
	default:
		return frame.Kind.String()
	}
}

func TestWhatEndsTogetherTravelsTogether(t *testing.T) {
	t.Parallel()
	o := outbox.New()
	require.True(t, o.Empty())
	lost, cancelled := wire.Loss{Span: span(3)}, wire.Stopped{Span: span(4)}
	o.Add(result(1, "a"), result(2, "b"))
	o.Add(outbox.End{Lost: &lost}, outbox.End{Cancelled: &cancelled})
	<-o.Ready()
	require.Equal(t, "done 1: 1=a 2=b lost cancelled", sent(t, o))
	require.Empty(t, sent(t, o))
	require.Equal(t, []wire.Span{span(1), span(2), span(3), span(4)}, o.Spans())
	require.Len(t, o.Acknowledge(1), 4)
	require.True(t, o.Empty())
}

func TestANewConnectionGetsAllThatIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	o := outbox.New()
	for i := range 3 {
		o.Add(result(i, "x"))
		sent(t, o)
	}
	o.Begun(span(9))
	o.Need(wire.Need{Function: "f"})
	o.Acknowledge(1)
	o.Add(result(7, "y"))
	o.Rewind()
	require.Equal(t, "done 2: 1=x, done 3: 2=x, done 4: 7=y", sent(t, o), "needs and begins are of the old connection")
	require.Len(t, o.Acknowledge(4), 3)
}

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	o := outbox.New()
	big := strings.Repeat("x", 3<<20)
	o.Add(result(1, big), result(2, big), result(3, ""))
	require.Equal(t, "done 1: 1="+big+", done 2: 2="+big+" 3=", sent(t, o))
	for i := range 2001 {
		o.Add(result(i, ""))
	}
	require.Equal(t, 2, strings.Count(sent(t, o), "done"))
}

func TestAFileGoesInPiecesBeforeItsMessage(t *testing.T) {
	t.Parallel()
	o := outbox.New()
	end := file(t, 1, 600<<10)
	o.Add(result(0, "a"), end)
	first, err := o.Next()
	require.NoError(t, err)
	require.Equal(t, "piece of 1 at 0+262144 false", show(t, first))
	o.Begun(span(5))
	o.Need(wire.Need{})
	const rest = "piece of 1 at 262144+262144 false, piece of 1 at 524288+90112 true, done 1: 0=a 1="
	require.Equal(t, "need, begun, "+rest, sent(t, o), "others do not wait for it")

	o.Rewind()
	_, err = o.Next()
	require.NoError(t, err)
	o.Rewind() // in the middle of the file
	require.Equal(t, "piece of 1 at 0+262144 false, "+rest, sent(t, o))
	o.Acknowledge(1)
	require.NoFileExists(t, end.File)
}

func TestAFileThatIsGoneIsAFailure(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(string) error{
		"missing": os.Remove,
		"cut":     func(path string) error { return os.Truncate(path, 10) },
	} {
		o := outbox.New()
		end := file(t, 1, 1000)
		require.NoError(t, spoil(end.File))
		o.Add(end)
		text := sent(t, o)
		require.Contains(t, text, `"code":"internal"`, name)
		require.Contains(t, text, "lost on the node", name)
		o.Acknowledge(1)
		require.True(t, o.Empty())
	}
}

func TestARefusedFileIsSentAgainLater(t *testing.T) {
	t.Parallel()
	o := outbox.New()
	end := file(t, 1, 10)
	o.Add(result(0, "a"), end)
	sent(t, o)
	o.Refused(span(1))
	require.Equal(t, []wire.Span{span(0)}, o.Acknowledge(1))
	require.FileExists(t, end.File)
	require.Empty(t, sent(t, o))
	require.False(t, o.Empty())
	require.Equal(t, []wire.Span{span(1)}, o.Spans())
	o.Retry()
	require.Equal(t, "piece of 1 at 0+10 true, done 2: 1=", sent(t, o))
	require.Len(t, o.Acknowledge(2), 1)
	require.NoFileExists(t, end.File)
	o.Close()
}

func TestAFileIsHashedWhileItIsSent(t *testing.T) {
	t.Parallel()
	o := outbox.New()
	end := file(t, 0, 600_000)
	end.Result.Blob.SHA256 = ""
	o.Add(end)
	for range 2 { // on another connection all is sent again
		o.Rewind()
		var done wire.Done
		for done.Seq == 0 {
			frame, err := o.Next()
			require.NoError(t, err)
			if frame.Kind == wire.KindDone {
				require.NoError(t, frame.Decode(frame.Kind, &done))
			}
		}
		sum := sha256.Sum256([]byte(strings.Repeat("x", 600_000)))
		require.Equal(t, &wire.Blob{Size: 600_000, SHA256: hex.EncodeToString(sum[:])}, done.Results[0].Blob)
	}
	require.Empty(t, end.Result.Blob.SHA256, "it is not the outbox's to change")
}
