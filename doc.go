// Package yonder holds the nouns of the platform, the state tables of its
// moving parts and its error codes. It imports the standard library only and
// performs no I/O, so that every other package can share one vocabulary.
package yonder
