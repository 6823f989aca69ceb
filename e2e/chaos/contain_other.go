//go:build !linux

package main

import "errors"

var (
	errNoSpace     = errors.New("no space left")
	errUnsupported = errors.New("this needs Linux")
)

func contained() bool                     { return false }
func canContain() bool                    { return false }
func contain() (int, error)               { return 0, errUnsupported }
func first() (int, error)                 { return 0, errUnsupported }
func mountTemporary(string, string) error { return errUnsupported }
