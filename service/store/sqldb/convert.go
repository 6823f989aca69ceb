package sqldb

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

// Listings return at most maxPage items, and defaultPage if not told.
const (
	defaultPage = 100
	maxPage     = 1000
)

// Listings run downwards from lastID or upwards from firstID. The zero id is
// stored as NULL, which compares with nothing.
var (
	firstID = yonder.ID{15: 1}
	lastID  = yonder.ID(bytes.Repeat([]byte{0xff}, len(yonder.ID{})))
)

func limit(page store.Page) int32 {
	if page.Limit <= 0 {
		return defaultPage
	}
	return int32(min(page.Limit, maxPage))
}

func after(page store.Page) yonder.ID {
	if page.After.IsZero() {
		return lastID
	}
	return page.After
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func moment(us int64) time.Time { return time.UnixMicro(us).UTC() }

func maybeMicros(t *time.Time) sql.NullInt64 {
	if t == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: micros(*t), Valid: true}
}

func maybeMoment(us sql.NullInt64) *time.Time {
	if !us.Valid {
		return nil
	}
	t := moment(us.Int64)
	return &t
}

// momentUnlessZero is for columns where 0 means unknown.
func momentUnlessZero(us int64) *time.Time {
	return maybeMoment(sql.NullInt64{Int64: us, Valid: us != 0})
}

func some(us int64) sql.NullInt64 { return sql.NullInt64{Int64: us, Valid: true} }

// document encodes a value of this repository's types, all of which encode.
func document(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encoding %T: %v", v, err))
	}
	return string(data)
}

// policy encodes a retry policy; one that says nothing is empty.
func policy(r yonder.Retry) string {
	if r.IsZero() {
		return ""
	}
	return document(r)
}

// parse reads a stored document into v; an empty one leaves v alone.
func parse(doc string, v any) error {
	if doc == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(doc), v); err != nil {
		return fmt.Errorf("decoding stored %T: %w", v, err)
	}
	return nil
}

// text makes what people write fit for a TEXT column: PostgreSQL takes
// neither broken UTF-8 nor NUL, and both engines shall keep the same.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// filled makes nil an empty value, since nil is stored as NULL.
func filled(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func maybeID(id yonder.ID) *yonder.ID {
	if id.IsZero() {
		return nil
	}
	return &id
}

func orNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// found turns the absence of a row into an answer for the caller.
func found(err error, format string, args ...any) error {
	if errors.Is(err, sql.ErrNoRows) {
		return yonder.Errorf(yonder.CodeNotFound, format, args...)
	}
	return err
}

// changed is found for statements that count the rows they changed.
func changed(n int64, err error, code yonder.Code, format string, args ...any) error {
	if err == nil && n == 0 {
		return yonder.Errorf(code, format, args...)
	}
	return err
}
