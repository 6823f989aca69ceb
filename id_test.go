package yonder_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
)

func TestIDsKeepTheirTextAndStoredForms(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var id yonder.ID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		parsed, err := yonder.ParseID(id.String())
		require.NoError(t, err)
		require.Equal(t, id, parsed)

		data, err := json.Marshal(id)
		require.NoError(t, err)
		var decoded yonder.ID
		require.NoError(t, json.Unmarshal(data, &decoded))
		require.Equal(t, id, decoded)

		value, err := id.Value()
		require.NoError(t, err)
		var scanned yonder.ID
		require.NoError(t, scanned.Scan(value))
		require.Equal(t, id, scanned)
	})
}

func TestTaskIDsCarryTheirBundleAndIndex(t *testing.T) {
	t.Parallel()
	bundle := yonder.NewBundleID()
	require.Zero(t, bundle.Index())
	for _, index := range []int{0, 1, 255, 256, yonder.MaxBundleTasks - 1} {
		task := bundle.Task(index)
		require.Equal(t, index, task.Index())
		require.Equal(t, bundle, task.Bundle())
	}
}

func TestNewIDsSortByTime(t *testing.T) {
	t.Parallel()
	id := yonder.NewID()
	require.Equal(t, byte(7), id[6]>>4, "UUID version")
	require.Equal(t, byte(2), id[8]>>6, "UUID variant")
	made, ok := id.Time()
	require.True(t, ok)
	require.WithinDuration(t, time.Now(), made, time.Minute)
	_, ok = yonder.ID{}.Time()
	require.False(t, ok)
}

func TestMalformedIDsAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"x", "0198c5a2-7b1e-7c3d-9f00-3a5b6c7d000", "0198c5a2+7b1e-7c3d-9f00-3a5b6c7d0000",
		"0198c5a2-7b1e-7c3d-9f00-3a5b6c7d000g", "0198c5a27b1e7c3d9f003a5b6c7d00000000",
	} {
		_, err := yonder.ParseID(text)
		require.Equal(t, yonder.CodeInvalidID, yonder.CodeOf(err), text)
		require.ErrorContains(t, err, "expected 36 characters")
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := yonder.ParseID(text)
		if err != nil {
			return
		}
		again, err := yonder.ParseID(id.String())
		require.NoError(t, err)
		require.Equal(t, id, again)
	})
}
