package yonder

import (
	"crypto/rand"
	"database/sql/driver"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// ID names a function, endpoint, identity, token, group, bundle or task: 16
// bytes, written as a UUID. IDs are UUIDv7, so that rows made together lie
// together in an index.
type ID [16]byte

// MaxBundleTasks is the number of task indexes that fit into a bundle's ID.
const MaxBundleTasks = 1 << 16

// NewID returns a new random ID that sorts by its time of making.
func NewID() ID {
	var id ID
	_, _ = rand.Read(id[:]) // never fails: crypto/rand crashes the process instead
	ms := uint64(time.Now().UnixMilli())
	var stamp [8]byte
	binary.BigEndian.PutUint64(stamp[:], ms<<16)
	copy(id[:6], stamp[:6])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// NewBundleID returns a new ID whose low 16 bits are zero: they hold the
// index in the IDs of the bundle's tasks.
func NewBundleID() ID { return NewID().Bundle() }

// Time is when the ID was made, by the clock of whoever made it, to the
// millisecond; false if it does not say.
func (id ID) Time() (time.Time, bool) {
	var stamp [8]byte
	copy(stamp[2:], id[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(stamp[:]))).UTC(), id[6]>>4 == 7
}

// ParseID reads the 36-character text form.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, malformedID(s)
	}
	text := s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36]
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		return ID{}, malformedID(s)
	}
	return id, nil
}

func malformedID(s string) error {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return Errorf(CodeInvalidID, "%q is not an id: expected 36 characters like 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000", s)
}

// Task returns the ID of the bundle's task with the given index.
func (id ID) Task(index int) ID {
	binary.BigEndian.PutUint16(id[14:], uint16(index))
	return id
}

// Bundle returns the ID of the bundle that a task's ID belongs to.
func (id ID) Bundle() ID { return id.Task(0) }

// Index returns a task's index within its bundle.
func (id ID) Index() int { return int(binary.BigEndian.Uint16(id[14:])) }

// IsZero says whether the ID is unset.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the text form of a UUID.
func (id ID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// MarshalText writes the text form; an unset ID is the empty string.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return []byte{}, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText reads the text form or the empty string.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = ID{}
		return nil
	}
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// Value stores the ID as 16 bytes, an unset ID as NULL.
func (id ID) Value() (driver.Value, error) {
	if id.IsZero() {
		return nil, nil //nolint:nilnil // NULL is the stored form of an unset ID
	}
	return id[:], nil
}

// Scan reads what Value stored.
func (id *ID) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*id = ID{}
		return nil
	case []byte:
		if len(v) == len(id) {
			copy(id[:], v)
			return nil
		}
	}
	return fmt.Errorf("stored id has type %T, expected 16 bytes", src)
}
